package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// demoPatience bounds a demo on a machine that has much else to do.
const demoPatience = 3 * time.Minute

// The demo is the whole program against a clock that nobody can fake: its
// consumers run beside it. The demonstrations below share the time that they take.
func TestTheDemoRotatesEveryUserAndNobodyFails(t *testing.T) {
	t.Parallel()
	r := demonstrate(t.Context(), demonstration{users: 3, limit: demoPatience})
	r.check(t)
	if r.err != nil {
		t.Fatalf("the demo failed: %v", r.err)
	}
	if len(r.tally.Users) != 3 {
		t.Fatalf("%d users in the tally, want 3", len(r.tally.Users))
	}
	for _, u := range r.tally.Users {
		if len(u.After) != 1 || u.After[0].Key == u.Before || u.After[0].Status != "Active" || !u.Closed {
			t.Errorf("%s had %s and has %v, closed %v: want one new active key", u.User, u.Before, u.After, u.Closed)
		}
	}
	first := r.tally.Users[0] // its one store is a secret
	if n := first.Calls["iam"]; n == 0 || n > 10 {
		t.Errorf("the rotation of %s took %d IAM calls, want 1 to 10", first.User, n)
	}
	if r.tally.SignIns.Tried < 100 || r.tally.SignIns.Failed != 0 || r.tally.SignIns.Unanswered != 0 {
		t.Errorf("%s, want more than 100 and none that failed", r.tally.SignIns)
	}
	for _, said := range []string{"is too old", "3 times in a row → its secret may go out", "is refused again", "made inactive", "the cycle is closed"} {
		if !strings.Contains(r.stderr, said) {
			t.Errorf("the narration does not say %q", said)
		}
	}
}

func TestWhateverBreaksNoSignInFails(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, faults string
		says         string
		closes       bool
	}{
		{"the answer to a create is lost", "lose-answer iam:CreateAccessKey", "is its own orphan", true},
		{"answers of Secrets Manager are lost", "lose-answer secretsmanager:PutSecretValue x2; lose-answer secretsmanager:UpdateSecretVersionStage x2", "", true},
		{"AWS throttles", "throttle iam:ListAccessKeys x6; throttle sts:GetCallerIdentity x6; throttle secretsmanager x4", "", true},
		{"answers to the cut and the delete are lost", "lose-answer iam:UpdateAccessKey; lose-answer iam:DeleteAccessKey", "", true},
		{"lists are stale", "stale-list x3", "", true},
		{"the quota leaks and a stranger's key appears", "quota-race iam:CreateAccessKey", "keyrotator adopt prod/", false},
		{"a store refuses", "refuse secretsmanager:PutSecretValue x2; server-error-after secretsmanager:PutSecretValue x2", "", true},
		{"answers have no date", "no-date iam x3; no-date sts x3", "", true},
	}
	// A demo waits most of the time: all of them run at once.
	ended := make([]demonstrated, len(tests))
	var demos sync.WaitGroup
	for i, x := range tests {
		demos.Go(func() {
			ended[i] = demonstrate(t.Context(), demonstration{users: 2, faults: x.faults, limit: demoPatience})
		})
	}
	demos.Wait()
	for i, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			r := ended[i]
			r.check(t)
			if r.err != nil {
				t.Fatalf("the demo failed: %v\n%s", r.err, r.stderr)
			}
			if r.tally.SignIns.Failed != 0 || r.tally.SignIns.Tried == 0 {
				t.Errorf("%s", r.tally.SignIns)
			}
			text, err := json.Marshal(r.tally)
			if err != nil {
				t.Fatal(err)
			}
			if x.says != "" && !strings.Contains(r.stderr+string(text), x.says) {
				t.Errorf("neither narration nor tally says %q:\n%s", x.says, r.stderr)
			}
			for _, u := range r.tally.Users {
				if x.closes && !u.Closed {
					t.Errorf("the rotation of %s did not close:\n%s", u.User, r.stderr)
				}
			}
		})
	}
}

func TestAServedDemoCanBePointedAtUntilItEnds(t *testing.T) {
	t.Parallel()
	var stdout, stderr safeBuffer
	var w *demoWorld
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		c := newCLI(strings.NewReader(""), &stdout, &stderr)
		ended <- c.demo(ctx, demonstration{users: 1, serve: true, listen: "127.0.0.1:0", made: func(made *demoWorld) { w = made }})
	}()
	stdout.await(t, "Ctrl-C", 1)
	exported := map[string]string{}
	for _, found := range regexp.MustCompile(`export (\S+)=(\S+)`).FindAllStringSubmatch(stdout.String(), -1) {
		exported[found[1]] = found[2]
	}
	client := sts.New(sts.Options{
		Region: exported["AWS_DEFAULT_REGION"], BaseEndpoint: aws.String(exported["AWS_ENDPOINT_URL"]),
		Credentials: credentials.NewStaticCredentialsProvider(exported["AWS_ACCESS_KEY_ID"], exported["AWS_SECRET_ACCESS_KEY"], ""),
	})
	who, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || !strings.HasSuffix(aws.ToString(who.Arn), ":user/emulator-admin") {
		t.Errorf("signing in with what was printed: %v, %v", who, err)
	}
	config := regexp.MustCompile(`run --config (\S+)`).FindStringSubmatch(stdout.String())
	if len(config) != 2 {
		t.Fatalf("no configuration is named:\n%s", stdout.String())
	}
	var table safeBuffer
	c := newCLI(strings.NewReader(""), &table, &stderr)
	if code := c.execute(t.Context(), []string{"status", "--config", config[1]}); code != exitOK || !strings.Contains(table.String(), "prod/ci-deployer") {
		t.Errorf("status ended with %d and\n%s", code, table.String())
	}
	interrupt()
	if err := <-ended; err != nil {
		t.Errorf("the demo ended with %v", err)
	}
	if !strings.Contains(stdout.String(), " 0 failed") {
		t.Errorf("no tally at the end:\n%s", stdout.String())
	}
	if _, err := os.Stat(w.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the demo left %s behind", w.dir)
	}
}

