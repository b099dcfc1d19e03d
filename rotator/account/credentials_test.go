package account_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/account"
)

// roleWire answers AssumeRole with an hour's credentials and every other call
// with an identity.
func roleWire() *wire {
	return &wire{answer: func(_ *http.Request, body string) (*http.Response, error) {
		if strings.Contains(body, "Action=AssumeRole") {
			return ok(assumed(time.Now().Add(time.Hour))), nil
		}
		return ok(identityOf("arn:aws:sts::" + prodID + ":assumed-role/keyrotator/session")), nil
	}}
}

func assumptions(w *wire) []url.Values {
	var out []url.Values
	for _, r := range w.requests() {
		if form, err := url.ParseQuery(r.body); err == nil && form.Get("Action") == "AssumeRole" {
			out = append(out, form)
		}
	}
	return out
}

func TestRoleIsAssumedOnceAndRenewedBeforeItExpires(t *testing.T) {
	isolate(t)
	synctest.Test(t, func(t *testing.T) {
		w := roleWire()
		o := options(w)
		o.Role, o.ExternalID, o.SessionName = prodRole, "shared-word", "replica-1"
		o.CallsInFlight = 1 // the renewal must not wait for the slot of its own caller
		a := open(t, o)
		if n := len(w.requests()); n != 0 {
			t.Errorf("%d calls before the first was asked for", n)
		}
		for range 3 {
			must(t, signIn(t.Context(), a))
		}
		got := assumptions(w)
		if len(got) != 1 {
			t.Fatalf("the role was assumed %d times, want once", len(got))
		}
		for name, want := range map[string]string{
			"RoleArn": prodRole, "ExternalId": "shared-word", "RoleSessionName": "replica-1", "DurationSeconds": "3600",
		} {
			if value := got[0].Get(name); value != want {
				t.Errorf("%s is %q, want %q", name, value, want)
			}
		}
		all := w.requests()
		if !strings.Contains(all[0].authorization, "AKIADAEMON") || !strings.Contains(all[1].authorization, "ASIAASSUMED") {
			t.Error("the role is not assumed with the base credentials, or not used")
		}

		time.Sleep(59 * time.Minute) // fake: the credentials have a minute left
		must(t, signIn(t.Context(), a))
		if n := len(assumptions(w)); n != 2 {
			t.Errorf("the role was assumed %d times, want a renewal before the expiry", n)
		}
	})
}

func TestFetchingCredentialsIsNobodysStep(t *testing.T) {
	isolate(t)
	w := roleWire()
	o := options(w)
	o.Role = prodRole
	a := open(t, o)
	tally := &rotator.Tally{}
	fenced := rotator.WithTally(rotator.WithFence(t.Context(), func() error { return rotator.ErrFenced }), tally)
	if err := signIn(fenced, a); !errors.Is(err, rotator.ErrFenced) {
		t.Errorf("error %v, want ErrFenced", err)
	}
	if n := len(assumptions(w)); n != 1 || len(w.requests()) != 1 {
		t.Errorf("%d roles assumed in %d calls; want one, for whoever calls next", n, len(w.requests()))
	}
	if len(tally.Calls()) != 0 {
		t.Errorf("the user's tally is %v, want nothing", tally.Calls())
	}
	must(t, signIn(t.Context(), a))
	if n := len(assumptions(w)); n != 1 {
		t.Errorf("the role was assumed %d times, want once", n)
	}
}

func TestBaseCredentialsStayVisibleBehindARole(t *testing.T) {
	isolate(t)
	o := options(roleWire())
	o.Role = prodRole
	got, err := open(t, o).Base().Retrieve(t.Context())
	must(t, err)
	if got.AccessKeyID != "AKIADAEMON" {
		t.Errorf("base key %s, want the daemon's own", got.AccessKeyID)
	}
}

func TestAmbientCredentialsComeFromTheEnvironment(t *testing.T) {
	isolate(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAAMBIENT")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "ambient")
	w := &wire{}
	o := options(w)
	o.Credentials = nil
	must(t, signIn(t.Context(), open(t, o)))
	if got := w.requests()[0].authorization; !strings.Contains(got, "AKIAAMBIENT") {
		t.Errorf("signed with %s", got)
	}
}

func TestInProcessTransportKeepsTheAmbientChainOffTheNetwork(t *testing.T) {
	var asked atomic.Int32
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusTeapot)
	}))
	defer metadata.Close()
	for _, mode := range []string{"legacy", "auto"} {
		t.Run("defaults mode "+mode, func(t *testing.T) {
			isolate(t)
			t.Setenv("AWS_DEFAULTS_MODE", mode)
			t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
			t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.URL)
			t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", metadata.URL)
			o := options(&wire{})
			o.Credentials = nil
			if a, err := account.New(t.Context(), o); err == nil {
				t.Errorf("prepared without credentials; signing in says %v", signIn(t.Context(), a))
			}
			t.Setenv("AWS_ACCESS_KEY_ID", "AKIAAMBIENT")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "ambient")
			must(t, signIn(t.Context(), open(t, o)))
			if asked.Load() != 0 {
				t.Errorf("%d calls left the process, want none", asked.Load())
			}
		})
	}
}
