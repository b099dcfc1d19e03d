package config

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/keyrotator/keyrotator/rotator/window"
)

const (
	sqliteScheme = "sqlite://"

	// maxExternalID is from STS's AssumeRole; Go's patterns count to 1000 only.
	maxExternalID = 1224
)

// Patterns of AWS come from its API references: IAM's CreateUser, STS's
// AssumeRole, Secrets Manager's CreateSecret.
var (
	entryName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	accountID   = regexp.MustCompile(`^[0-9]{12}$`)
	regionName  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$`)
	iamUserName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	externalID  = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
	secretID    = regexp.MustCompile(`^[\w/+=.@-]{1,512}$`)
	variable    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	fileMode    = regexp.MustCompile(`^0?[0-7]{3}$`)
	profileName = regexp.MustCompile(`^[^\s\[\]#;][^\[\]\n#;]{0,127}$`)
)

// checker finds what is wrong with a configuration that has the right shape.
type checker struct {
	*source
	cfg *Config
	// gaps has the longest gap between windows of every sound policy.
	gaps map[string]time.Duration
}

func (c *checker) check() {
	c.accounts()
	c.journal()
	c.schedule()
	c.limits()
	c.callbacks()
	for _, name := range sortedKeys(c.cfg.Policies) {
		c.policy(join("policies", name), name, c.cfg.Policies[name])
	}
	c.users()
}

// limits checks that an effect fits into its lease with a look before it.
func (c *checker) limits() {
	l := c.cfg.Limits
	if c.usable("limits.lease") && c.usable("limits.shutdown") && l.Lease < 2*l.Shutdown {
		c.spoil("limits.lease", fmt.Sprintf("lease %s is less than twice shutdown %s", FormatDuration(l.Lease), FormatDuration(l.Shutdown)),
			"a step looks before it acts, and both must fit into its lease")
	}
}

// shortestKey is what a signature is worth having with: 192 bits, the least that
// Standard Webhooks takes.
const shortestKey = 24

func (c *checker) callbacks() {
	const at = "callbacks.key"
	if !c.given(at) || !c.usable(at) {
		return
	}
	key := []byte(c.cfg.Callbacks.Key.RevealSecretText())
	if coded, ok := strings.CutPrefix(string(key), "whsec_"); ok {
		var err error
		if key, err = base64.StdEncoding.DecodeString(coded); err != nil {
			c.fail(at, "is not base64 after whsec_", "")
			return
		}
	}
	if len(key) < shortestKey {
		c.fail(at, fmt.Sprintf("has %d bytes, want %d at least", len(key), shortestKey), "make one with: openssl rand -base64 32")
	}
}

// match checks a text that is given against a pattern.
func (c *checker) match(path, text string, pattern *regexp.Regexp, want string) bool {
	if !c.usable(path) {
		return false
	}
	if !pattern.MatchString(text) {
		c.spoil(path, fmt.Sprintf("%q is not %s", text, want), "")
		return false
	}
	return true
}

// optional is match for a key that may be left out, though not left empty.
func (c *checker) optional(path, text string, pattern *regexp.Regexp, want string) {
	if c.given(path) {
		c.match(path, text, pattern, want)
	}
}

func (c *checker) accounts() {
	if c.usable("accounts") && len(c.cfg.Accounts) == 0 {
		c.spoil("accounts", "there is no account", "name at least one: accounts: {prod: {id: \"111122223333\", region: eu-west-1}}")
	}
	owner := map[string]string{}
	for _, name := range sortedKeys(c.cfg.Accounts) {
		a, path := c.cfg.Accounts[name], join("accounts", name)
		if !entryName.MatchString(name) {
			c.failKey(path, fmt.Sprintf("%q is not a name", name), "letters, digits, dot, hyphen and underscore, 64 at most")
		}
		if c.match(path+".id", a.ID, accountID, "a twelve-digit account id") {
			if other, taken := owner[a.Partition+a.ID]; taken {
				c.fail(path+".id", fmt.Sprintf("is the id of account %q too", other), "one entry an account: two would rotate the same users twice")
			}
			owner[a.Partition+a.ID] = name
		}
		c.account(path, a)
	}
}

func (c *checker) account(path string, a Account) {
	regionOK := c.match(path+".region", a.Region, regionName, "a Region such as eu-west-1")
	if regionOK && c.usable(path+".partition") && a.Partition != partitionOf(a.Region) {
		c.spoil(path+".partition", fmt.Sprintf("Region %s is not in partition %s", a.Region, a.Partition), "")
	}
	c.optional(path+".session_name", a.SessionName, sessionName, "a role session name (2 to 64 letters, digits or +=,.@-_)")
	if external := path + ".external_id"; c.given(external) && c.usable(external) {
		switch {
		case len(a.ExternalID.value) > maxExternalID || !externalID.MatchString(a.ExternalID.value):
			c.fail(external, "is not an external id (2 to 1224 letters, digits or +=,.@:/-_)", "")
		case a.Role == "" && !c.given(path+".role"):
			c.failKey(external, "has no use without a role", "add role: arn:aws:iam::"+a.ID+":role/keyrotator")
		}
	}
	if c.given(path+".role") && c.usable(path+".role") {
		c.role(path, a)
	}
	if c.given(path+".endpoint") && c.usable(path+".endpoint") {
		if wrong := wrongEndpoint(a.Endpoint); wrong != "" {
			c.fail(path+".endpoint", wrong, "")
		}
	}
}

func (c *checker) role(path string, a Account) {
	role, ok := parseARN(a.Role)
	switch {
	case !ok || role.service != "iam" || !strings.HasPrefix(role.resource, "role/") || len(role.resource) == len("role/"):
		c.fail(path+".role", fmt.Sprintf("%q is not a role's ARN", a.Role), "like arn:aws:iam::111122223333:role/keyrotator")
	case c.usable(path+".id") && role.account != a.ID:
		c.fail(path+".role", fmt.Sprintf("the role is in account %s, not in %s", role.account, a.ID), "a role manages the users of its own account only")
	case c.usable(path+".partition") && role.partition != a.Partition:
		c.fail(path+".role", fmt.Sprintf("the role is in partition %s, not in %s", role.partition, a.Partition), "")
	}
}

// wrongEndpoint says why credentials must not be sent to a URL, or nothing.
func wrongEndpoint(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Hostname() == "" {
		return "is not a URL such as https://aws.example.com"
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "must be a plain URL, without user, query or fragment"
	}
	switch u.Scheme {
	case "https":
		return ""
	case "http":
		ip := net.ParseIP(u.Hostname())
		if u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
			return ""
		}
		return "plain http is allowed on loopback only"
	}
	return "must begin with https:// (or http:// on loopback)"
}

