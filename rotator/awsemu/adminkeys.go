package awsemu

import (
	"fmt"
	"time"
)

// Key is what the administration tells of an access key: the truth, without lag.
type Key struct {
	ID       string
	User     string
	Status   Status
	Created  time.Time
	LastUsed time.Time // of the last recorded use, before LastUsedLag; zero when never used
	Region   string    // of that use
	Service  string    // of that use
	SignedIn int       // requests that were accepted with it
}

// CreateAccessKey adds a settled key, which signs in at once, whatever NewKeyDelay says. It keeps to the quota of
// two: ErrInvalid past it.
func (s *Server) CreateAccessKey(accountID, userName string) (keyID, secretKey string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(accountID, userName)
	if err != nil {
		return "", "", err
	}
	if len(u.keys) >= keysPerUser {
		return "", "", fmt.Errorf("create a third key of %q: %w", userName, ErrInvalid)
	}
	k := s.newKey(u)
	u.settle()
	return k.id, k.secret, nil
}

// settle makes every list, however stale, show the keys as they are now. The caller holds s.mu.
func (u *user) settle() {
	u.past = u.past[len(u.past)-1:]
	u.past[0].from = time.Time{}
}

// SetKeyStatus changes a key's state, as a person in the console would; Expired is possible here only.
func (s *Server) SetKeyStatus(keyID string, status Status) error {
	if status != Active && status != Inactive && status != Expired {
		return fmt.Errorf("set status %q: %w", status, ErrInvalid)
	}
	return s.withKey(keyID, func(k *accessKey) { s.setStatus(k, status) })
}

// DeleteKey deletes a key, Active ones too.
func (s *Server) DeleteKey(keyID string) error { return s.withKey(keyID, s.removeKey) }

// SetKeyCreated changes a key's creation date, in every list from now on.
func (s *Server) SetKeyCreated(keyID string, created time.Time) error {
	return s.withKey(keyID, func(k *accessKey) {
		k.created = created.UTC().Truncate(time.Second)
		s.changed(k.user)
		k.user.settle()
	})
}

// SetKeyLastUsed records a use at a moment of the caller's choice, visible at once, in place of what was recorded.
// The zero time makes the key never used.
func (s *Server) SetKeyLastUsed(keyID string, at time.Time, service, region string) error {
	return s.withKey(keyID, func(k *accessKey) {
		k.uses = nil
		if !at.IsZero() {
			k.uses = uses{{at: at.UTC(), region: region, service: service}}
		}
	})
}

// Keys are a user's keys, oldest first, without any lag.
func (s *Server) Keys(accountID, userName string) ([]Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(accountID, userName)
	if err != nil {
		return nil, err
	}
	out := make([]Key, len(u.keys))
	for i, k := range u.keys {
		out[i] = Key{ID: k.id, User: u.name, Status: k.status, Created: k.created, SignedIn: k.successes}
		if n := len(k.uses); n > 0 {
			last := k.uses[n-1]
			out[i].LastUsed, out[i].Region, out[i].Service = last.at, last.region, last.service
		}
	}
	return out, nil
}

// withKey runs f on a key that exists.
func (s *Server) withKey(id string, f func(*accessKey)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keys[id]
	if k == nil || k.deleted {
		return fmt.Errorf("find key %q: %w", id, ErrUnknown)
	}
	f(k)
	return nil
}
