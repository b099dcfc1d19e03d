package awsemu

import (
	"slices"
	"time"
)

// Status is the state of an access key, in AWS's words.
type Status string

// The states of the API model. Expired keys exist in the model, but no call can set that state; only SetKeyStatus can.
const (
	Active   Status = "Active"
	Inactive Status = "Inactive"
	Expired  Status = "Expired"
)

// account is one AWS account: its IAM, and its Secrets Manager and SSM per Region.
type account struct {
	id         string
	created    time.Time
	users      map[string]*user // by name
	roles      map[string]*role // by name
	allow      map[string][]string
	deny       map[string][]string
	secrets    map[string]map[string]*secret    // Region → name
	parameters map[string]map[string]*parameter // Region → name
	report     report
}

type user struct {
	account *account
	name    string
	path    string
	id      string
	created time.Time
	admin   bool
	tags    []tag
	keys    []*accessKey // live ones, oldest first
	past    []snapshot   // the lists of earlier moments, oldest first
}

func (u *user) arn() string { return "arn:aws:iam::" + u.account.id + ":user" + u.path + u.name }

func (u *user) key(id string) *accessKey {
	i := slices.IndexFunc(u.keys, func(k *accessKey) bool { return k.id == id })
	if i < 0 {
		return nil
	}
	return u.keys[i]
}

// accessKey is a long-lived key. Deleted keys stay in Server.keys, because they may work for a while yet.
type accessKey struct {
	id, secret string
	user       *user
	status     Status
	created    time.Time // on the emulator's clock
	slot       int       // 1 or 2 in the credential report; 0 past the quota
	deleted    bool
	usableFrom time.Time // base clock
	aliveUntil time.Time // base clock: until when a dead key still works
	successes  int       // accepted requests, for FlapNewKey
	born       time.Time // base clock
	uses       uses
}

// alive says whether the key may sign in at the base clock's instant at, faults apart.
func (k *accessKey) alive(at time.Time) bool {
	if at.Before(k.usableFrom) {
		return false
	}
	return !k.dead() || at.Before(k.aliveUntil)
}

func (k *accessKey) dead() bool { return k.deleted || k.status != Active }

// row is what a key list shows of a key.
type row struct {
	id      string
	status  Status
	created time.Time
}

// snapshot is a user's key list from one moment of the base clock on.
type snapshot struct {
	from time.Time
	rows []row
}

// maxPast bounds the remembered lists of a user; more changes than this within ListLag are never asked about.
const maxPast = 64

// changed remembers the key list as it is from now on. The caller holds s.mu and calls it after every change.
func (s *Server) changed(u *user) {
	rows := make([]row, len(u.keys))
	for i, k := range u.keys {
		rows[i] = row{k.id, k.status, k.created}
	}
	u.past = append(u.past, snapshot{s.opt.Now(), rows})
	if len(u.past) > maxPast {
		u.past = slices.Delete(u.past, 0, len(u.past)-maxPast)
	}
}

// listed is the key list as it was at the base clock's instant at.
func (u *user) listed(at time.Time) []row {
	for _, p := range slices.Backward(u.past) {
		if !p.from.After(at) {
			return p.rows
		}
	}
	return nil
}

// role can be assumed by those it trusts; its sessions may do everything in its account that is not denied.
type role struct {
	account    *account
	name, id   string
	externalID string
	trusted    []string
	maxSession time.Duration
}

func (r *role) arn() string { return "arn:aws:iam::" + r.account.id + ":role/" + r.name }

// session is a set of temporary credentials.
type session struct {
	id, secret, token string
	role              *role
	name              string
	expires           time.Time // emulator's clock
}

// principal is who signed a request: exactly one of user and session is set.
type principal struct {
	user    *user
	session *session
}

func (p principal) account() *account {
	if p.user != nil {
		return p.user.account
	}
	return p.session.role.account
}

// name is the user's or the role's name: what Allow and Deny go by.
func (p principal) name() string {
	if p.user != nil {
		return p.user.name
	}
	return p.session.role.name
}

func (p principal) arn() string {
	if p.user != nil {
		return p.user.arn()
	}
	r := p.session.role
	return "arn:aws:sts::" + r.account.id + ":assumed-role/" + r.name + "/" + p.session.name
}

func (p principal) id() string {
	if p.user != nil {
		return p.user.id
	}
	return p.session.role.id + ":" + p.session.name
}

type tag struct{ Key, Value string }