func (c *checker) journal() {
	if c.usable("journal") {
		c.dsn(c.cfg.Journal)
	}
	if c.given("sealing.identity") && c.usable("sealing.identity") {
		c.absolute("sealing.identity", c.cfg.Sealing.Identity)
	}
}

// dsn refuses by naming the scheme only: the rest may hold a password.
func (c *checker) dsn(dsn string) {
	const example = "like sqlite:///var/lib/keyrotator/journal.db, or postgres://keyrotator@db.example.com/keyrotator"
	scheme, path, ok := strings.Cut(dsn, "://")
	switch {
	case c.cfg.SharedJournal():
		c.postgres(dsn)
	case !ok || scheme != "sqlite":
		c.fail("journal", "is not a journal this release has", example)
	case !filepath.IsAbs(path) || path != filepath.Clean(path) || path == "/":
		c.fail("journal", "needs the absolute path of a file after sqlite://", example)
	case strings.ContainsAny(path, "?#%"):
		c.fail("journal", "takes no options after the path", example)
	}
}

// postgres checks the URL of a shared journal, and that its replicas can share
// an identity: one that each made for itself would open nobody else's custody.
func (c *checker) postgres(dsn string) {
	u, err := url.Parse(dsn)
	switch {
	case err != nil:
		c.fail("journal", "is not a URL", "escape what is special in a password (@ is %40), or leave it to PGPASSFILE")
	case len(u.Path) < 2:
		c.fail("journal", "names no database", "like postgres://keyrotator@db.example.com/keyrotator")
	}
	if c.cfg.Sealing.Identity == "" {
		c.fail("journal", "a journal in PostgreSQL needs sealing.identity",
			"make one with age-keygen and give the same file to every replica")
	}
}

func (c *checker) absolute(path, file string) {
	switch {
	case !filepath.IsAbs(file):
		c.fail(path, fmt.Sprintf("%q is not an absolute path", file), "")
	case strings.HasSuffix(file, "/"):
		c.fail(path, fmt.Sprintf("%q is a folder", file), "name the file")
	case strings.ContainsRune(file, 0):
		c.fail(path, "a path cannot hold a zero byte", "")
	}
}

func (c *checker) schedule() {
	const path = "schedule.sweep"
	if !c.usable(path) {
		return
	}
	if _, err := window.ParseTick(c.cfg.Schedule.Sweep); err != nil {
		c.fail(path, err.Error(), `like "@every 1h" or "15 * * * *"`)
	}
}
