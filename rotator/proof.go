package rotator

import "time"

// Proof is the permission to deactivate or delete one key of one user. Only
// Authorise makes one, from what was read live in the same step; the zero
// value permits nothing. A Keyring takes user and key from it and from
// nowhere else.
type Proof struct {
	user User
	key  KeyID
	verb Verb
	made time.Time
}

// proofLife is how long a proof may be acted on after its reads ended.
const proofLife = time.Minute

// User is whose key may be changed.
func (p Proof) User() User { return p.user }

// Key is the key that may be changed.
func (p Proof) Key() KeyID { return p.key }

// Permits reports whether the proof allows the verb at this time of the local
// clock: it is for that verb, names a user and a key, and is under a minute old.
func (p Proof) Permits(verb Verb, now time.Time) bool {
	return p.verb == verb && verb.Destructive() && p.user.Valid() && p.key != "" &&
		now.Sub(p.made) < proofLife && !now.Before(p.made.Add(-time.Second))
}
