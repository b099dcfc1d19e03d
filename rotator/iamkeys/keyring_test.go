package iamkeys_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// methods are all that take a user, called with an otherwise sound request.
func methods(k interface {
	rotator.Keyring
	rotator.Witness
}) map[string]func(context.Context, rotator.User) error {
	return map[string]func(context.Context, rotator.User) error{
		"List":     func(ctx context.Context, u rotator.User) error { _, err := k.List(ctx, u); return err },
		"Create":   func(ctx context.Context, u rotator.User) error { _, err := k.Create(ctx, u); return err },
		"Activate": func(ctx context.Context, u rotator.User) error { _, err := k.Activate(ctx, u, "AKIAOLD"); return err },
		"Identify": func(ctx context.Context, u rotator.User) error { _, err := k.Identify(ctx, u); return err },
		"LastUse":  func(ctx context.Context, u rotator.User) error { _, err := k.LastUse(ctx, u, "AKIAOLD"); return err },
	}
}

func TestUserThatIsNotOursIsRefusedBeforeAnyCall(t *testing.T) {
	isolate(t)
	users := map[string]rotator.User{
		"an empty name, which IAM reads as myself": {Account: "prod"},
		"no user at all":                {},
		"a name that IAM does not take": {Account: "prod", Name: "a/b"},
		"a user of another account":     {Account: "dev", Name: "alice"},
	}
	w := always(http.StatusOK, created("alice"))
	for method, call := range methods(keyring(t, options(w))) {
		for name, user := range users {
			t.Run(method+" of "+name, func(t *testing.T) {
				wantOnly(t, call(t.Context(), user), rotator.ErrRefused)
			})
		}
	}
	if w.count() != 0 {
		t.Errorf("%d calls sent, want none", w.count())
	}
}

func TestEmptyKeyIsRefusedBeforeAnyCall(t *testing.T) {
	isolate(t)
	w := always(http.StatusOK, "")
	keys := keyring(t, options(w))
	_, err := keys.Activate(t.Context(), alice(), "")
	wantOnly(t, err, rotator.ErrRefused)
	_, err = keys.LastUse(t.Context(), alice(), "")
	wantOnly(t, err, rotator.ErrRefused)
	if w.count() != 0 {
		t.Errorf("%d calls sent, want none", w.count())
	}
}

func TestZeroProofDestroysNothing(t *testing.T) {
	isolate(t)
	w := always(http.StatusOK, "")
	keys := keyring(t, options(w))
	_, err := keys.Deactivate(t.Context(), rotator.Proof{})
	wantOnly(t, err, rotator.ErrRefused)
	_, err = keys.Delete(t.Context(), rotator.Proof{})
	wantOnly(t, err, rotator.ErrRefused)
	if w.count() != 0 {
		t.Errorf("%d calls sent, want none", w.count())
	}
}

func TestEveryAnswerHasOneSentinel(t *testing.T) {
	cases := map[string]struct {
		status int
		body   string
		want   error
	}{
		"throttling":                           {400, refusal("Throttling"), rotator.ErrThrottled},
		"throttling in the JSON protocols":     {400, refusal("ThrottlingException"), rotator.ErrThrottled},
		"the request limit, with a 503":        {503, refusal("RequestLimitExceeded"), rotator.ErrThrottled},
		"too many requests, unexplained":       {429, "", rotator.ErrThrottled},
		"somebody changes the user right now":  {409, refusal("ConcurrentModification"), rotator.ErrThrottled},
		"the user cannot be changed right now": {409, refusal("EntityTemporarilyUnmodifiable"), rotator.ErrThrottled},
		"not allowed":                          {403, refusal("AccessDenied"), rotator.ErrDenied},
		"our own credential is refused":        {403, refusal("InvalidClientTokenId"), rotator.ErrDenied},
		"our own signature is refused":         {403, refusal("SignatureDoesNotMatch"), rotator.ErrDenied},
		"our own session has expired":          {403, refusal("ExpiredToken"), rotator.ErrDenied},
		"no such entity":                       {404, refusal("NoSuchEntity"), rotator.ErrNoSuchEntity},
		"the quota":                            {409, refusal("LimitExceeded"), rotator.ErrQuota},
		"another refusal":                      {400, refusal("ValidationError"), rotator.ErrRefused},
		"a clock that is off":                  {400, refusal("RequestExpired"), rotator.ErrRefused},
		"a request that timed out over there":  {400, refusal("RequestTimeout"), rotator.ErrAmbiguous},
		"a server's failure":                   {500, refusal("ServiceFailure"), rotator.ErrAmbiguous},
		"a refusal's code with a 500":          {500, refusal("NoSuchEntity"), rotator.ErrAmbiguous},
		"service unavailable":                  {503, refusal("ServiceUnavailable"), rotator.ErrAmbiguous},
		"a gateway's page":                     {502, "<html>bad gateway</html>", rotator.ErrAmbiguous},
		"a refusal without AWS's code":         {403, "<html>blocked by a proxy</html>", rotator.ErrAmbiguous},
		"a redirect":                           {307, "", rotator.ErrAmbiguous},
	}
	for name, c := range cases {
		for _, method := range []string{"List", "Create", "Activate", "Identify", "LastUse"} {
			t.Run(method+" with "+name, func(t *testing.T) {
				isolate(t)
				synctest.Test(t, func(t *testing.T) {
					call := methods(keyring(t, options(always(c.status, c.body))))[method]
					wantOnly(t, call(t.Context(), alice()), c.want)
				})
			})
		}
	}
}

