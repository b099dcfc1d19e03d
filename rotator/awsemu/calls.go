package awsemu

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Call is one request as the server saw it. It never holds a secret.
type Call struct {
	Seq       uint64 // from 1 on; zero in a Before hook
	At        time.Time
	Service   string // iam, sts, secretsmanager, ssm
	Region    string // of the signature's scope
	Operation string
	Account   string // of the signer; empty when unknown
	Principal string // the signer's ARN; empty when the sign-in was refused
	Owner     string // the user whose long-lived key signed, also when the sign-in was refused
	KeyID     string // the key that signed
	User      string // the user that is acted upon (IAM)
	Target    string // the key id, secret, parameter or role that is acted upon
	Agent     string // User-Agent
	Status    int    // HTTP; zero when the connection was dropped before the effect
	ErrorCode string // empty on success
	Fault     Kind   // the fault that hit, empty without one
}

// Stage says when a hook runs.
type Stage int

// Before runs when the sign-in was accepted and nothing has happened yet: a fault that the hook injects hits this
// very call. After runs when the effect has happened (or the call was refused) and no answer was sent yet.
const (
	Before Stage = iota
	After
)

type hook struct{ run func(Call, Stage) }

// OnCall calls f around every call's effect, synchronously on the request's goroutine, without any lock held, until
// remove is called. A call whose sign-in is refused has only an After, one that DropBefore hits only a Before.
func (s *Server) OnCall(f func(Call, Stage)) (remove func()) {
	h := &hook{f}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks = append(slices.Clone(s.hooks), h)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.hooks = slices.DeleteFunc(slices.Clone(s.hooks), func(x *hook) bool { return x == h })
	}
}

func (s *Server) notify(c Call, stage Stage) {
	s.mu.Lock()
	hooks := s.hooks
	s.mu.Unlock()
	for _, h := range hooks {
		h.run(c, stage)
	}
}

// Counter is what calls are counted by.
type Counter struct {
	Account, Principal, Service, Operation, User, ErrorCode string
}

// finish numbers and notes a call.
func (s *Server) finish(q *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	q.call.Seq = s.seq
	c := q.call
	if len(s.log) >= s.opt.CallLog {
		s.log = slices.Delete(s.log, 0, len(s.log)-s.opt.CallLog+1)
	}
	s.log = append(s.log, c)
	s.counts[Counter{c.Account, c.Principal, c.Service, c.Operation, c.User, c.ErrorCode}]++
	if c.Operation == "GetCallerIdentity" {
		s.tally(c)
	}
}

// Calls are the newest calls (at most Options.CallLog), oldest first.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// Counts are all calls since the start or the last ResetCalls. The caller owns the map.
func (s *Server) Counts() map[Counter]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}

// ResetCalls forgets calls, counts and sign-ins; Seq goes on counting.
func (s *Server) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
	clear(s.counts)
	clear(s.signIns)
}

// SignIn is the tally of GetCallerIdentity by one key and one client program.
type SignIn struct {
	KeyID   string
	Account string // of the key; empty for an unknown key
	User    string // owner of the key; empty for sessions and unknown keys
	Agent   string // User-Agent of the client
	OK      int
	Failed  int // the key or the signature was refused
	Other   int // throttled, dropped or failed for reasons that do not blame the key
}

type signInKey struct{ keyID, agent string }

// tally counts a sign-in. The caller holds s.mu.
func (s *Server) tally(c Call) {
	at := signInKey{c.KeyID, c.Agent}
	t := s.signIns[at]
	if t == nil {
		t = &SignIn{KeyID: c.KeyID, Account: c.Account, User: c.Owner, Agent: c.Agent}
		s.signIns[at] = t
	}
	switch {
	case c.Principal == "":
		t.Failed++
	case c.ErrorCode == "" && c.Status != 0 && c.Fault != LoseAnswer && c.Fault != LateEffect:
		t.OK++
	default:
		t.Other++
	}
}

// SignIns is the tally of every key that tried sts:GetCallerIdentity, ordered by key id and client.
func (s *Server) SignIns() []SignIn {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]SignIn, 0, len(s.signIns))
	for _, t := range s.signIns {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b SignIn) int { return strings.Compare(a.KeyID+"\x00"+a.Agent, b.KeyID+"\x00"+b.Agent) })
	return out
}
