package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyrotator/keyrotator/internal/tools/chaos/consumer"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

const (
	account = "111122223333"
	// refreshes is what the configuration promises of the consumers.
	refreshes = 4 * time.Second
	// sweep is often, because only a sweep wakes those whom the breaker held.
	sweep = "@every 5s"
	// policy has every grace a second long; the dates of AWS, which have whole
	// seconds, make up to three of each. A key is due as soon as it is used.
	policy = "{max_age: 12s, overlap: 1s, quiet: 1s, trial: 1s, settle: 1s, jitter: 0s, push_limit: 1s, last_used_lag: 0s, verify: {successes: 2, over: 100ms, limit: 30s}}"
)

// world is an embedded AWS on a socket, users with stores and the consumers of
// these, and the replicas that rotate them. All that goes wrong is gathered.
type world struct {
	dir      string
	out      *report
	rng      *rand.Rand
	aws      *awsemu.Server
	front    *front
	server   *http.Server
	url      string
	users    []user
	replicas []*replica
	ledger   *ledger
	wrong    *anomalyCount
	wake     *wake

	ctx        context.Context //nolint:containedctx // the life of everything in this world
	end        context.CancelFunc
	background sync.WaitGroup // consumers and the ledger's reader
	running    sync.WaitGroup // supervisors

	// troubled counts what is down on purpose; a process may end meanwhile.
	troubled atomic.Int32
	latest   time.Duration // the farthest that AWS's clock was moved
	struck   int           // replicas killed in a call
	full     int           // writes that met a full disk, by what the replicas said
	signIns  atomic.Int64
	accepted atomic.Int64 // sign-ins that no fault meant for the program hit
	late     atomic.Int64 // refused to a consumer that held longer than it declares

	mu   sync.Mutex
	trap *trap // nil unless something is to happen to a replica in a call
}

// emulator is an AWS whose calls take a little while, so that calls can overlap.
func emulator(p plan) awsemu.Options {
	return awsemu.Options{
		LastUsedGranularity: -1, Seed: p.out.seed, Latency: [2]time.Duration{2 * time.Millisecond, 30 * time.Millisecond},
	}
}

type user struct {
	user   rotator.User
	places []consumer.Place
}

// newWorld makes an AWS with users whose keys are an hour old.
func newWorld(ctx context.Context, dir string, out *report, o awsemu.Options) (*world, error) {
	o.CallLog = 1 // the front counts
	w := &world{
		dir: dir, out: out, rng: rand.New(rand.NewPCG(out.seed, 1)), aws: awsemu.New(o), //nolint:gosec // repeatable on purpose
		wrong: &anomalyCount{out: out}, wake: newWake(),
	}
	w.ctx, w.end = context.WithCancel(ctx)
	w.front = newFront(w.aws, w.wake, w.wrong.addf)
	w.aws.OnCall(w.watch)
	if err := w.aws.CreateAccount(account); err != nil {
		return nil, err
	}
	var listening net.ListenConfig
	socket, err := listening.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w.url = "http://" + socket.Addr().String()
	w.server = &http.Server{Handler: w.front, ReadHeaderTimeout: 10 * time.Second, ErrorLog: discard()}
	w.background.Go(func() {
		if err := w.server.Serve(socket); !errors.Is(err, http.ErrServerClosed) {
			w.wrong.addf(brokenHarness, "serve the AWS: %w", err)
		}
	})
	return w, nil
}

