package rotator

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// User names an IAM user: the account as the configuration calls it, and the
// user's name inside that account. The zero value names nobody.
type User struct {
	Account string `json:"account"`
	Name    string `json:"name"`
}

// userName is IAM's own rule for a user name (API reference of CreateUser).
var userName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)

// ParseUser reads "account/name".
func ParseUser(text string) (User, error) {
	account, name, found := strings.Cut(text, "/")
	u := User{Account: account, Name: name}
	if !found || !u.Valid() {
		return User{}, fmt.Errorf("read user %q: want account/name, such as prod/ci-deployer", text)
	}
	return u, nil
}

// Valid reports whether both parts are there and the name is one that IAM
// accepts. An empty name must never reach IAM, which takes it for "the caller's
// own user".
func (u User) Valid() bool { return u.Account != "" && userName.MatchString(u.Name) }

// String renders account/name.
func (u User) String() string { return u.Account + "/" + u.Name }

// KeyID is an access key id, such as AKIAIOSFODNN7EXAMPLE. It is no secret.
type KeyID string

// Last4 is the id's last four characters, the form that metrics use.
func (k KeyID) Last4() string { return string(k[max(0, len(k)-4):]) }

// Status is what IAM says of a key.
type Status string

// The statuses that the cycle handles. IAM's model also knows Expired, which
// counts as not Active here.
const (
	Active   Status = "Active"
	Inactive Status = "Inactive"
)

// Key is one access key as a list of IAM shows it.
type Key struct {
	ID      KeyID     `json:"id"`
	Status  Status    `json:"status"`
	Created time.Time `json:"created"`
}

// Listing is the answer to one ListAccessKeys. It may be stale by seconds.
type Listing struct {
	Keys []Key
	// Date is the answer's Date header, AWS's own clock; zero when there was none.
	Date time.Time
}

func find(keys []Key, id KeyID) (Key, bool) {
	i := slices.IndexFunc(keys, func(k Key) bool { return k.ID == id })
	if i < 0 || id == "" {
		return Key{}, false
	}
	return keys[i], true
}

// LastUse is what IAM recorded of a key's last use. IAM records the first use
// in each span of 15 minutes and may show it hours later; it is evidence, not
// proof. The zero value is "unknown", which is never taken for "unused".
type LastUse struct {
	Known bool `json:"known"`
	// At is zero for a known key that was never used.
	At      time.Time `json:"at,omitzero"`
	Service string    `json:"service,omitempty"`
	Region  string    `json:"region,omitempty"`
}

// Identity is who a credential signs in as, or who a user name stands for.
type Identity struct {
	ARN string
	// UserID is IAM's unique id (AIDA…), which a deleted and recreated user of
	// the same name does not share.
	UserID string
	Date   time.Time
}
