package rotator_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/rotatortest"
)

// The crash search walks every interleaving of one user's cycle with up to so
// many faults: a refused effect, an effect whose answer is lost, a crash before
// and after each effect and each journal write, a stale list, a young key that
// is refused again. It runs the real Decide, executor and journal.
//
// Two races are left out by name, because IAM offers no way to close them: R1,
// a person re-activates a key between the last look and its delete; R5, a
// person makes a key between a create's intent and the first list after settle.

// move is something that happens between two steps.
type move struct {
	name string
	make func(*rotatortest.World) []*rotatortest.World
}

// one applies a change to a clone.
func one(w *rotatortest.World, change func(*rotatortest.World) bool) []*rotatortest.World {
	c := w.Clone()
	if !change(c) {
		return nil
	}
	return []*rotatortest.World{c}
}

func personMoves() []move {
	each := func(change func(*rotatortest.World, rotatortest.Key)) func(*rotatortest.World) []*rotatortest.World {
		return func(w *rotatortest.World) (out []*rotatortest.World) {
			for _, k := range w.Keys {
				c := w.Clone()
				change(c, k)
				out = append(out, c)
			}
			return out
		}
	}
	return []move{
		{"a person creates a key", func(w *rotatortest.World) []*rotatortest.World {
			if c := w.Progress().Cycle; c != nil && c.Intent != nil && c.Intent.Verb == rotator.VerbCreate {
				return nil // R5
			}
			return one(w, (*rotatortest.World).PersonCreates)
		}},
		{"a person deletes a key", each(func(w *rotatortest.World, k rotatortest.Key) { w.PersonDeletes(k.ID) })},
		{"a person flips a key", each(func(w *rotatortest.World, k rotatortest.Key) {
			if k.Status == rotator.Active {
				w.PersonSets(k.ID, rotator.Inactive)
			} else {
				w.PersonSets(k.ID, rotator.Active)
			}
		})},
	}
}

func rollbackMove() move {
	return move{"an operator rolls back", func(w *rotatortest.World) []*rotatortest.World {
		return one(w, func(c *rotatortest.World) bool {
			if c.Progress().Cycle == nil || len(c.Row().Requests) > 0 {
				return false
			}
			c.Asks(rotator.Request{Verb: rotator.RequestRollback})
			return true
		})
	}}
}

func driftMove() move {
	return move{"somebody puts the old key back", func(w *rotatortest.World) (out []*rotatortest.World) {
		if w.Progress().Cycle == nil {
			return nil // between cycles the store of record is the only copy
		}
		for i := range w.Places {
			out = append(out, one(w, func(c *rotatortest.World) bool { return c.Drifts(i) })...)
		}
		return out
	}}
}

func lostJournalMove() move {
	return move{"the journal is lost", func(w *rotatortest.World) []*rotatortest.World {
		return one(w, func(c *rotatortest.World) bool { c.LosesJournal(); return true })
	}}
}

// search is one walk.
type search struct {
	t      *testing.T
	faults int
	moves  []move
	// unattended cycles may not halt: a user with a store of record, and nobody
	// from outside, needs no person whatever AWS does.
	unattended bool
	seen       map[string]int // fewest faults that led there, plus one
	ending     map[string]bool
	steps      int
	failed     int
}

// node is a world with the way that led to it.
type node struct {
	w    *rotatortest.World
	used int
	way  []string
}

func (s *search) run(start *rotatortest.World) {
	queue := []node{{w: start}}
	for len(queue) > 0 && s.failed < 3 {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		mark := n.w.Fingerprint()
		if best, ok := s.seen[mark]; ok && best <= n.used+1 {
			continue
		}
		s.seen[mark] = n.used + 1
		if !s.ends(n) {
			continue
		}
		queue = append(queue, s.expand(n)...)
	}
}

// expand lists everything that may happen next.
func (s *search) expand(n node) []node {
	var next []node
	add := func(w *rotatortest.World, used int, event string) {
		s.steps++
		m := node{w, used, append(slices.Clip(n.way), event)}
		if len(w.Violated) > 0 {
			s.fail(m, strings.Join(w.Violated, "; "))
			return
		}
		next = append(next, m)
	}
	idle := n.w.Clone()
	awake := idle.Idle()
	if n.used < s.faults {
		for _, m := range s.moves {
			for _, before := range []*rotatortest.World{n.w, idle} {
				for _, w := range m.make(before) {
					add(w, n.used+1, m.name)
				}
			}
		}
	}
	if !awake || done(idle) {
		return next
	}
	clean := idle.Clone()
	clean.Plan(0, 0)
	out := clean.Step()
	calls := clean.Calls()
	add(clean, n.used, string(out.Decision.Verb))
	if n.used == s.faults {
		return next
	}
	for i, call := range calls {
		for _, fault := range faultsOf(call) {
			w := idle.Clone()
			w.Plan(i+1, fault)
			w.Step()
			add(w, n.used+1, fmt.Sprintf("%s: %s %s", out.Decision.Verb, fault, call))
		}
	}
	return next
}

