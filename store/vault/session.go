package vault

import "time"

// session is a token and how long it lives.
type session struct {
	token     string
	renewable bool
	// asked is when the token was asked for or renewed last: its life began
	// later.
	asked time.Time
	// ttl is how long it lives from then on, zero for ever; full is what a login
	// gives.
	ttl, full time.Duration
}

// condition is what is to be done about a session.
type condition int

const (
	over  condition = iota // a login is needed
	aging                  // renewing it or a login is due
	fresh
)

// condition tells how a session does. Two thirds of its life are used before
// anything is done about it, which leaves a third for a Vault that is out of
// reach.
func (s session) condition(now time.Time) condition {
	age := now.Sub(s.asked)
	switch {
	case s.token == "":
		return over
	case s.ttl == 0, age < s.ttl*2/3:
		return fresh
	case age < s.ttl:
		return aging
	}
	return over
}
