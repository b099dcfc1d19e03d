package iamkeys_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
	"github.com/keyrotator/keyrotator/store"
)

func TestIdentifyTellsTheUniqueID(t *testing.T) {
	isolate(t)
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(t, awsemu.Options{})
		first, err := cloud.keys.Identify(t.Context(), alice())
		must(t, err)
		if want := "arn:aws:iam::" + prodID + ":user/alice"; first.ARN != want || !strings.HasPrefix(first.UserID, "AIDA") {
			t.Errorf("identity %v, want %s", first, want)
		}
		must(t, cloud.DeleteUser(prodID, "alice"))
		_, err = cloud.keys.Identify(t.Context(), alice())
		wantOnly(t, err, rotator.ErrNoSuchEntity)
		_, err = cloud.CreateUser(prodID, "alice")
		must(t, err)
		second, err := cloud.keys.Identify(t.Context(), alice())
		must(t, err)
		if second.ARN != first.ARN || second.UserID == first.UserID {
			t.Errorf("a recreated user is %v, was %v", second, first)
		}
	})
}

func TestIdentifyRefusesAnswersAboutOthers(t *testing.T) {
	isolate(t)
	user := func(name, arn, id string) string {
		return "<GetUserResponse><GetUserResult><User><UserName>" + name + "</UserName><Arn>" + arn +
			"</Arn><UserId>" + id + "</UserId></User></GetUserResult></GetUserResponse>"
	}
	for name, body := range map[string]string{
		"an empty body": "",
		"another user":  user("bob", "arn:aws:iam::111122223333:user/bob", "AIDABOB"),
		"no ARN":        user("alice", "", "AIDAALICE"),
		"no unique id":  user("alice", "arn:aws:iam::111122223333:user/alice", ""),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := keyring(t, options(always(http.StatusOK, body))).Identify(t.Context(), alice())
			wantOnly(t, err, rotator.ErrAmbiguous)
		})
	}
}

func used(user, rest string) string {
	return "<GetAccessKeyLastUsedResponse><GetAccessKeyLastUsedResult><UserName>" + user + "</UserName>" + rest +
		"</GetAccessKeyLastUsedResult></GetAccessKeyLastUsedResponse>"
}

func TestLastUseIsKnownOnlyWhenAWSTellsIt(t *testing.T) {
	at := time.Date(2026, 11, 1, 2, 3, 0, 0, time.UTC)
	const never = "<AccessKeyLastUsed><ServiceName>N/A</ServiceName><Region>N/A</Region></AccessKeyLastUsed>"
	cases := map[string]struct {
		status int
		body   string
		want   rotator.LastUse
		err    error
	}{
		"used": {200, used("alice", "<AccessKeyLastUsed><LastUsedDate>2026-11-01T02:03:00Z</LastUsedDate>"+
			"<ServiceName>s3</ServiceName><Region>us-east-1</Region></AccessKeyLastUsed>"),
			rotator.LastUse{Known: true, At: at, Service: "s3", Region: "us-east-1"}, nil},
		"used, elsewhere unknown": {200, used("alice", "<AccessKeyLastUsed><LastUsedDate>2026-11-01T02:03:00Z</LastUsedDate>"+
			"<ServiceName>N/A</ServiceName><Region>N/A</Region></AccessKeyLastUsed>"),
			rotator.LastUse{Known: true, At: at}, nil},
		"never used":                     {200, used("alice", never), rotator.LastUse{Known: true}, nil},
		"never used, nothing named":      {200, used("alice", "<AccessKeyLastUsed/>"), rotator.LastUse{Known: true}, nil},
		"a service without a date":       {200, used("alice", strings.Replace(never, "N/A", "s3", 1)), rotator.LastUse{}, rotator.ErrAmbiguous},
		"a date that is none":            {200, used("alice", "<AccessKeyLastUsed><LastUsedDate>N/A</LastUsedDate></AccessKeyLastUsed>"), rotator.LastUse{}, rotator.ErrAmbiguous},
		"no word of use":                 {200, used("alice", ""), rotator.LastUse{}, rotator.ErrAmbiguous},
		"an empty body":                  {200, "", rotator.LastUse{}, rotator.ErrAmbiguous},
		"a key of another user":          {200, used("bob", never), rotator.LastUse{}, rotator.ErrAmbiguous},
		"a key of nobody":                {200, used("", never), rotator.LastUse{}, rotator.ErrAmbiguous},
		"denied, which is not unused":    {403, refusal("AccessDenied"), rotator.LastUse{}, rotator.ErrDenied},
		"throttled, which is not unused": {400, refusal("Throttling"), rotator.LastUse{}, rotator.ErrThrottled},
		"no such key, neither":           {404, refusal("NoSuchEntity"), rotator.LastUse{}, rotator.ErrNoSuchEntity},
		"an ill server, neither":         {500, refusal("ServiceFailure"), rotator.LastUse{}, rotator.ErrAmbiguous},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			synctest.Test(t, func(t *testing.T) {
				got, err := keyring(t, options(always(c.status, c.body))).LastUse(t.Context(), alice(), "AKIAONE")
				if c.err == nil {
					must(t, err)
				} else {
					wantOnly(t, err, c.err)
				}
				if got != c.want {
					t.Errorf("last use %+v, want %+v", got, c.want)
				}
			})
		})
	}
}