// faultsOf lists what may go wrong at a call. A crash after one call is the
// crash before the next unless the call changes something.
func faultsOf(call string) []rotatortest.Fault {
	if strings.HasPrefix(call, "!") {
		return []rotatortest.Fault{rotatortest.Refuse, rotatortest.Lose, rotatortest.CrashBefore, rotatortest.CrashAfter}
	}
	if call == "list" || call == "sign-in" {
		return []rotatortest.Fault{rotatortest.Refuse, rotatortest.Stale}
	}
	return []rotatortest.Fault{rotatortest.Refuse}
}

// done reports the end of the story: the new key is in use and not due again.
func done(w *rotatortest.World) bool {
	row := w.Row()
	p := row.Progress
	return p.Phase == rotator.PhaseIdle && row.Waiting == rotator.ReasonNotDue && len(row.Requests) == 0
}

// ends is I6: without further faults the cycle ends: closed, or halted with a
// reason and advice.
func (s *search) ends(n node) bool {
	w := n.w.Clone()
	var way []string
	for range 400 {
		mark := w.Fingerprint()
		if s.ending[mark] {
			break
		}
		way = append(way, mark)
		awake := w.Idle()
		if p := w.Progress(); p.Halt != nil && len(w.Row().Requests) == 0 {
			if s.unattended {
				s.fail(node{w, n.used, n.way}, "I6: a person is asked for nothing: "+string(p.Halt.Reason))
				return false
			}
			if _, ok := rotator.Advise(p.Halt.Reason, w.Row().User); !ok {
				s.fail(node{w, n.used, n.way}, "I6: halted without advice: "+string(p.Halt.Reason))
				return false
			}
			break
		}
		if done(w) {
			break
		}
		if !awake {
			s.fail(node{w, n.used, n.way}, "I6: stuck")
			return false
		}
		w.Step()
		if len(w.Violated) > 0 {
			s.fail(node{w, n.used, n.way}, strings.Join(w.Violated, "; "))
			return false
		}
		if len(way) == 400 {
			s.fail(node{w, n.used, n.way}, "I6: no end in sight")
			return false
		}
	}
	for _, mark := range way {
		s.ending[mark] = true
	}
	return true
}

func (s *search) fail(n node, what string) {
	s.failed++
	s.t.Errorf("%s\nafter %d faults: %s\n%s", what, n.used, strings.Join(n.way, ", "), n.w.Story())
}

// budget is how many faults one history may have. Two find every planted bug
// and are quick enough for the race detector; make crash-search asks for more.
func budget(t *testing.T, variable string) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return 2
	}
	faults, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return faults
}

func searchFrom(t *testing.T, kind string, faults int, moves ...move) {
	t.Helper()
	if kind == "waves" { // twice as many calls a cycle: a fourth fault would take ten minutes
		faults = min(faults, 3)
	}
	s := &search{t: t, faults: faults, moves: moves, seen: map[string]int{}, ending: map[string]bool{}}
	drift := len(moves) == 1 && moves[0].name == driftMove().name
	s.unattended = kind != "blind" && (len(moves) == 0 || drift)
	s.run(rotatortest.New(searchPolicy(), places(kind)...))
	t.Logf("%s stores, up to %d faults: %d states, %d steps", kind, faults, len(s.seen), s.steps)
}

func TestNoCrashBreaksAConsumer(t *testing.T) {
	for _, kind := range []string{"readable", "both", "blind", "waves"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			searchFrom(t, kind, budget(t, "KEYROTATOR_SEARCH_FAULTS"))
		})
	}
}

func TestNoCrashWithAPersonInTheConsoleBreaksAConsumer(t *testing.T) {
	for _, kind := range []string{"readable", "both", "blind", "waves"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			searchFrom(t, kind, budget(t, "KEYROTATOR_SEARCH_MOVED_FAULTS"), personMoves()...)
		})
	}
}

func TestNoCrashOnTheWayBackBreaksAConsumer(t *testing.T) {
	for _, kind := range []string{"readable", "both", "blind", "waves"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			searchFrom(t, kind, budget(t, "KEYROTATOR_SEARCH_MOVED_FAULTS"), rollbackMove())
		})
	}
}

func TestNoLostJournalBreaksAConsumer(t *testing.T) {
	for _, kind := range []string{"readable", "both", "blind", "waves"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			searchFrom(t, kind, budget(t, "KEYROTATOR_SEARCH_MOVED_FAULTS"), lostJournalMove())
		})
	}
}

// TestNoDriftBreaksAConsumer puts the old key back into a store behind our back.
func TestNoDriftBreaksAConsumer(t *testing.T) {
	for _, kind := range []string{"readable", "both", "blind", "waves"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			searchFrom(t, kind, budget(t, "KEYROTATOR_SEARCH_MOVED_FAULTS"), driftMove())
		})
	}
}
