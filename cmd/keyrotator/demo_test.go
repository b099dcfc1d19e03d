package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// demoPatience bounds a demo on a machine that has much else to do.
const demoPatience = 8 * time.Minute

// The demo is the whole program against a clock that nobody can fake: its
// consumers run beside it. The demonstrations below share the time that they take.
func TestTheDemoRotatesEveryUserAndNobodyFails(t *testing.T) {
	t.Parallel()
	r := demonstrate(t.Context(), demonstration{users: 3, limit: demoPatience})
	r.check(t)
	if r.err != nil {
		t.Fatalf("the demo failed: %v\n%s", r.err, r.stderr)
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
		{"the quota leaks and a stranger's key appears", "quota-race iam:CreateAccessKey", "keyrotator adopt prod/", false},
		{"a store refuses", "refuse secretsmanager:PutSecretValue x2; server-error-after secretsmanager:PutSecretValue x2", "", true},
		{"answers are stale or have no date", "stale-list x3; no-date iam x3; no-date sts x3", "", true},
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

func TestARefusedSignInIsAFailureAndAnUnansweredOneIsNot(t *testing.T) {
	w, err := newDemoWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.remove(); err != nil {
			t.Error(err)
		}
	})
	held, err := w.readSecret(w.users[0])(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var c crowd
	c.wire = w.wire
	try := func() { c.count(t.Context(), "it", held.AccessKeyID, c.signIn(t.Context(), held)) }
	try()
	for _, fault := range []awsemu.Kind{awsemu.Throttle, awsemu.LoseAnswer, awsemu.ServerError} {
		w.emu.Inject(awsemu.Fault{Kind: fault, Count: 1})
		try()
	}
	held.SecretAccessKey += "x"
	try()
	if got := c.counts(); got.Tried != 5 || got.Failed != 1 || got.Unanswered != 3 || got.First == "" {
		t.Errorf("%+v, want 5 tried, 1 failed, 3 unanswered", got)
	}
}

func TestTheVerdictOnADemo(t *testing.T) {
	closed := userTally{Before: "A", After: []keyTally{{"B", "Active"}}, Closed: true}
	open := userTally{Before: "A", After: []keyTally{{"A", "Active"}, {"B", "Active"}}}
	for _, x := range []struct {
		name   string
		t      tally
		faults bool
		fails  bool
	}{
		{"all closed", tally{Users: []userTally{closed}}, false, false},
		{"a sign-in failed", tally{SignIns: signIns{Failed: 1}, Users: []userTally{closed}}, false, true},
		{"a sign-in failed among faults", tally{SignIns: signIns{Failed: 1}, Users: []userTally{closed}}, true, true},
		{"a cycle is open", tally{Users: []userTally{closed, open}}, false, true},
		{"a cycle is open among faults", tally{Users: []userTally{open}}, true, false},
	} {
		if err := x.t.verdict(x.faults); (err != nil) != x.fails {
			t.Errorf("%s: %v", x.name, err)
		}
	}
}