func TestLastUseAgreesWithTheEmulator(t *testing.T) {
	isolate(t)
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(t, awsemu.Options{})
		key := rotator.KeyID(cloud.old.KeyID())
		got, err := cloud.keys.LastUse(t.Context(), alice(), key)
		must(t, err)
		if want := (rotator.LastUse{Known: true}); got != want {
			t.Errorf("a new key's last use %+v, want %+v", got, want)
		}
		_, err = cloud.keys.SignIn(t.Context(), cloud.old, nil)
		must(t, err)
		got, err = cloud.keys.LastUse(t.Context(), alice(), key)
		must(t, err)
		if got.Service != "sts" || got.Region != region || got.At.IsZero() {
			t.Errorf("last use %+v, want the sign-in", got)
		}
	})
}

func TestSignInAsksEveryRegionWithTheCredentialItself(t *testing.T) {
	isolate(t)
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(t, awsemu.Options{Latency: [2]time.Duration{time.Second, time.Second}})
		regions := []string{"eu-west-1", "us-east-1", "ap-south-1"}
		who, err := cloud.keys.SignIn(t.Context(), cloud.old, regions)
		must(t, err)
		user, err := cloud.keys.Identify(t.Context(), alice())
		must(t, err)
		if who.ARN != user.ARN || who.UserID != user.UserID {
			t.Errorf("signed in as %v, want %v", who, user)
		}
		for i, call := range cloud.Calls()[:3] {
			if call.Region != regions[i] || call.KeyID != cloud.old.KeyID() || call.Operation != "GetCallerIdentity" {
				t.Errorf("call %d: %s in %s with %s", i, call.Operation, call.Region, call.KeyID)
			}
		}
		if last := cloud.Calls()[2].At.Truncate(time.Second); who.Date.Before(last) {
			t.Errorf("date %s, want the latest answer's (asked %s)", who.Date, last)
		}
	})
}

func TestAWrongSecretIsRefusedAfterTheRightOneOfTheSameKeySignedIn(t *testing.T) {
	isolate(t)
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(t, awsemu.Options{})
		id, secret, err := cloud.CreateAccessKey(prodID, "alice")
		must(t, err)
		_, err = cloud.keys.SignIn(t.Context(), store.NewCredential(id, secret), nil)
		must(t, err)
		who, err := cloud.keys.SignIn(t.Context(), store.NewCredential(id, "another"+secret[7:]), nil)
		if err == nil {
			t.Fatalf("a wrong secret signed in as %v", who)
		}
		wantOnly(t, err, rotator.ErrNotSignedIn)
	})
}

func TestSignInWithoutRegionsAsksTheAccountsOwn(t *testing.T) {
	isolate(t)
	cloud := newCloud(t, awsemu.Options{})
	_, err := cloud.keys.SignIn(t.Context(), cloud.old, nil)
	must(t, err)
	if calls := cloud.Calls(); len(calls) != 1 || calls[0].Region != region {
		t.Errorf("calls %v", calls)
	}
}

