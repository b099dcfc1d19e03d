package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

const (
	demoAccount = "prod"
	demoID      = "111122223333"
	demoRegion  = "eu-west-1"
	// demoAge is the age of the users' keys, above the policy's 90 days.
	demoAge = 100 * 24 * time.Hour
	// deadKeyGrace is how long a cut key goes on working in the demo's AWS.
	deadKeyGrace = time.Second
)

// demoPolicy is a policy of days told in seconds.
const demoPolicy = `policies:
  seconds:             # a real one has days where this has seconds
    max_age: 90d
    overlap: 2s        # both keys active
    quiet: 2s          # the old key must be known unused so long before it is cut
    trial: 3s          # inactive, not yet deleted
    settle: 2s         # how long IAM's lists may lie
    jitter: 0s
    push_limit: 10s
    last_used_lag: 1s
    verify: {successes: 3, over: 2s, limit: 30s}
`

// demoWorld is an embedded AWS, the users in it, and a temporary folder.
type demoWorld struct {
	emu    *awsemu.Server
	wire   http.RoundTripper
	admin  aws.Credentials
	dir    string
	file   string
	config *config.Config
	users  []demoUser
}

// demoUser is one user with the stores of its consumers.
type demoUser struct {
	user rotator.User
	key  rotator.KeyID
	// secret and path name its stores; one may be empty.
	secret, path string
}

func (u demoUser) stores() string {
	var names []string
	if u.secret != "" {
		names = append(names, "secret "+u.secret)
	}
	if u.path != "" {
		names = append(names, "file "+filepath.Base(u.path))
	}
	return strings.Join(names, " and ")
}

// newDemoWorld makes it all. The AWS is as slow and as untruthful as the real
// one, scaled to the demo's policy: a new key takes a moment to work, lists are
// stale, dead keys go on working.
func newDemoWorld(users int) (w *demoWorld, err error) {
	w = &demoWorld{emu: awsemu.New(awsemu.Options{
		Seed:                rand.Uint64(), //nolint:gosec // these keys open nothing but this process
		NewKeyDelay:         [2]time.Duration{500 * time.Millisecond, 1500 * time.Millisecond},
		DeadKeyGrace:        deadKeyGrace,
		ListLag:             500 * time.Millisecond,
		LastUsedLag:         500 * time.Millisecond,
		LastUsedGranularity: -1,
		Latency:             [2]time.Duration{5 * time.Millisecond, 25 * time.Millisecond},
	})}
	w.wire = w.emu.Transport()
	if w.dir, err = os.MkdirTemp("", "keyrotator-demo-"); err != nil {
		return nil, err
	}
	if err := w.furnish(users); err != nil {
		return nil, errors.Join(err, w.remove())
	}
	return w, nil
}

func (w *demoWorld) remove() error { return os.RemoveAll(w.dir) }

func (w *demoWorld) furnish(users int) error {
	if err := w.emu.CreateAccount(demoID); err != nil {
		return err
	}
	id, secret, err := w.emu.Admin(demoID)
	if err != nil {
		return err
	}
	w.admin = aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}
	for i := range users {
		if err := w.addUser(i); err != nil {
			return err
		}
	}
	// One user's new key signs in once and is refused again, as about one in ten
	// of AWS's does (rhyeal/aws-rotate-iam-keys#81).
	if users > 1 {
		w.emu.Inject(awsemu.Fault{Kind: awsemu.FlapNewKey, User: w.users[1].user.Name, Count: 1})
	}
	w.file = filepath.Join(w.dir, "keyrotator.yaml")
	if err := os.WriteFile(w.file, []byte(w.configText()), 0o600); err != nil {
		return err
	}
	w.config, err = config.Load(w.file)
	return err
}

