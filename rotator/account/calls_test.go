package account_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/keyrotator/keyrotator/rotator"
)

func TestFenceIsAskedAfterSigningAndStopsTheCall(t *testing.T) {
	isolate(t)
	cases := map[string]error{
		"a plain refusal":                        rotator.ErrFenced,
		"an error that knows nothing of fences":  errors.New("lease lost"),
		"an error that the SDK would try again":  &net.OpError{Op: "dial", Err: errors.New("journal is away")},
		"an expired context of the fence itself": context.DeadlineExceeded,
	}
	for name, refusal := range cases {
		t.Run(name, func(t *testing.T) {
			var order []string
			w := &wire{}
			o := options(w)
			o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				order = append(order, "sign")
				return aws.Credentials{AccessKeyID: "AKIADAEMON", SecretAccessKey: "base"}, nil
			})
			observed := 0
			o.Observe = func(string, string, string, time.Duration) { observed++ }
			tally := &rotator.Tally{}
			ctx := rotator.WithTally(rotator.WithFence(t.Context(), func() error {
				order = append(order, "fence")
				return refusal
			}), tally)

			err := signIn(ctx, open(t, o))
			if !errors.Is(err, rotator.ErrFenced) || !errors.Is(err, refusal) {
				t.Errorf("error %v, want one that wraps ErrFenced and %v", err, refusal)
			}
			if want := []string{"sign", "fence"}; !slices.Equal(order, want) {
				t.Errorf("order %v, want %v", order, want)
			}
			if n := len(w.requests()); n != 0 || observed != 0 || len(tally.Calls()) != 0 {
				t.Errorf("%d calls sent, %d observed, tally %v; want none", n, observed, tally.Calls())
			}
		})
	}
}

func TestCallWhoseLeaseEndsWhileItWaitsIsNotSent(t *testing.T) {
	isolate(t)
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w := &wire{answer: func(*http.Request, string) (*http.Response, error) {
			<-release
			return ok(identityOf("arn:aws:iam::" + prodID + ":user/daemon")), nil
		}}
		o := options(w)
		o.CallsInFlight = 1
		a := open(t, o)
		go func() { _ = signIn(t.Context(), a) }()
		synctest.Wait()

		var owner atomic.Bool
		owner.Store(true)
		ctx := rotator.WithFence(t.Context(), func() error {
			if owner.Load() {
				return nil
			}
			return rotator.ErrFenced
		})
		result := make(chan error, 1)
		go func() { result <- signIn(ctx, a) }()
		synctest.Wait()
		owner.Store(false)
		close(release)
		if err := <-result; !errors.Is(err, rotator.ErrFenced) {
			t.Errorf("error %v, want ErrFenced", err)
		}
		if n := len(w.requests()); n != 1 {
			t.Errorf("%d calls sent, want the first one only", n)
		}
	})
}

func TestCallsInFlightAreBounded(t *testing.T) {
	isolate(t)
	synctest.Test(t, func(t *testing.T) {
		var flying, most atomic.Int32
		w := &wire{answer: func(*http.Request, string) (*http.Response, error) {
			most.Store(max(most.Load(), flying.Add(1)))
			time.Sleep(time.Second) // fake: the bubble's clock
			flying.Add(-1)
			return ok(identityOf("arn:aws:iam::" + prodID + ":user/daemon")), nil
		}}
		o := options(w)
		o.CallsInFlight = 3
		a := open(t, o)
		start := time.Now()
		var all sync.WaitGroup
		for range 9 {
			all.Go(func() {
				if err := signIn(t.Context(), a); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if most.Load() != 3 || time.Since(start) != 3*time.Second {
			t.Errorf("at most %d calls in flight, %s in all; want 3 and 3s", most.Load(), time.Since(start))
		}
	})
}

func TestCancelledWaitForASlotSendsNothing(t *testing.T) {
	isolate(t)
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w := &wire{answer: func(*http.Request, string) (*http.Response, error) {
			<-release
			return ok(identityOf("arn:aws:iam::" + prodID + ":user/daemon")), nil
		}}
		o := options(w)
		o.CallsInFlight = 1
		o.CallTimeout = time.Hour
		a := open(t, o)
		go func() { _ = signIn(t.Context(), a) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := signIn(ctx, a); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the deadline", err)
		}
		close(release)
		synctest.Wait()
		if n := len(w.requests()); n != 1 {
			t.Errorf("%d calls sent, want the first one only", n)
		}
	})
}

func TestEachCallHasItsTimeLimit(t *testing.T) {
	isolate(t)
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answer: func(r *http.Request, _ string) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}}
		o := options(w)
		o.CallTimeout = 7 * time.Second
		var seen []string
		o.Observe = func(service, operation, code string, took time.Duration) {
			seen = append(seen, fmt.Sprint(service, " ", operation, " ", code, " ", took))
		}
		if err := signIn(t.Context(), open(t, o)); err == nil {
			t.Error("a call without an answer succeeded")
		}
		if want := []string{"sts GetCallerIdentity unanswered 7s"}; !slices.Equal(seen, want) {
			t.Errorf("observed %q, want %q", seen, want)
		}
	})
}

func TestReadsAreRetriedABoundedNumberOfTimesAndEachIsCounted(t *testing.T) {
	isolate(t)
	t.Setenv("AWS_MAX_ATTEMPTS", "9")
	t.Setenv("AWS_RETRY_MODE", "adaptive")
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answer: func(*http.Request, string) (*http.Response, error) {
			return failed(http.StatusBadRequest, "Throttling"), nil
		}}
		o := options(w)
		var codes []string
		o.Observe = func(_, _, code string, _ time.Duration) { codes = append(codes, code) }
		tally := &rotator.Tally{}
		if err := listUsers(rotator.WithTally(t.Context(), tally), open(t, o)); err == nil {
			t.Error("a throttled call succeeded")
		}
		if want := map[string]int{"iam": 3}; !maps.Equal(tally.Calls(), want) {
			t.Errorf("tally %v, want %v", tally.Calls(), want)
		}
		if want := []string{"Throttling", "Throttling", "Throttling"}; !slices.Equal(codes, want) {
			t.Errorf("observed %v, want %v", codes, want)
		}
	})
}

func TestRedirectIsNotFollowed(t *testing.T) {
	isolate(t)
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			w := &wire{answer: func(*http.Request, string) (*http.Response, error) {
				answer := respond(status, "")
				answer.Header.Set("Location", "https://elsewhere.test/")
				return answer, nil
			}}
			if err := signIn(t.Context(), open(t, options(w))); err == nil {
				t.Error("a redirect passed for an answer")
			}
			if got := w.requests(); len(got) != 1 {
				t.Errorf("requests %v, want one", got)
			}
		})
	}
}
