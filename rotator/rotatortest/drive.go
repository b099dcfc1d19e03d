package rotatortest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

// Outcome is how one step of a world's user ended.
type Outcome struct {
	Decision rotator.Decision
	Err      error
	Crashed  bool
}

// tick is how long a step takes in a world.
const tick = 200 * time.Millisecond

// Step performs one step of the program in this world, with the planned fault
// if there is one. A crash ends the process: whoever comes next takes over.
func (w *World) Step() (out Outcome) { return w.step(false) }

func (w *World) step(look bool) (out Outcome) {
	watch := &leakWatch{w: w}
	r, err := rotator.New(
		rotator.Deps{Journal: Ledger{w}, Sealer: Sealer{}, Observer: watch},
		w.fleet(),
		rotator.Options{Owner: "owner", Now: w.Local},
	)
	if err != nil {
		panic(err) // the options above are constant
	}
	defer func() {
		if p := recover(); p != nil {
			if _, crash := p.(Crash); !crash {
				panic(p)
			}
			out.Crashed = true
		}
		w.Journal.TakeOver(w.Local())
		w.known = nil
		w.SignInAll()
		w.CheckSecrets()
		w.CheckQuota()
		w.AdvanceTo(w.Now.Add(tick))
	}()
	out.Decision, out.Err = r.Step(context.Background(), User, look)
	return out
}

// Idle moves the clock to when the user is due next. It reports false when
// nothing will happen any more without somebody from outside.
func (w *World) Idle() bool {
	row := w.row()
	if len(row.Requests) > 0 || row.Version == 0 {
		return true
	}
	if row.Due.IsZero() {
		return false
	}
	if due := row.Due.Add(-w.Skew); due.After(w.Now) {
		w.AdvanceTo(due)
	}
	return true
}

// Progress is what the journal knows.
func (w *World) Progress() rotator.Progress { return w.row().Progress }

// Row is the user's journal row.
func (w *World) Row() rotator.Row { return w.row() }

// Story is the history as lines, for a failing test to print.
func (w *World) Story() string {
	entries, err := w.Journal.History(context.Background(), User, 0, 10_000)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, h := range entries[max(0, len(entries)-40):] {
		e := h.Entry
		fmt.Fprintf(&b, "%s %s %s %s %s %s %s\n", e.At.Format("02 15:04:05.0"), e.Kind, e.Verb, e.Key, e.Consumer, e.Reason, e.Detail)
	}
	row := w.row()
	fmt.Fprintf(&b, "now %s phase %s waiting %s %s due %s\n", w.Now.Format("02 15:04:05.0"), row.Progress.Phase, row.Waiting, row.Detail, row.Due.Format("02 15:04:05.0"))
	for _, k := range w.Keys {
		fmt.Fprintf(&b, "key %s %s foreign=%v broken=%v\n", k.ID, k.Status, k.Foreign, w.Broken[k.ID])
	}
	for _, p := range w.Places {
		fmt.Fprintf(&b, "place %s holds %s, its reader %s\n", p.Name, p.Held.KeyID(), p.Reader.KeyID())
	}
	return b.String()
}

// leakWatch is I5: no event ever shows a secret.
type leakWatch struct{ w *World }

func (l *leakWatch) Observe(_ context.Context, e rotator.Event) {
	if shown := fmt.Sprintf("%+v", e); strings.Contains(shown, SecretPrefix) {
		l.w.violatef("I5: an event shows a secret: %s", e.Kind)
	}
}
