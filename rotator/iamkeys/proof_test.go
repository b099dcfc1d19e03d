package iamkeys_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

const day = 24 * time.Hour

// proof asks the core for a permission in a world that grants it: AKIAOLD
// (Active or Inactive, as the verb wants) beside a newer key in use.
func proof(t *testing.T, verb rotator.Verb, user rotator.User, key rotator.KeyID) rotator.Proof {
	t.Helper()
	now := time.Now()
	const store = "file:/old"
	opening := rotator.Opening{
		Purpose: rotator.PurposeRotation, Retire: key, Keep: "AKIAOTHER",
		Consumers: []rotator.Pinned{{Name: store, Required: true, Record: true, Readable: true}},
	}
	held := opening.Keep
	if verb == rotator.VerbDiscard {
		opening.Retire, opening.Keep, held = opening.Keep, opening.Retire, opening.Keep
	}
	status := rotator.Active
	if verb == rotator.VerbDelete {
		status = rotator.Inactive
	}
	p, err := rotator.Authorise(rotator.State{
		User: user,
		Progress: rotator.Progress{
			UserID: "AIDAALICE",
			Cycle: &rotator.Cycle{
				Opening: opening, Pushed: map[string]time.Time{store: now.Add(-2 * day)}, Verified: now.Add(-2 * day), Inactive: now.Add(-day),
			},
		},
		Live: &rotator.Live{
			Needs: rotator.Needs{Keys: true, SignIn: opening.Keep, UseOf: key},
			Read:  now, Date: now,
			Keys: []rotator.Key{
				{ID: key, Status: status, Created: now.Add(-90 * day)},
				{ID: "AKIAOTHER", Status: rotator.Active, Created: now.Add(-3 * day)},
			},
			Use:    rotator.LastUse{Known: true},
			Signed: rotator.Identity{UserID: "AIDAALICE"},
			Stores: map[string]rotator.StoreView{store: {Held: held}},
		},
	}, rotator.Decision{Verb: verb, Key: key})
	must(t, err)
	return p
}

// destroy calls the method that is meant for the verb.
func destroy(ctx context.Context, k rotator.Keyring, verb rotator.Verb, p rotator.Proof) (time.Time, error) {
	if verb == rotator.VerbDeactivate {
		return k.Deactivate(ctx, p)
	}
	return k.Delete(ctx, p)
}

func destructive() []rotator.Verb {
	return []rotator.Verb{rotator.VerbDeactivate, rotator.VerbDelete, rotator.VerbDiscard}
}

func TestProofPermitsItsOwnVerbOnly(t *testing.T) {
	isolate(t)
	for _, proven := range destructive() {
		for _, called := range []rotator.Verb{rotator.VerbDeactivate, rotator.VerbDelete} {
			t.Run("calling "+string(called)+" with a proof to "+string(proven), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := always(http.StatusOK, "<R/>")
					_, err := destroy(t.Context(), keyring(t, options(w)), called, proof(t, proven, alice(), "AKIAOLD"))
					allowed := (called == rotator.VerbDeactivate) == (proven == rotator.VerbDeactivate)
					if allowed {
						must(t, err)
					} else {
						wantOnly(t, err, rotator.ErrRefused)
					}
					if sent := w.count() == 1; sent != allowed {
						t.Errorf("%d calls sent, permitted: %t", w.count(), allowed)
					}
				})
			})
		}
	}
}

func TestProofOfAnotherAccountDestroysNothing(t *testing.T) {
	isolate(t)
	synctest.Test(t, func(t *testing.T) {
		w := always(http.StatusOK, "<R/>")
		for _, verb := range destructive() {
			p := proof(t, verb, rotator.User{Account: "dev", Name: "alice"}, "AKIAOLD")
			_, err := destroy(t.Context(), keyring(t, options(w)), verb, p)
			wantOnly(t, err, rotator.ErrRefused)
		}
		if w.count() != 0 {
			t.Errorf("%d calls sent, want none", w.count())
		}
	})
}

