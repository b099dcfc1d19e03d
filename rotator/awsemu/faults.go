package awsemu

import (
	"fmt"
	"slices"
	"time"
)

// Kind names what a fault does; its text is the word of the fault script.
type Kind string

// The kinds. "Effect" is the change that the call asks for.
const (
	Throttle         Kind = "throttle"           // answer Throttling or ThrottlingException, no effect
	Refuse           Kind = "refuse"             // answer AccessDenied or AccessDeniedException, no effect
	ServerError      Kind = "server-error"       // answer 500, no effect
	ServerErrorAfter Kind = "server-error-after" // answer 500 after the effect
	LoseAnswer       Kind = "lose-answer"        // the effect happens, then the connection is dropped
	DropBefore       Kind = "drop-before"        // the connection is dropped, no effect
	LateEffect       Kind = "late-effect"        // the connection is dropped, the effect happens For later
	FlapNewKey       Kind = "flap-new-key"       // a new key fails Count more times after Skip first successes (at least one)
	KeepAlive        Kind = "keep-alive"         // a dead key signs in all the same
	StaleList        Kind = "stale-list"         // ListAccessKeys shows the state before the last change, or that of For ago
	QuotaRace        Kind = "quota-race"         // CreateAccessKey ignores the quota and leaves at least three keys
	NoDate           Kind = "no-date"            // the answer has no Date header
	Delay            Kind = "delay"              // the effect waits For
)

// Kinds are all kinds, in the order of the documentation.
func Kinds() []Kind {
	return []Kind{
		Throttle, Refuse, ServerError, ServerErrorAfter, LoseAnswer, DropBefore, LateEffect,
		FlapNewKey, KeepAlive, StaleList, QuotaRace, NoDate, Delay,
	}
}

// flapWindow is how long a key counts as new for FlapNewKey.
const flapWindow = 10 * time.Minute

// defaultDelay is what Delay and LateEffect use when For is zero.
const defaultDelay = 5 * time.Second

// Fault is one line of the fault script. Empty matching fields match everything.
type Fault struct {
	Kind      Kind
	Service   string // iam, sts, secretsmanager, ssm
	Operation string
	User      string // the user acted upon, or the owner of the key that signs
	KeyID     string // the key acted upon, or the one that signs
	// Skip lets that many matching calls pass first.
	Skip int
	// Count is how many calls are hit afterwards; zero means for ever (FlapNewKey: refusals a key; zero: while it is new).
	Count int
	// Probability of hitting a call that is due, 0 < p < 1; any other value means always.
	Probability float64
	// For is the length of Delay and LateEffect (zero: 5 s) and the age of StaleList (zero: before the last change).
	For time.Duration
}

// armed is a fault in force, with what it has done so far.
type armed struct {
	Fault
	seen, hits int
	perKey     map[string]int
}

// Inject puts a fault in force until remove is called or its Count is used up. An unknown Kind panics: a script that
// silently does nothing would prove nothing.
func (s *Server) Inject(f Fault) (remove func()) {
	if !slices.Contains(Kinds(), f.Kind) {
		panic(fmt.Sprintf("awsemu: unknown fault kind %q", f.Kind))
	}
	a := &armed{Fault: f, perKey: map[string]int{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, a)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults = slices.DeleteFunc(s.faults, func(x *armed) bool { return x == a })
	}
}

// ClearFaults removes every fault.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// matches compares what a fault names. Faults of the sign-in look at the signer only.
func (f *Fault) matches(c *Call) bool {
	signIn := f.Kind == FlapNewKey || f.Kind == KeepAlive
	user := c.User
	if signIn || user == "" {
		user = c.Owner
	}
	return (f.Service == "" || f.Service == c.Service) &&
		(f.Operation == "" || f.Operation == c.Operation) &&
		(f.User == "" || f.User == user) &&
		(f.KeyID == "" || f.KeyID == c.KeyID || (!signIn && f.KeyID == c.Target))
}

