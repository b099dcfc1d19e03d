package rotator_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/rotatortest"
	"github.com/keyrotator/keyrotator/store"
)

// The keys of a scene in the order in which they are made.
const (
	oldKey   rotator.KeyID = "AKIA0001"
	newKey   rotator.KeyID = "AKIA0002"
	thirdKey rotator.KeyID = "AKIA0003"
)

// manySteps is more than any scene needs; a back-off of 15 minutes makes it two days.
const manySteps = 400

// scene is a world with a test: it moves the clock and steps the program, and
// at the end no invariant may have been violated and the journal must be the
// fold of its history.
type scene struct {
	*testing.T

	w *rotatortest.World
}

// stage begins a scene in which the user's key is due.
func stage(t *testing.T, kind string) *scene {
	t.Helper()
	return open(t, rotatortest.New(searchPolicy(), places(kind)...))
}

// stageYoung begins a scene in which the user's key is new and not due.
func stageYoung(t *testing.T, kind string) *scene {
	t.Helper()
	s := stage(t, kind)
	s.w.Keys[0].Created = s.w.Now.Add(-time.Hour)
	return s
}

// instantly has every consumer read its store again at once.
func (s *scene) instantly() *scene {
	for i := range s.w.Places {
		s.w.Places[i].Refreshes = 0
	}
	return s
}

func open(t *testing.T, w *rotatortest.World) *scene {
	t.Helper()
	s := &scene{T: t, w: w}
	t.Cleanup(s.check)
	return s
}

func (s *scene) check() {
	if len(s.w.Violated) > 0 {
		s.Errorf("violated: %s", strings.Join(s.w.Violated, "; "))
	}
	folded, err := rotator.Fold(s.w.Entries())
	if err != nil {
		s.Errorf("fold the history: %v", err)
	}
	if have := s.w.Progress(); !reflect.DeepEqual(normal(s.T, folded), normal(s.T, have)) {
		s.Errorf("the journal holds\n%+v\nits history folds to\n%+v", have, folded)
	}
	if s.Failed() {
		s.Log(s.w.Story())
	}
}

// until steps until a condition holds.
func (s *scene) until(what string, holds func() bool) {
	s.Helper()
	for range manySteps {
		if holds() {
			return
		}
		if !s.w.Idle() {
			s.Fatalf("waiting until %s: nothing happens any more", what)
		}
		s.w.Step()
	}
	s.Fatalf("waiting until %s: it does not come", what)
}

func (s *scene) untilPhase(phase rotator.Phase) {
	s.Helper()
	s.until("the phase is "+string(phase), func() bool { return s.w.Progress().Phase == phase })
}

func (s *scene) untilHalted(reason rotator.Reason) {
	s.Helper()
	s.until("a halt", func() bool { return s.w.Progress().Halt != nil && len(s.w.Row().Requests) == 0 })
	if halt := s.w.Progress().Halt; halt.Reason != reason {
		s.Fatalf("halted for %s (%s), want %s", halt.Reason, halt.Detail, reason)
	}
	if _, advised := rotator.Advise(reason, rotatortest.User); !advised {
		s.Errorf("nobody is told what to do about %s", reason)
	}
}

func (s *scene) untilWaiting(reason rotator.Reason) {
	s.Helper()
	s.until("it waits for "+string(reason), func() bool { return s.w.Row().Waiting == reason })
}

// untilClosed steps until no cycle is open and one key is left.
func (s *scene) untilClosed(left rotator.KeyID) {
	s.Helper()
	s.until("the cycle is closed", func() bool { return s.closed(left) })
	for _, p := range s.w.Places {
		if held := rotator.KeyID(p.Held.KeyID()); held != left {
			s.Errorf("%s holds %s at the end, want %s", p.Name, held, left)
		}
	}
}

func (s *scene) closed(left rotator.KeyID) bool {
	p := s.w.Progress()
	return p.Cycle == nil && p.Halt == nil && p.Current == left && len(s.w.Keys) == 1 && s.w.Keys[0].ID == left
}

// forLong steps for so long, and wants a condition to hold all along.
func (s *scene) forLong(d time.Duration, what string, holds func() bool) {
	s.Helper()
	end := s.w.Now.Add(d)
	for range 10 * manySteps {
		if !holds() {
			s.Fatalf("it does not hold that %s", what)
		}
		if !s.w.Idle() {
			s.w.AdvanceTo(end)
		}
		if !s.w.Now.Before(end) {
			return
		}
		s.w.Step()
	}
	s.Fatalf("there is no end of steps")
}