func TestProofThatExpiresDestroysNothing(t *testing.T) {
	isolate(t)
	for _, verb := range destructive() {
		t.Run(string(verb)+" after a minute", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := always(http.StatusOK, "<R/>")
				o := options(w)
				o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
					t.Error("asked for credentials, to sign what must not be sent")
					return aws.Credentials{}, errors.New("none")
				})
				p := proof(t, verb, alice(), "AKIAOLD")
				time.Sleep(time.Minute) // fake
				_, err := destroy(t.Context(), keyring(t, o), verb, p)
				wantOnly(t, err, rotator.ErrRefused)
				if w.count() != 0 {
					t.Errorf("%d calls sent, want none", w.count())
				}
			})
		})
		t.Run(string(verb)+" that waits for its turn too long", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &wire{answer: func(string) (*http.Response, error) {
					time.Sleep(2 * time.Minute) // fake: the call that is in the way
					return nil, errors.New("slow")
				}}
				o := options(w)
				o.CallsInFlight, o.CallTimeout = 1, time.Hour
				keys := keyring(t, o)
				go func() { _, _ = keys.Create(t.Context(), alice()) }()
				synctest.Wait()
				_, err := destroy(t.Context(), keys, verb, proof(t, verb, alice(), "AKIAOLD"))
				wantOnly(t, err, rotator.ErrRefused)
				if w.count() != 1 {
					t.Errorf("%d calls sent, want the one in the way only", w.count())
				}
			})
		})
	}
}

func TestDestructiveCallsAreOneCallEachAndTellAWSsClock(t *testing.T) {
	isolate(t)
	cases := map[string]struct {
		fault awsemu.Kind
		want  error
	}{
		"without a fault":         {"", nil},
		"the answer is lost":      {awsemu.LoseAnswer, rotator.ErrAmbiguous},
		"a server error":          {awsemu.ServerError, rotator.ErrAmbiguous},
		"throttled":               {awsemu.Throttle, rotator.ErrThrottled},
		"denied":                  {awsemu.Refuse, rotator.ErrDenied},
		"answered without a date": {awsemu.NoDate, nil},
	}
	for name, c := range cases {
		for _, verb := range destructive() {
			t.Run(string(verb)+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cloud := newCloud(t, awsemu.Options{})
					cloud.SetClockSkew(time.Minute)
					if c.fault != "" {
						cloud.Inject(awsemu.Fault{Kind: c.fault})
					}
					date, err := destroy(t.Context(), cloud.keys, verb, proof(t, verb, alice(), rotator.KeyID(cloud.old.KeyID())))
					if c.want != nil {
						wantOnly(t, err, c.want)
					} else {
						must(t, err)
						checkDate(t, date, c.fault == awsemu.NoDate, cloud.Now())
						checkEffect(t, cloud, verb)
					}
					if got := cloud.sent(); len(got) != 1 {
						t.Errorf("sent %v, want one call", got)
					}
				})
			})
		}
	}
}

func checkDate(t *testing.T, date time.Time, undated bool, now time.Time) {
	t.Helper()
	if undated {
		now = time.Time{}
	}
	if want := now.Truncate(time.Second); !date.Equal(want) {
		t.Errorf("date %s, want %s", date, want)
	}
}

func checkEffect(t *testing.T, c cloud, verb rotator.Verb) {
	t.Helper()
	keys, err := c.Keys(prodID, "alice")
	must(t, err)
	var got []awsemu.Status
	for _, k := range keys {
		got = append(got, k.Status)
	}
	var want []awsemu.Status
	if verb == rotator.VerbDeactivate {
		want = []awsemu.Status{awsemu.Inactive}
	}
	if !slices.Equal(got, want) {
		t.Errorf("keys are %v, want %v", got, want)
	}
}

func TestDeleteOfADeletedKeyIsNoSuchEntity(t *testing.T) {
	isolate(t)
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t, awsemu.Options{})
		must(t, c.DeleteKey(c.old.KeyID()))
		_, err := c.keys.Delete(t.Context(), proof(t, rotator.VerbDelete, alice(), rotator.KeyID(c.old.KeyID())))
		wantOnly(t, err, rotator.ErrNoSuchEntity)
	})
}