// addUser makes a user with an old key and puts that into its stores: a secret,
// a credentials file, or both.
func (w *demoWorld) addUser(i int) error {
	name := fmt.Sprintf("service-%d", i+1)
	if known := []string{"ci-deployer", "backup-agent", "mail-relay"}; i < len(known) {
		name = known[i]
	}
	if _, err := w.emu.CreateUser(demoID, name); err != nil {
		return err
	}
	id, secret, err := w.emu.CreateAccessKey(demoID, name)
	if err != nil {
		return err
	}
	if err := w.emu.SetKeyCreated(id, w.emu.Now().Add(-demoAge)); err != nil {
		return err
	}
	u := demoUser{user: rotator.User{Account: demoAccount, Name: name}, key: rotator.KeyID(id)}
	if i%3 != 1 {
		u.secret = name
		value, err := json.Marshal(map[string]string{"AWS_ACCESS_KEY_ID": id, "AWS_SECRET_ACCESS_KEY": secret, "note": "not keyrotator's: it stays"})
		if err != nil {
			return err
		}
		if _, err := w.emu.PutSecret(demoID, demoRegion, name, string(value)); err != nil {
			return err
		}
	}
	if i%3 != 0 {
		u.path = filepath.Join(w.dir, name+".credentials")
		text := fmt.Sprintf("# this comment is not keyrotator's: it stays\n[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", id, secret)
		if err := os.WriteFile(u.path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	w.users = append(w.users, u)
	return nil
}

func (w *demoWorld) configText() string {
	var b strings.Builder
	fmt.Fprintf(&b, "accounts:\n  %s: {id: %q, region: %s}\njournal: sqlite://%s\nlimits: {call_timeout: 5s}\n%susers:\n",
		demoAccount, demoID, demoRegion, filepath.Join(w.dir, "journal.db"), demoPolicy)
	for _, u := range w.users {
		fmt.Fprintf(&b, "  - user: %s\n    policy: seconds\n    consumers:\n", u.user)
		if u.secret != "" {
			fmt.Fprintf(&b, "      - store: {secretsmanager: {secret: %s, adopt: true}}\n        refreshes: %s\n", u.secret, demoRefreshes)
		}
		if u.path != "" {
			fmt.Fprintf(&b, "      - store: {file: {path: %q, adopt: true}}\n        refreshes: %s\n", u.path, demoRefreshes)
		}
	}
	return b.String()
}

// appOptions run the real daemon against the embedded AWS, in process.
func (w *demoWorld) appOptions(watcher rotator.Observer) appOptions {
	return appOptions{
		reach: reach{transport: w.wire, credentials: func(string) aws.CredentialsProvider {
			return credentials.StaticCredentialsProvider{Value: w.admin}
		}},
		observers: []rotator.Observer{watcher},
		tuning: rotator.Options{
			Poll: 100 * time.Millisecond, BackoffBase: 150 * time.Millisecond, BackoffMax: 2 * time.Second,
			// A step that fails on a starved machine keeps its claim for as long.
			EffectLimit: 30 * time.Second, Lease: 40 * time.Second,
		},
	}
}

// serving is what --serve prints: everything that the reader may copy. The
// credentials open this process and nothing else.
func (w *demoWorld) serving(url string) string {
	u := w.users[0]
	return fmt.Sprintf(`An AWS for this demo alone listens on %[1]s (IAM, STS, Secrets Manager, SSM).
%[2]d users have keys that are 100 days old, and their consumers sign in all the time.
Copy this into another terminal; the credentials are made up and open nothing else:

export AWS_ENDPOINT_URL=%[1]s
export AWS_ACCESS_KEY_ID=%[3]s
export AWS_SECRET_ACCESS_KEY=%[4]s
export AWS_DEFAULT_REGION=%[5]s

Then rotate, and look:

keyrotator run --config %[6]s --listen 127.0.0.1:0
keyrotator status --config %[6]s
keyrotator history --config %[6]s %[7]s
aws --endpoint-url "$AWS_ENDPOINT_URL" iam list-access-keys --user-name %[8]s
aws --endpoint-url "$AWS_ENDPOINT_URL" secretsmanager get-secret-value --secret-id %[8]s
curl --aws-sigv4 aws:amz:%[5]s:sts --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -d 'Action=GetCallerIdentity&Version=2011-06-15' %[1]s

Without an installed keyrotator write: go run ./cmd/keyrotator …. Ctrl-C ends it all and removes %[9]s.
`, url, len(w.users), w.admin.AccessKeyID, w.admin.SecretAccessKey, demoRegion, w.file, u.user, u.user.Name, w.dir)
}
