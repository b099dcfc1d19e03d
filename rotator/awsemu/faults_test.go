package awsemu_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// tryCreate calls CreateAccessKey for the user ci.
func (c *cloud) tryCreate(ctx context.Context) error {
	_, err := c.iam().CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("ci")})
	return err
}

// truth are the ids of ci's keys, without lag.
func (c *cloud) truth() int {
	c.t.Helper()
	keys, err := c.server.Keys(prod, "ci")
	must(c.t, err)
	return len(keys)
}

func TestFaultsBeforeAndAfterTheEffect(t *testing.T) {
	cases := map[awsemu.Kind]struct {
		code   string
		status int
		keys   int
	}{
		awsemu.Throttle:         {"Throttling", 400, 1},
		awsemu.Refuse:           {"AccessDenied", 403, 1},
		awsemu.ServerError:      {"ServiceFailure", 500, 1},
		awsemu.ServerErrorAfter: {"ServiceFailure", 500, 2},
		awsemu.DropBefore:       {"dropped", 0, 1},
		awsemu.LoseAnswer:       {"dropped", 0, 2},
		awsemu.QuotaRace:        {"", 0, 3},
		awsemu.NoDate:           {"", 0, 2},
	}
	for kind, want := range cases {
		t.Run(string(kind), func(t *testing.T) {
			c := newCloud(t, awsemu.Options{})
			c.user("ci")
			c.server.Inject(awsemu.Fault{Kind: kind, Service: "iam", Operation: "CreateAccessKey", User: "ci", Count: 1})
			err := c.tryCreate(t.Context())
			if want.code == "dropped" {
				if !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("error %v, want a lost connection", err)
				}
			} else {
				wantCode(t, err, want.code)
			}
			if want.status != 0 && status(err) != want.status {
				t.Errorf("status %d, want %d", status(err), want.status)
			}
			if got := c.truth(); got != want.keys {
				t.Errorf("%d keys, want %d", got, want.keys)
			}
			calls := c.server.Calls()
			if len(calls) != 1 || calls[0].Fault != kind {
				t.Errorf("call log %+v", calls)
			}
		})
	}
}

func TestTheSDKsRetryLosesAKey(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	c.user("ci")
	c.server.Inject(awsemu.Fault{Kind: awsemu.LoseAnswer, Operation: "CreateAccessKey", Count: 1})
	c.admin.Retryer = nil // the default, which retries
	wantCode(t, c.tryCreate(t.Context()), "LimitExceeded")
	if c.truth() != 2 {
		t.Errorf("%d keys", c.truth())
	}
}

func TestFaultsChooseTheirCalls(t *testing.T) {
	create := "CreateAccessKey"
	cases := map[string]struct {
		fault awsemu.Fault
		want  []string // codes of: create for ci, list ci, create for ci, list else
	}{
		"by user":             {awsemu.Fault{User: "else"}, []string{"", "", "LimitExceeded", "Throttling"}},
		"by operation":        {awsemu.Fault{Operation: create}, []string{"Throttling", "", "Throttling", ""}},
		"by another service":  {awsemu.Fault{Service: "sts"}, []string{"", "", "LimitExceeded", ""}},
		"by count":            {awsemu.Fault{Count: 2}, []string{"Throttling", "Throttling", "", ""}},
		"by skip":             {awsemu.Fault{Skip: 1, Count: 1}, []string{"", "Throttling", "LimitExceeded", ""}},
		"by a key not in use": {awsemu.Fault{KeyID: "AKIA"}, []string{"", "", "LimitExceeded", ""}},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t, awsemu.Options{})
			c.user("ci")
			c.user("else")
			tt.fault.Kind = awsemu.Throttle
			c.server.Inject(tt.fault)
			list := func(user string) error {
				_, err := c.iam().ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: &user})
				return err
			}
			got := []string{code(c.tryCreate(t.Context())), code(list("ci")), code(c.tryCreate(t.Context())), code(list("else"))}
			if !slices.Equal(got, tt.want) {
				t.Errorf("codes %q, want %q", got, tt.want)
			}
		})
	}
}

func TestARemovedFaultIsGoneAndOnlyThatOne(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	c.user("ci")
	c.server.Inject(awsemu.Fault{Kind: awsemu.Throttle, User: "nobody"})
	remove := c.server.Inject(awsemu.Fault{Kind: awsemu.Throttle})
	wantCode(t, c.tryCreate(t.Context()), "Throttling")
	remove()
	remove()
	wantCode(t, c.tryCreate(t.Context()), "")
}