func TestActivateIsOneCallAndTellsAWSsClock(t *testing.T) {
	isolate(t)
	synctest.Test(t, func(t *testing.T) {
		aws := newCloud(t, awsemu.Options{})
		must(t, aws.SetKeyStatus(aws.old.KeyID(), awsemu.Inactive))
		aws.SetClockSkew(time.Minute)
		date, err := aws.keys.Activate(t.Context(), alice(), rotator.KeyID(aws.old.KeyID()))
		must(t, err)
		if want := aws.Now().Truncate(time.Second); !date.Equal(want) {
			t.Errorf("date %s, want %s", date, want)
		}
		listing, err := aws.keys.List(t.Context(), alice())
		must(t, err)
		if listing.Keys[0].Status != rotator.Active {
			t.Errorf("status %s", listing.Keys[0].Status)
		}
		aws.ResetCalls()
		aws.Inject(awsemu.Fault{Kind: awsemu.LoseAnswer, Operation: "UpdateAccessKey"})
		_, err = aws.keys.Activate(t.Context(), alice(), rotator.KeyID(aws.old.KeyID()))
		wantOnly(t, err, rotator.ErrAmbiguous)
		if got := aws.sent(); !slices.Equal(got, []string{"UpdateAccessKey"}) {
			t.Errorf("sent %v, want one call", got)
		}
	})
}

func TestFenceComesBackAsItselfAndNothingIsSent(t *testing.T) {
	isolate(t)
	w := always(http.StatusOK, created("alice"))
	ctx := rotator.WithFence(t.Context(), func() error { return rotator.ErrFenced })
	for method, call := range methods(keyring(t, options(w))) {
		t.Run(method, func(t *testing.T) { wantOnly(t, call(ctx, alice()), rotator.ErrFenced) })
	}
	if w.count() != 0 {
		t.Errorf("%d calls sent, want none", w.count())
	}
}

func TestCreateThatWasNeverSentIsNotAmbiguous(t *testing.T) {
	const role = "arn:aws:iam::" + prodID + ":role/keyrotator"
	cases := map[string]struct {
		answer func(string) (*http.Response, error)
		want   error
	}{
		"the role is denied": {func(string) (*http.Response, error) {
			return respond(http.StatusForbidden, refusal("AccessDenied")), nil
		}, rotator.ErrDenied},
		"the role's service throttles": {func(string) (*http.Response, error) {
			return respond(http.StatusBadRequest, refusal("Throttling")), nil
		}, rotator.ErrThrottled},
		"the role's service is ill": {func(string) (*http.Response, error) {
			return respond(http.StatusInternalServerError, refusal("InternalFailure")), nil
		}, rotator.ErrThrottled},
		"the role's service is out of reach": {func(string) (*http.Response, error) {
			return nil, io.ErrUnexpectedEOF
		}, rotator.ErrThrottled},
		"our own key is gone": {func(string) (*http.Response, error) {
			return respond(http.StatusForbidden, refusal("InvalidClientTokenId")), nil
		}, rotator.ErrDenied},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			synctest.Test(t, func(t *testing.T) {
				w := &wire{answer: c.answer}
				o := options(w)
				o.Role = role
				_, err := keyring(t, o).Create(t.Context(), alice())
				wantOnly(t, err, c.want)
				for _, body := range w.bodies {
					if strings.Contains(body, "CreateAccessKey") {
						t.Error("the create was sent")
					}
				}
			})
		})
	}
	t.Run("another call takes all the time there is", func(t *testing.T) {
		isolate(t)
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			w := &wire{answer: func(string) (*http.Response, error) {
				<-release
				return nil, errors.New("released")
			}}
			o := options(w)
			o.CallsInFlight = 1
			keys := keyring(t, o)
			go func() { _, _ = keys.Create(t.Context(), alice()) }()
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := keys.Create(ctx, alice())
			wantOnly(t, err, rotator.ErrThrottled)
			close(release)
			synctest.Wait()
			if w.count() != 1 {
				t.Errorf("%d calls sent, want the first one only", w.count())
			}
		})
	})
}