func TestADemoWithBadArgumentsStartsNothing(t *testing.T) {
	for _, x := range []struct {
		name string
		d    demonstration
		want string
	}{
		{"no users", demonstration{users: 0}, "want 1 to 50"},
		{"a fault that does not exist", demonstration{users: 1, faults: "explode"}, "unknown kind"},
		{"an address that others can reach", demonstration{users: 1, serve: true, listen: "0.0.0.0:0"}, "not a loopback address"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newCLI(strings.NewReader(""), io.Discard, io.Discard)
			err := c.demo(t.Context(), x.d)
			if exitCode(err) != exitUsage || !strings.Contains(err.Error(), x.want) {
				t.Errorf("demo ended with %v, want %q and exit code %d", err, x.want, exitUsage)
			}
		})
	}
}

// demonstrated is what came of a demo.
type demonstrated struct {
	tally          tally
	stdout, stderr string
	dir            string
	seen           *secrets
	err            error
	failed         error // of the test itself
}

// demonstrate runs a demo in this process. Check what came of it.
func demonstrate(ctx context.Context, d demonstration) demonstrated {
	var stdout, stderr safeBuffer
	c := newCLI(strings.NewReader(""), &stdout, &stderr)
	c.output = formJSON
	r := demonstrated{seen: &secrets{}}
	d.made = func(w *demoWorld) {
		r.dir = w.dir
		r.failed = r.seen.take(w)
		w.wire = r.seen
	}
	r.err = c.demo(ctx, d)
	r.stdout, r.stderr = stdout.String(), stderr.String()
	r.failed = errors.Join(r.failed, json.Unmarshal([]byte(r.stdout), &r.tally))
	return r
}

// check fails the test if anything that the demo printed holds a secret, or if
// it left its folder behind.
func (r demonstrated) check(t *testing.T) {
	t.Helper()
	if r.failed != nil {
		t.Fatalf("the demo was not set up, or its tally is no JSON: %v:\n%s\n%s", r.failed, r.stdout, r.stderr)
	}
	if r.seen.count() < 2*len(r.tally.Users)-1 {
		t.Errorf("only %d secrets were seen: the search for them is broken", r.seen.count())
	}
	r.seen.missingFrom(t, "stdout", r.stdout)
	r.seen.missingFrom(t, "stderr", r.stderr)
	if _, err := os.Stat(r.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the demo left %s behind", r.dir)
	}
}

// secrets is a transport that remembers every secret access key that it carries.
type secrets struct {
	next http.RoundTripper

	mu    sync.Mutex
	known map[string]bool
}

var secretKeys = regexp.MustCompile(`(?:<SecretAccessKey>|AWS_SECRET_ACCESS_KEY[\\": ]+|aws_secret_access_key = )([A-Za-z0-9/+=]{40})`)

func (s *secrets) remember(text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, found := range secretKeys.FindAllSubmatch(text, -1) {
		s.known[string(found[1])] = true
	}
}

// take begins with the secrets that the demo's world starts with.
func (s *secrets) take(w *demoWorld) error {
	s.next, s.known = w.wire, map[string]bool{w.admin.SecretAccessKey: true}
	for _, u := range w.users {
		if u.path != "" {
			text, err := os.ReadFile(u.path)
			if err != nil {
				return err
			}
			s.remember(text)
		}
		if u.secret != "" {
			text, _, err := w.emu.Secret(demoID, demoRegion, u.secret, "")
			if err != nil {
				return err
			}
			s.remember([]byte(text))
		}
	}
	return nil
}

func (s *secrets) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := s.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	s.remember(text)
	answer.Body = io.NopCloser(bytes.NewReader(text))
	return answer, nil
}

func (s *secrets) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.known)
}

func (s *secrets) missingFrom(t *testing.T, where, text string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for secret := range s.known {
		if strings.Contains(text, secret) {
			t.Errorf("%s shows a secret, the one that begins with %s", where, secret[:4])
		}
	}
}

// Durations of a narration are for people; they must not lie by more than
// their last digit.
func TestDurationsAreRoundedForPeople(t *testing.T) {
	for _, x := range []struct {
		d    time.Duration
		want string
	}{
		{1500 * time.Millisecond, "1.5s"},
		{16 * time.Second, "16s"},
		{90 * time.Second, "1m30s"},
		{25 * time.Hour, "1d1h"},
		{100 * 24 * time.Hour, "100d"},
		{-2 * time.Hour, "-2h0m"},
	} {
		if got := roughly(x.d); got != x.want {
			t.Errorf("roughly(%s) = %q, want %q", x.d, got, x.want)
		}
	}
}