// chance draws whether a due call is hit. The caller holds s.mu.
func (s *Server) chance(p float64) bool { return p <= 0 || p >= 1 || s.rng.Float64() < p }

// take says whether this call is hit and counts it. The caller holds s.mu.
func (s *Server) take(a *armed, c *Call) bool {
	if !a.matches(c) || (a.Count > 0 && a.hits >= a.Count) {
		return false
	}
	if a.seen++; a.seen <= a.Skip || !s.chance(a.Probability) {
		return false
	}
	a.hits++
	c.Fault = a.Kind
	return true
}

// plan is what the faults in force do to one call.
type plan struct {
	refusal    *apiError
	dropBefore bool
	loseAnswer bool
	errorAfter bool
	noDate     bool
	race       bool
	stale      bool
	staleFor   time.Duration
	delay      time.Duration
	late       time.Duration
}

// plan chooses the faults of a call. A fault without effect comes before those that need one, so that the latter
// keep their count for a call that does something.
func (s *Server) plan(q *request) plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	var p plan
	for _, a := range s.faults {
		if a.Kind == Delay && s.take(a, &q.call) {
			p.delay += orDefault(a.For)
		}
		if a.Kind == NoDate && s.take(a, &q.call) {
			p.noDate = true
		}
	}
	if q.refusal != nil {
		return p
	}
	for _, a := range s.faults {
		if s.before(a, q, &p) {
			return p
		}
	}
	for _, a := range s.faults {
		s.around(a, q, &p)
	}
	return p
}

func orDefault(d time.Duration) time.Duration {
	if d <= 0 {
		return defaultDelay
	}
	return d
}

// before applies a fault that keeps the effect from happening; true when it did.
func (s *Server) before(a *armed, q *request, p *plan) bool {
	switch a.Kind {
	case Throttle, Refuse, ServerError, DropBefore:
	default:
		return false
	}
	if !s.take(a, &q.call) {
		return false
	}
	switch a.Kind {
	case Throttle:
		p.refusal = errThrottled(q.service)
	case Refuse:
		p.refusal = errDenied(q.service, q.caller.arn(), q.service+":"+q.operation)
	case ServerError:
		p.refusal = errInternal(q.service)
	default:
		p.dropBefore = true
	}
	return true
}

// around applies a fault that changes the effect or its answer.
func (s *Server) around(a *armed, q *request, p *plan) {
	switch a.Kind {
	case ServerErrorAfter:
		p.errorAfter = p.errorAfter || s.take(a, &q.call)
	case LoseAnswer:
		p.loseAnswer = p.loseAnswer || s.take(a, &q.call)
	case LateEffect:
		if p.late == 0 && s.take(a, &q.call) {
			p.late = orDefault(a.For)
		}
	case StaleList:
		if q.operation == "ListAccessKeys" && s.take(a, &q.call) {
			p.stale, p.staleFor = true, a.For
		}
	case QuotaRace:
		if q.operation == "CreateAccessKey" && s.take(a, &q.call) {
			p.race = true
		}
	default: // the other kinds act before the effect, or on keys
	}
}

// faultKeepsAlive says whether a dead key may sign in all the same. The caller holds s.mu.
func (s *Server) faultKeepsAlive(q *request) bool {
	return slices.ContainsFunc(s.faults, func(a *armed) bool { return a.Kind == KeepAlive && s.take(a, &q.call) })
}

// faultFlaps says whether a new key, which has worked before, is refused again. The caller holds s.mu.
func (s *Server) faultFlaps(q *request, k *accessKey) bool {
	if k.born.IsZero() || q.base.Sub(k.born) > flapWindow {
		return false
	}
	for _, a := range s.faults {
		if a.Kind != FlapNewKey || !a.matches(&q.call) || k.successes < max(a.Skip, 1) {
			continue
		}
		if (a.Count == 0 || a.perKey[k.id] < a.Count) && s.chance(a.Probability) {
			a.perKey[k.id]++
			q.call.Fault = FlapNewKey
			return true
		}
	}
	return false
}
