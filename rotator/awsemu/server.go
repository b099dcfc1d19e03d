package awsemu

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Options are fixed for a server's life. The zero value is a strongly consistent AWS which answers at once.
type Options struct {
	// Now is the base clock; nil means time.Now, which is the fake clock inside a synctest bubble.
	Now func() time.Time
	// Seed makes ids, secrets, delays and probabilities repeatable, as long as calls come in the same order.
	Seed uint64
	// NewKeyDelay is the range of time for which a key made by CreateAccessKey is refused. AWS: 3–15 s, sometimes more.
	NewKeyDelay [2]time.Duration
	// DeadKeyGrace is how long a deactivated or deleted key goes on working. AWS: 3–4 s.
	DeadKeyGrace time.Duration
	// ListLag is the greatest age of what ListAccessKeys shows; each answer draws its own age from zero up to it.
	ListLag time.Duration
	// LastUsedGranularity is the span of which only the first use is recorded. Zero means AWS's 15 minutes, a
	// negative value records every use.
	LastUsedGranularity time.Duration
	// LastUsedLag is how long a recorded use stays invisible. AWS: up to hours.
	LastUsedLag time.Duration
	// CountInactiveUse lets attempts with a dead key move its last use. What AWS does is unproven: test both ways.
	CountInactiveUse bool
	// Latency is the range of a call's duration; half of it passes before the effect, half after.
	Latency [2]time.Duration
	// ReportDelay is how long a credential report takes to generate.
	ReportDelay time.Duration
	// CallLog bounds the calls that Calls returns; zero means 10,000. Counters are not bounded.
	CallLog int
}

const (
	defaultGranularity = 15 * time.Minute
	defaultCallLog     = 10_000
	maxBody            = 1 << 20
)

// Server is an emulated AWS: any number of accounts in one partition, all Regions. It is safe for concurrent use,
// starts no goroutine of its own (a LateEffect fault's timer apart) and keeps everything in memory.
type Server struct {
	opt        Options
	operations map[string]map[string]operation // by service and name; never changed

	mu        sync.Mutex
	rng       *rand.Rand
	skew      time.Duration
	accounts  map[string]*account
	keys      map[string]*accessKey // by id, deleted ones too
	sessions  map[string]*session   // by key id
	faults    []*armed
	hooks     []*hook
	log       []Call
	seq       uint64
	counts    map[Counter]int
	signIns   map[signInKey]*SignIn
	lateCalls sync.WaitGroup
}

// New makes an empty AWS: create accounts and users before calling it.
func New(opt Options) *Server {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.LastUsedGranularity == 0 {
		opt.LastUsedGranularity = defaultGranularity
	}
	if opt.CallLog <= 0 {
		opt.CallLog = defaultCallLog
	}
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], opt.Seed)
	return &Server{
		opt:        opt,
		operations: operations(),
		rng:        rand.New(rand.NewChaCha8(seed)), //nolint:gosec // repeatable on purpose: none of these secrets opens anything
		accounts:   map[string]*account{},
		keys:       map[string]*accessKey{},
		sessions:   map[string]*session{},
		counts:     map[Counter]int{},
		signIns:    map[signInKey]*SignIn{},
	}
}

// errDropped says that a fault cuts the connection instead of answering.
var errDropped = errors.New("connection dropped by a fault")

// reply is a finished answer.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// ServeHTTP answers one AWS call. A fault that drops the connection panics with http.ErrAbortHandler, as net/http asks.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out, err := s.serve(r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), out.header)
	if out.header.Get("Date") == "" {
		w.Header()["Date"] = nil // keeps net/http from adding its own
	}
	w.WriteHeader(out.status)
	_, _ = w.Write(out.body) // the client went away: nothing to tell it
}

// serve takes a call from its bytes to its answer; an error means that the caller never gets one.
func (s *Server) serve(r *http.Request) (reply, error) {
	latency := s.latency()
	if err := pause(r.Context(), latency/2); err != nil {
		return reply{}, err
	}
	q, err := s.receive(r)
	if err != nil {
		return reply{}, err
	}
	s.authenticate(r, q)
	if q.refusal == nil {
		s.notify(q.call, Before)
	}
	p := s.plan(q)
	if err := pause(r.Context(), p.delay); err != nil {
		return reply{}, err
	}
	switch {
	case p.late > 0:
		s.later(q, p)
		return reply{}, errDropped
	case p.dropBefore:
		s.finish(q)
		return reply{}, errDropped
	}
	out := s.complete(q, p)
	if p.loseAnswer {
		return reply{}, errDropped
	}
	if err := pause(r.Context(), latency-latency/2); err != nil {
		return reply{}, err
	}
	return out, nil
}

// complete does the effect, notes the call and writes the answer.
func (s *Server) complete(q *request, p plan) reply {
	result, refusal := s.perform(q, p)
	if p.errorAfter && refusal == nil {
		refusal = errInternal(q.service)
	}
	q.call.Status, q.call.ErrorCode = http.StatusOK, ""
	if refusal != nil {
		q.call.Status, q.call.ErrorCode = refusal.status, refusal.code
	}
	s.finish(q)
	s.notify(q.call, After)
	return s.encode(q, p, result, refusal)
}

// perform decides and does: everything under one lock, so that a call is atomic.
func (s *Server) perform(q *request, p plan) (any, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q.base, q.at = s.opt.Now(), s.stamp()
	q.race, q.stale, q.staleFor = p.race, p.stale, p.staleFor
	if q.refusal == nil {
		q.refusal = p.refusal
	}
	if q.refusal != nil {
		return nil, q.refusal
	}
	op := s.operations[q.service][q.operation]
	if !op.anyone && !allowed(q.caller, q.service+":"+q.operation) {
		return nil, errDenied(q.service, q.caller.arn(), q.service+":"+q.operation)
	}
	result, err := op.run(s, q)
	if err == nil {
		return result, nil
	}
	var refusal *apiError
	if !errors.As(err, &refusal) {
		refusal = errInternal(q.service)
	}
	return nil, refusal
}

// later drops the connection now and lets the effect happen after p.late, when the client has long given up.
func (s *Server) later(q *request, p plan) {
	s.lateCalls.Add(1)
	time.AfterFunc(p.late, func() {
		defer s.lateCalls.Done()
		s.complete(q, p)
	})
}

func (s *Server) latency() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.span(s.opt.Latency)
}

// Wait returns when every LateEffect has happened, or with ctx's error. It starts one goroutine, which ends with
// the last of them.
func (s *Server) Wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		s.lateCalls.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
