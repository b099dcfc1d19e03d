package rotatortest

import (
	"fmt"
)

// Fault is what may go wrong at one boundary.
type Fault int

// The faults. Reads know Refuse, Stale and CrashBefore alone.
const (
	// Refuse: a definite refusal; nothing happened.
	Refuse Fault = iota + 1
	// Lose: it happened, and the answer was lost.
	Lose
	// CrashBefore and CrashAfter end the process around the call.
	CrashBefore
	CrashAfter
	// Stale: a list shows the keys as they were before the latest change; a
	// sign-in with a young key is refused as unknown.
	Stale
)

// String names the fault.
func (f Fault) String() string {
	return [...]string{"none", "refuse", "lose", "crash-before", "crash-after", "stale"}[f]
}

// Crash is the panic that ends a simulated process.
type Crash struct{}

type planned struct {
	at    int
	fault Fault
}

// Plan puts a fault at the n-th call from now, counted from one.
func (w *World) Plan(n int, fault Fault) {
	w.fault, w.calls = &planned{at: n, fault: fault}, nil
}

// Calls lists the calls since the world was cloned or planned; a name that
// begins with "!" changes something.
func (w *World) Calls() []string { return w.calls }

// boundary passes one call through the planned fault. refused and lost are the
// errors that the caller sees; stale, if any, answers in place of the effect.
func (w *World) boundary(name string, refused, lost error, effect func() error, stale func() error) error {
	w.turn.Lock()
	defer w.turn.Unlock()
	w.calls = append(w.calls, name)
	if w.fault == nil || w.fault.at != len(w.calls) {
		return effect()
	}
	switch w.fault.fault {
	case Refuse:
		return fmt.Errorf("%s: %w", name, refused)
	case CrashBefore:
		panic(Crash{})
	case CrashAfter:
		_ = effect() // whatever it answers, nobody hears it
		panic(Crash{})
	case Lose:
		if err := effect(); err != nil {
			return err
		}
		return fmt.Errorf("%s: %w", name, lost)
	case Stale:
		if stale != nil {
			return stale()
		}
		return effect()
	default:
		return effect()
	}
}