// ask appends a request and steps until it was taken up; it returns the entry.
func (s *scene) ask(r rotator.Request) rotator.Entry {
	s.Helper()
	s.w.Asks(r)
	s.until("the request is taken up", func() bool { return len(s.w.Row().Requests) == 0 })
	entries := s.w.Entries()
	for _, e := range slices.Backward(entries) {
		if e.Request != 0 && (e.Kind == rotator.KindRequest || e.Kind == rotator.KindAdopted || e.Kind == rotator.KindOpened) {
			return e
		}
	}
	s.Fatal("the request left no entry")
	return rotator.Entry{}
}

// refused wants the entry to be a refusal whose text has the words.
func (s *scene) refused(e rotator.Entry, words string) {
	s.Helper()
	if e.Verb != rotator.VerbReject || !strings.Contains(e.Detail, words) {
		s.Errorf("the request ended as %s %q, want it refused with %q", e.Verb, e.Detail, words)
	}
}

// entries lists the history entries of a kind and a verb.
func (s *scene) entries(kind rotator.Kind, verb rotator.Verb) []rotator.Entry {
	var found []rotator.Entry
	for _, e := range s.w.Entries() {
		if e.Kind == kind && e.Verb == verb {
			found = append(found, e)
		}
	}
	return found
}

// done is the one entry of an effect that happened.
func (s *scene) done(verb rotator.Verb) rotator.Entry {
	s.Helper()
	found := s.entries(rotator.KindDone, verb)
	if len(found) != 1 {
		s.Fatalf("%s was done %d times, want once", verb, len(found))
	}
	return found[0]
}

// never wants an effect not even intended.
func (s *scene) never(verbs ...rotator.Verb) {
	s.Helper()
	for _, verb := range verbs {
		if n := len(s.entries(rotator.KindIntent, verb)); n > 0 {
			s.Errorf("%s was intended %d times, want never", verb, n)
		}
	}
}

// status is what IAM has of a key, empty when it is gone.
func (s *scene) status(id rotator.KeyID) rotator.Status {
	for _, k := range s.w.Keys {
		if k.ID == id {
			return k.Status
		}
	}
	return ""
}

func (s *scene) bothActive() bool {
	return s.status(oldKey) == rotator.Active && s.status(newKey) == rotator.Active
}

// faultAt steps until a call of this name is made, and puts the fault there.
func (s *scene) faultAt(call string, fault rotatortest.Fault) {
	s.Helper()
	for range manySteps {
		if !s.w.Idle() {
			break
		}
		scout := s.w.Clone()
		scout.Step()
		if i := slices.Index(scout.Calls(), call); i >= 0 {
			s.w.Plan(i+1, fault)
			s.w.Step()
			s.w.Plan(0, 0)
			return
		}
		s.w.Step()
	}
	s.Fatalf("%s is never called", call)
}

// twist stands between the program and the world's IAM. Nil functions change nothing.
type twist struct {
	rotator.Keyring
	rotator.Witness

	failing func() error
	list    func(*rotator.Listing)
	lastUse func() (rotator.LastUse, error)
	ownKey  rotator.KeyID
}

func (x *twist) tune(_ *rotatortest.World, t *rotator.Target) {
	x.Keyring, x.Witness = t.Keyring, t.Witness
	t.Keyring, t.Witness = x, x
}

func (x *twist) fails() error {
	if x.failing == nil {
		return nil
	}
	return x.failing()
}

func (x *twist) List(ctx context.Context, u rotator.User) (rotator.Listing, error) {
	listing, err := x.Keyring.List(ctx, u)
	if x.list != nil {
		x.list(&listing)
	}
	return listing, errors.Join(x.fails(), err)
}

func (x *twist) Create(ctx context.Context, u rotator.User) (rotator.Created, error) {
	if err := x.fails(); err != nil {
		return rotator.Created{}, err
	}
	return x.Keyring.Create(ctx, u)
}

func (x *twist) Activate(ctx context.Context, u rotator.User, k rotator.KeyID) (time.Time, error) {
	if err := x.fails(); err != nil {
		return time.Time{}, err
	}
	return x.Keyring.Activate(ctx, u, k)
}

func (x *twist) LastUse(ctx context.Context, u rotator.User, k rotator.KeyID) (rotator.LastUse, error) {
	if x.lastUse != nil {
		return x.lastUse()
	}
	return x.Witness.LastUse(ctx, u, k)
}

func (x *twist) SignIn(ctx context.Context, c store.Credential, regions []string) (rotator.Identity, error) {
	if err := x.fails(); err != nil {
		return rotator.Identity{}, err
	}
	return x.Witness.SignIn(ctx, c, regions)
}

func (x *twist) OwnKey(context.Context) (rotator.KeyID, error) { return x.ownKey, nil }

// normal is a progress as the journal gives it back.
func normal(t *testing.T, p rotator.Progress) rotator.Progress {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back rotator.Progress
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	return back
}
