package journal

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

// haltsLimit is how many halts Global returns at most.
const haltsLimit = 1000

// checkRequest tells whether a request may be appended.
func checkRequest(q rotator.Request) error {
	all := q.User == rotator.AllUsers()
	switch q.Verb {
	case rotator.RequestPause, rotator.RequestResume:
	case rotator.RequestTrip:
		if !all {
			return fmt.Errorf("append request %q for %s: the breaker is for all users", q.Verb, q.User)
		}
	case rotator.RequestRotate, rotator.RequestRollback, rotator.RequestAdopt, rotator.RequestEvict, rotator.RequestAck, rotator.RequestAlarm:
		if all {
			return fmt.Errorf("append request %q: name one user", q.Verb)
		}
	default:
		return fmt.Errorf("append request %q: unknown verb", q.Verb)
	}
	if !all && !q.User.Valid() {
		return fmt.Errorf("append request %q for %q: want account and name of a user", q.Verb, q.User.String())
	}
	return nil
}

// encodeRequest leaves the number out: it is the journal's to give.
func encodeRequest(q rotator.Request) ([]byte, error) {
	q.Number = 0
	text, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("append request %q for %s: encode: %w", q.Verb, q.User, err)
	}
	return text, nil
}

func decodeRequest(number int64, text []byte) (rotator.Request, error) {
	var q rotator.Request
	if err := json.Unmarshal(text, &q); err != nil {
		return rotator.Request{}, fmt.Errorf("decode request %d: %w", number, err)
	}
	q.Number = number
	return q, nil
}

// globally folds the requests of AllUsers, oldest first.
func globally(requests []rotator.Request) rotator.Global {
	var g rotator.Global
	for _, q := range requests {
		switch q.Verb {
		case rotator.RequestPause:
			g.Paused = true
		case rotator.RequestTrip:
			g.Tripped = true
		case rotator.RequestResume:
			g = rotator.Global{Resumed: q.At}
		}
	}
	return g
}

// ripeUser is a user that Due found, with what orders it.
type ripeUser struct {
	user rotator.User
	open bool
	at   stamp
}

// compareRipe puts open cycles first, then the longest overdue.
func compareRipe(a, b ripeUser) int {
	return cmp.Or(bit(b.open)-bit(a.open), cmp.Compare(a.at, b.at), compareUsers(a.user, b.user))
}

// compareUsers orders by account, then by name.
func compareUsers(a, b rotator.User) int {
	return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.Name, b.Name))
}

// pick cuts the ripe users, already in order, to the limit. When some are left over, they
// are due already, and next is now.
func pick(ripe []ripeUser, limit int, now time.Time, next stamp) ([]rotator.User, time.Time) {
	if len(ripe) > max(0, limit) {
		ripe, next = ripe[:max(0, limit)], stampOf(now)
	}
	var users []rotator.User
	for _, u := range ripe {
		users = append(users, u.user)
	}
	return users, next.time()
}