func TestProbabilityIsSeeded(t *testing.T) {
	run := func(seed uint64) (hit []int) {
		c := newCloud(t, awsemu.Options{Seed: seed})
		c.user("ci")
		c.server.Inject(awsemu.Fault{Kind: awsemu.Throttle, Probability: 0.5})
		for i := range 40 {
			if _, err := c.iam().GetUser(t.Context(), &iam.GetUserInput{}); err != nil {
				hit = append(hit, i)
			}
		}
		return hit
	}
	first := run(1)
	if len(first) < 8 || len(first) > 32 {
		t.Errorf("%d of 40 hit", len(first))
	}
	if !slices.Equal(first, run(1)) || slices.Equal(first, run(2)) {
		t.Error("the seed does not decide")
	}
}

func TestANewKeyFlapsAfterItsFirstSuccess(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	oldID, oldSecret := c.user("ci")
	faults, err := awsemu.ParseFaults("flap-new-key")
	must(t, err)
	c.server.Inject(faults[0])
	id, secret := c.create("ci")
	var got []string
	for range 5 {
		got = append(got, c.signIn(id, secret, ""))
	}
	if want := []string{"", "InvalidClientTokenId", "InvalidClientTokenId", "", ""}; !slices.Equal(got, want) {
		t.Errorf("sign-ins %q, want %q", got, want)
	}
	for range 5 {
		if got := c.signIn(oldID, oldSecret, ""); got != "" {
			t.Errorf("the old key flaps: %q", got)
		}
	}
}

func TestAKeyKeptAliveDiesWhenTheFaultGoes(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	id, secret := c.user("ci")
	must(t, c.server.DeleteKey(id))
	remove := c.server.Inject(awsemu.Fault{Kind: awsemu.KeepAlive, User: "ci"})
	if got := c.signIn(id, secret, ""); got != "" {
		t.Errorf("kept alive: %q", got)
	}
	if got := c.signIn(id, "wrong"+secret[5:], ""); got != "SignatureDoesNotMatch" {
		t.Errorf("kept alive, wrong secret: %q", got)
	}
	remove()
	if got := c.signIn(id, secret, ""); got != "InvalidClientTokenId" {
		t.Errorf("afterwards: %q", got)
	}
}

func TestAStaleListShowsTheStateBeforeTheLastChange(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	id, _ := c.user("ci")
	c.create("ci")
	c.server.Inject(awsemu.Fault{Kind: awsemu.StaleList, Count: 1})
	if got := c.listed("ci"); !slices.Equal(got, []string{id}) {
		t.Errorf("stale list %v", got)
	}
	if got := c.listed("ci"); len(got) != 2 {
		t.Errorf("next list %v", got)
	}
}

func TestDelaysAndLateEffects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t, awsemu.Options{})
		c.user("ci")
		c.server.Inject(awsemu.Fault{Kind: awsemu.Delay, Operation: "CreateAccessKey", Count: 1, For: seconds(30)})
		ctx, cancel := context.WithTimeout(t.Context(), seconds(10))
		err := c.tryCreate(ctx)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || c.truth() != 1 {
			t.Errorf("delayed: %v, %d keys", err, c.truth())
		}
		c.server.Inject(awsemu.Fault{Kind: awsemu.LateEffect, Operation: "CreateAccessKey", Count: 1, For: seconds(60)})
		if err := c.tryCreate(t.Context()); !errors.Is(err, io.ErrUnexpectedEOF) || c.truth() != 1 {
			t.Errorf("late: %v, %d keys at once", err, c.truth())
		}
		must(t, c.server.Wait(t.Context()))
		if c.truth() != 2 {
			t.Errorf("late: %d keys in the end", c.truth())
		}
	})
}

func TestAnAnswerWithoutADate(t *testing.T) {
	for _, listening := range []bool{false, true} {
		c := newCloud(t, awsemu.Options{})
		if listening {
			l, err := c.server.Listen("127.0.0.1:0")
			must(t, err)
			t.Cleanup(func() { must(t, l.Close()) })
			c.admin.BaseEndpoint, c.admin.HTTPClient = aws.String(l.URL()), http.DefaultClient
		}
		dated := func() bool {
			out, err := c.iam().GetUser(t.Context(), &iam.GetUserInput{})
			must(t, err)
			return header(out.ResultMetadata).Get("Date") != ""
		}
		c.server.Inject(awsemu.Fault{Kind: awsemu.NoDate, Count: 1})
		if dated() || !dated() {
			t.Errorf("listening %v: the Date header does not follow the fault", listening)
		}
	}
}

func TestTheDateHeaderFollowsTheEmulatorsClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t, awsemu.Options{})
		c.server.SetClockSkew(10 * time.Minute)
		out, err := c.secrets().CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("x")})
		must(t, err)
		got := header(out.ResultMetadata)
		if got, want := got.Get("Date"), time.Now().Add(10*time.Minute).UTC().Format(http.TimeFormat); got != want {
			t.Errorf("Date %q, want %q", got, want)
		}
		if got.Get("x-amzn-RequestId") == "" {
			t.Error("no request id")
		}
	})
}