// addUsers makes n users, each with a secret and a file below dir, and returns
// what the configuration says of them.
func (w *world) addUsers(n int, dir string) (string, error) {
	var text strings.Builder
	for i := range n {
		name := fmt.Sprintf("user-%d", i)
		path := filepath.Join(dir, name+".credentials")
		_, err := w.aws.CreateUser(account, name)
		id, secret, err2 := w.aws.CreateAccessKey(account, name)
		_, err3 := w.aws.PutSecret(account, consumer.Region, name, consumer.SecretValue(id, secret))
		err = errors.Join(err, err2, err3, w.aws.SetKeyCreated(id, w.aws.Now().Add(-time.Hour)), consumer.WriteFile(path, id, secret))
		if err != nil {
			return "", err
		}
		w.front.learn(secret)
		w.users = append(w.users, user{
			user:   rotator.User{Account: "emu", Name: name},
			places: []consumer.Place{consumer.Secret(w.aws, account, name), consumer.File(path)},
		})
		fmt.Fprintf(&text, "  - user: emu/%s\n    consumers:\n", name)
		fmt.Fprintf(&text, "      - {store: {secretsmanager: {secret: %s, adopt: true}}, refreshes: %s}\n", name, refreshes)
		fmt.Fprintf(&text, "      - {store: {file: {path: %s, adopt: true}}, refreshes: %s}\n", path, refreshes)
	}
	return text.String(), nil
}

// configure writes a configuration.
func (w *world) configure(name, journal, limits, policy, users string) (path string, err error) {
	path = filepath.Join(w.dir, name+".yaml")
	text := fmt.Sprintf("accounts: {emu: {id: %q, region: %s}}\njournal: %q\nsealing: {identity: %s}\nschedule: {sweep: %q}\nlimits: %s\npolicies: {default: %s}\nusers:\n%s",
		account, consumer.Region, journal, filepath.Join(w.dir, "identity"), sweep, limits, policy, users)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// addReplica makes a replica that signs with a key of its own, and starts it.
func (w *world) addReplica(program, config string, env ...string) error {
	name := fmt.Sprintf("replica-%d", len(w.replicas)+1)
	_, err := w.aws.CreateUser(account, name)
	id, secret, err2 := w.aws.CreateAccessKey(account, name)
	if err := errors.Join(err, err2, w.aws.Allow(account, name, "*")); err != nil {
		return err
	}
	w.front.know(id, name, secret)
	w.replicas = append(w.replicas, &replica{
		name: name, program: program, dir: w.dir, fail: w.wrong.addf,
		args:   []string{"run", "--config", config, "--listen", "127.0.0.1:0"},
		mayEnd: func() bool { return w.troubled.Load() > 0 },
		env: append([]string{
			"HOME=" + w.dir, "AWS_EC2_METADATA_DISABLED=true", "AWS_ENDPOINT_URL=" + w.url,
			"AWS_ACCESS_KEY_ID=" + id, "AWS_SECRET_ACCESS_KEY=" + secret, "GOMAXPROCS=1",
			"KEYROTATOR_PLANT=" + os.Getenv("KEYROTATOR_PLANT"), // a test build's bug is its daemon's too
		}, env...),
	})
	return nil
}

func (w *world) startReplicas() {
	for _, r := range w.replicas {
		w.running.Go(func() { r.run(w.ctx) })
	}
}

// start starts everything: replicas, consumers and the reader of the journal.
func (w *world) start() {
	w.startReplicas()
	for _, u := range w.users {
		w.background.Go(func() { w.consume(u, u.places[0], eager()) })
		w.background.Go(func() { w.consume(u, u.places[1], lazy()) })
	}
	w.background.Go(func() { w.ledger.follow(w.ctx) })
}

// trouble notes that something is down on purpose, until over is called and a while
// after: processes may end themselves meanwhile, and the journal be out of reach.
func (w *world) trouble() (over func()) {
	w.troubled.Add(1)
	return func() {
		w.background.Go(func() {
			wait(w.ctx, 5*time.Second)
			w.troubled.Add(-1)
		})
	}
}

// stop ends the replicas in good order and everything else after them, looks at
// what is left, and returns all that went wrong.
func (w *world) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	w.ledger.close(ctx)
	w.end()
	for _, r := range w.replicas {
		r.stop(ctx)
	}
	w.running.Wait()
	err := w.server.Close()
	w.background.Wait()
	w.checkStores(ctx)
	w.checkOutput()
	return errors.Join(w.wrong.err(), err)
}