func TestRefusedCredentialIsNotTriedAgain(t *testing.T) {
	cases := map[string]func(*testing.T, cloud) store.Credential{
		"an inactive key": func(t *testing.T, c cloud) store.Credential {
			must(t, c.SetKeyStatus(c.old.KeyID(), awsemu.Inactive))
			return c.old
		},
		"a deleted key": func(t *testing.T, c cloud) store.Credential {
			must(t, c.DeleteKey(c.old.KeyID()))
			return c.old
		},
		"a mistyped secret": func(_ *testing.T, c cloud) store.Credential {
			return store.NewCredential(c.old.KeyID(), "mistyped")
		},
		"an unknown key": func(*testing.T, cloud) store.Credential {
			return store.NewCredential("AKIAIOSFODNN7EXAMPLE", canary)
		},
		"a key that is seconds old": func(t *testing.T, c cloud) store.Credential {
			made, err := c.keys.Create(t.Context(), alice())
			must(t, err)
			c.ResetCalls()
			return made.Credential
		},
	}
	for name, prepare := range cases {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			synctest.Test(t, func(t *testing.T) {
				c := newCloud(t, awsemu.Options{NewKeyDelay: [2]time.Duration{10 * time.Second, 10 * time.Second}})
				credential := prepare(t, c)
				_, err := c.keys.SignIn(t.Context(), credential, []string{"eu-west-1", "us-east-1"})
				wantOnly(t, err, rotator.ErrNotSignedIn)
				if got := c.sent(); !slices.Equal(got, []string{"GetCallerIdentity"}) {
					t.Errorf("sent %v, want one call", got)
				}
				if strings.Contains(fmt.Sprintf("%+v", err), credential.RevealSecret()) {
					t.Error("the error holds the secret")
				}
			})
		})
	}
}

func TestSignInFailsWhenRegionsDisagree(t *testing.T) {
	isolate(t)
	identity := func(name, id string) string {
		return "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/" + name +
			"</Arn><UserId>" + id + "</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
	}
	for name, second := range map[string]string{
		"another ARN":       identity("bob", "AIDAALICE"),
		"another unique id": identity("alice", "AIDAREBORN"),
		"an empty answer":   "",
	} {
		t.Run(name, func(t *testing.T) {
			answers := []string{identity("alice", "AIDAALICE"), second}
			w := &wire{answer: func(string) (*http.Response, error) {
				body := answers[0]
				answers = answers[1:]
				return respond(http.StatusOK, body), nil
			}}
			_, err := keyring(t, options(w)).SignIn(t.Context(), store.NewCredential("AKIANEW", canary), []string{"eu-west-1", "us-east-1"})
			wantOnly(t, err, rotator.ErrAmbiguous)
		})
	}
}

func TestSignInRefusesHalfACredential(t *testing.T) {
	isolate(t)
	w := always(http.StatusOK, "")
	for _, half := range []store.Credential{{}, store.NewCredential("AKIANEW", ""), store.NewCredential("", canary)} {
		_, err := keyring(t, options(w)).SignIn(t.Context(), half, nil)
		wantOnly(t, err, rotator.ErrRefused)
	}
	if w.count() != 0 {
		t.Errorf("%d calls sent, want none", w.count())
	}
}

func TestOwnKeyIsTheLongLivedOne(t *testing.T) {
	isolate(t)
	cases := map[string]struct {
		base aws.CredentialsProvider
		role string
		want rotator.KeyID
	}{
		"a user's key":               {base: credentials.NewStaticCredentialsProvider("AKIAOWN", "base", ""), want: "AKIAOWN"},
		"a user's key behind a role": {credentials.NewStaticCredentialsProvider("AKIAOWN", "base", ""), "arn:aws:iam::111122223333:role/x", "AKIAOWN"},
		"a role's session":           {base: credentials.NewStaticCredentialsProvider("ASIASESSION", "base", "token")},
		"a key with a session token": {base: credentials.NewStaticCredentialsProvider("AKIAODD", "base", "token")},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := always(http.StatusOK, "")
			o := options(w)
			o.Credentials, o.Role = c.base, c.role
			got, err := keyring(t, o).OwnKey(t.Context())
			must(t, err)
			if got != c.want || w.count() != 0 {
				t.Errorf("own key %q after %d calls, want %q after none", got, w.count(), c.want)
			}
		})
	}
	t.Run("no credentials at all", func(t *testing.T) {
		o := options(always(http.StatusOK, ""))
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, context.DeadlineExceeded
		})
		if key, err := keyring(t, o).OwnKey(t.Context()); err == nil {
			t.Errorf("own key %q, want an error", key)
		}
	})
}

func TestASignInKnowsHowFarAWSsClockIs(t *testing.T) {
	isolate(t)
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(t, awsemu.Options{})
		cloud.SetClockSkew(time.Hour)
		for range 2 { // the first is refused once, and learns
			_, err := cloud.keys.SignIn(t.Context(), cloud.old, nil)
			must(t, err)
		}
		if calls := len(cloud.Calls()); calls != 3 {
			t.Errorf("two sign-ins took %d calls, want 3", calls)
		}
	})
}
