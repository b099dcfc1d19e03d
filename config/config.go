package config

import (
	"slices"
	"strings"
	"time"
)

// DefaultPolicy is the name of the policy of users that name none. It exists
// with its default values when the file does not define it.
const DefaultPolicy = "default"

// Config is the whole configuration file, with defaults filled in. A value that
// Load or Parse returned has passed every check; it must not be changed.
type Config struct {
	Accounts    map[string]Account `yaml:"accounts" jsonschema:"required" doc:"The AWS accounts whose users are managed, by the name that users and metrics call them."`
	Journal     string             `yaml:"journal" jsonschema:"default=sqlite:///var/lib/keyrotator/journal.db" doc:"Where the durable record lives: sqlite:/// and an absolute path on a local file system, for one replica; or postgres://USER@HOST:PORT/DATABASE with libpq's parameters, for any number. Leave a password to PGPASSFILE, or take it from a file: postgres://keyrotator:${file:/etc/keyrotator/db-password}@db/keyrotator."`
	Sealing     Sealing            `yaml:"sealing" doc:"How secrets are sealed while the journal holds them."`
	Policies    map[string]Policy  `yaml:"policies" doc:"How keys are rotated, by name. The policy called default applies to users that name none, and exists with the defaults below when it is not written."`
	Users       []User             `yaml:"users" doc:"The IAM users whose keys are rotated."`
	Schedule    Schedule           `yaml:"schedule" doc:"When the program looks at the world without being asked. Whether a key is due is decided from its age, never from here."`
	Limits      Limits             `yaml:"limits" doc:"How hard the program may press."`
	Callbacks   Callbacks          `yaml:"callbacks" doc:"What consumers may say over HTTP, on the address of the metrics: that they have the new key (ack), or that they fail with it (alarm)."`
	Breaker     Breaker            `yaml:"breaker" doc:"Stops creating and cutting keys everywhere when too much goes wrong, until keyrotator resume."`
	ObserveOnly bool               `yaml:"observe_only" doc:"Change nothing for any user; only observe and report."`
	NoDelete    bool               `yaml:"no_delete" doc:"Never delete a key of any user; old keys stay Inactive."`

	src   *source
	print string // see Fingerprint
}

// Account is one AWS account and how to reach it.
type Account struct {
	ID          string `yaml:"id" jsonschema:"required" doc:"The twelve-digit account id; quote it when it begins with a zero. A credential that signs in to another account is refused."`
	Region      string `yaml:"region" jsonschema:"required" doc:"The Region whose endpoints are used, such as eu-west-1."`
	Role        string `yaml:"role" doc:"ARN of the role in this account to assume. Without it the ambient credentials are used as they are."`
	ExternalID  Secret `yaml:"external_id" doc:"The external id the role's trust policy asks for. Best read from a file: ${file:/etc/keyrotator/external-id}."`
	SessionName string `yaml:"session_name" jsonschema:"default=keyrotator" doc:"The role session name that CloudTrail shows."`
	Partition   string `yaml:"partition" jsonschema:"enum=aws,enum=aws-us-gov,enum=aws-cn" doc:"The AWS partition; by default the one the Region belongs to."`
	Endpoint    string `yaml:"endpoint" doc:"URL of any AWS-compatible server, used for every service of this account. It must be https, or http on loopback."`
}

// Sealing says how secrets in the journal are sealed.
type Sealing struct {
	Identity string `yaml:"identity" doc:"Absolute path of the age identity file. With SQLite it is made at first start when it does not exist, by default beside the journal with .identity appended. With PostgreSQL it must be given, and all replicas need the same one. A backup of the journal is readable only with it."`
}

// Schedule holds the ticks that wake the program.
type Schedule struct {
	Sweep string `yaml:"sweep" jsonschema:"default=@every 1h" doc:"How often each account's credential report is compared with the journal; a user that deviates is looked at, due or not. @every and a duration, or a cron expression in UTC."`
}

// Limits bounds what the program does at once and how long it waits.
type Limits struct {
	CallsInFlight int           `yaml:"calls_in_flight" jsonschema:"default=8,minimum=1,maximum=64" doc:"How many AWS calls may be under way at once in each account. Users that wait do not count."`
	CallTimeout   time.Duration `yaml:"call_timeout" jsonschema:"default=30s" check:"positive" doc:"How long one call may take."`
	Shutdown      time.Duration `yaml:"shutdown" jsonschema:"default=25s" check:"positive" doc:"How long a started effect may take to finish after SIGTERM. Keep it under the supervisor's own limit (Kubernetes: 30s)."`
	Lease         time.Duration `yaml:"lease" jsonschema:"default=2m" check:"positive" doc:"How long one step of a user may take. Nothing is sent after it, and no call may last longer than what is left of it."`
	// TakeoverMargin is used where several replicas share a journal.
	TakeoverMargin time.Duration `yaml:"takeover_margin" jsonschema:"default=15m" doc:"How long after the end of its lease another replica leaves the user of a dead one alone. It covers requests still under way (AWS takes a signature for five minutes) and clocks that differ. Of no use with SQLite, whose lock proves that the former owner is dead."`
}

// Callbacks says who may call.
type Callbacks struct {
	Key Secret `yaml:"key" doc:"The key that calls are signed with, as Standard Webhooks describes it: whsec_ and base64, or any text of 24 bytes at least. Best read from a file: ${file:/etc/keyrotator/callback-key}. Without it every call is refused."`
}

// Breaker says how many failures stop everything.
type Breaker struct {
	Failures int           `yaml:"failures" jsonschema:"default=5,minimum=1" doc:"How many halts and failed verifications trip the breaker."`
	Within   time.Duration `yaml:"within" jsonschema:"default=1h" check:"positive" doc:"The period they are counted over."`
}

// JournalPath returns the file of a SQLite journal.
func (c *Config) JournalPath() string { return strings.TrimPrefix(c.Journal, sqliteScheme) }

// SharedJournal reports whether several replicas may work on the journal.
func (c *Config) SharedJournal() bool {
	return strings.HasPrefix(c.Journal, "postgres://") || strings.HasPrefix(c.Journal, "postgresql://")
}

// PolicyOf returns the policy of a user. The name was checked by Parse; a user
// made by hand with an unknown one gets the default policy.
func (c *Config) PolicyOf(u User) Policy {
	if p, ok := c.Policies[u.Policy]; ok {
		return p
	}
	return c.Policies[DefaultPolicy]
}

// AccountNames returns the names of the accounts, sorted.
func (c *Config) AccountNames() []string { return sortedKeys(c.Accounts) }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
