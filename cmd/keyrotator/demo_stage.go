package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

// stage shows the demo: one line for every step, and on a terminal a last line
// that is alive. It observes the rotator, which must not wait for a terminal, so
// events queue up and the goroutine that calls follow prints them.
type stage struct {
	out     io.Writer
	paint   paint
	live    bool
	began   time.Time
	width   int               // of the users' names
	shorten *strings.Replacer // takes the temporary folder out of the names of files
	signIns func() signIns

	mu       sync.Mutex
	queue    []rotator.Event
	progress map[rotator.User]rotator.Progress
	last     map[rotator.User]string // the last line of each, which is not repeated
}

func newStage(out io.Writer) *stage {
	return &stage{
		out: out, paint: paintFor(out), live: isTerminal(out), began: time.Now(), shorten: strings.NewReplacer(),
		progress: map[rotator.User]rotator.Progress{}, last: map[rotator.User]string{},
	}
}

// Observe implements rotator.Observer.
func (s *stage) Observe(_ context.Context, e rotator.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, e)
}

func (s *stage) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(s.out, format, args...) // a stream that is gone has no reader
}

func (s *stage) introduce(w *demoWorld, d demonstration) {
	s.printf("%s\n", s.paint.strong("An AWS runs inside this process: IAM, STS and Secrets Manager, with real signature checks."))
	s.printf("A new key takes 0.5 to 1.5 s to work, lists are up to 0.5 s stale, a dead key works %s longer.\n\n", deadKeyGrace)
	s.shorten = strings.NewReplacer(w.dir+string(filepath.Separator), "", `#profile "default"`, "")
	consumers := 0
	for _, u := range w.users {
		s.width = max(s.width, len(u.user.String()))
		consumers += strings.Count(u.stores(), " and ") + 1
	}
	for _, u := range w.users {
		s.printf("  %-*s  key %s, 100 days old (allowed: 90), in %s\n", s.width, u.user, short(u.key), u.stores())
	}
	s.printf("\n%d consumers sign in 4 times a second each, with whatever their store holds.\n", consumers)
	s.printf("Graces that are days elsewhere are seconds here: overlap 2s, quiet 2s, trial 3s.\n")
	if d.faults != "" {
		s.printf("%s\n", s.paint.warn("Faults: "+oneLine(d.faults)))
	}
	s.printf("\n")
	s.began = time.Now()
}

// demoFrame is how often the stage is drawn.
const demoFrame = 100 * time.Millisecond

// follow shows what happens until every user is through, or halted, or the
// limit is reached, and then for as long as a dead key may seem alive.
func (s *stage) follow(ctx context.Context, w *demoWorld, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	tick := time.NewTicker(demoFrame)
	defer tick.Stop()
	defer s.wipe()
	var last <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return errors.New("interrupted: the demo is over")
		case <-timer.C:
			s.draw()
			s.wipe()
			s.printf("%s\n", s.paint.warn(fmt.Sprintf("the demo's limit of %s is reached", limit)))
			return nil
		case <-last:
			s.draw()
			return nil
		case <-tick.C:
			s.draw()
		}
		if last == nil && s.settled(w) {
			last = time.After(afterglow)
		}
	}
}

// settled reports whether no user has anything left to do. It goes by the events
// and not by the journal, which has enough to do.
func (s *stage) settled(w *demoWorld) bool {
	return !slices.ContainsFunc(w.users, func(u demoUser) bool {
		p := s.progress[u.user]
		return p.Halt == nil && (p.Phase != rotator.PhaseIdle || p.Cycle != nil || p.Current == u.key)
	})
}

// watch keeps the live line alive until the context ends.
func (s *stage) watch(ctx context.Context) {
	tick := time.NewTicker(demoFrame)
	defer tick.Stop()
	defer s.wipe()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.draw()
		}
	}
}

// draw prints what was queued and renews the live line.
func (s *stage) draw() {
	s.mu.Lock()
	events := s.queue
	s.queue = nil
	s.mu.Unlock()
	for _, e := range events {
		s.line(e)
	}
	if !s.live {
		return
	}
	count := map[rotator.Phase]int{}
	for _, p := range s.progress {
		count[p.Phase]++
	}
	var parts []string
	for _, phase := range slices.Sorted(maps.Keys(count)) {
		parts = append(parts, fmt.Sprintf("%d %s", count[phase], phase))
	}
	n := s.signIns()
	failed := s.paint.good("0 failed")
	if n.Failed > 0 {
		failed = s.paint.bad(fmt.Sprintf("%d failed", n.Failed))
	}
	spin := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")[int(time.Since(s.began)/demoFrame)%10]
	s.printf("\r\x1b[K%c %5.1fs  %d sign-ins, %s   %s", spin, time.Since(s.began).Seconds(), n.Tried, failed, s.paint.quiet(strings.Join(parts, ", ")))
}

// wipe takes the live line away.
func (s *stage) wipe() {
	if s.live {
		s.printf("\r\x1b[K")
	}
}

// line prints one event, if it is worth it.
func (s *stage) line(e rotator.Event) {
	if e.User.Valid() {
		s.progress[e.User] = e.Progress
	}
	text, t := tellEvent(e)
	if text == "" || s.last[e.User] == text {
		return
	}
	s.last[e.User] = text
	s.wipe()
	s.printf("%s  %-*s  %s\n", s.paint.quiet(fmt.Sprintf("%5.1fs", max(0, e.At.Sub(s.began).Seconds()))), s.width, e.User, s.paint.toned(t, s.shorten.Replace(oneLine(text))))
}

// tellEvent says an event in plain words. Empty is not worth a line: the
// outcome of an effect is told by its entry.
func tellEvent(e rotator.Event) (string, tone) {
	switch e.Kind {
	case rotator.EventEntry:
		return tell(e.Entry, e.Progress)
	case rotator.EventEffect:
		c := e.Progress.Cycle
		if e.Err == nil || e.Entry.Verb != rotator.VerbProve || c == nil || c.Signed > 0 {
			return "", toneQuiet
		}
		return fmt.Sprintf("new key %s does not sign in yet → no store may see it", short(c.Keep)), toneQuiet
	case rotator.EventWaiting:
		switch e.Decision.Reason {
		case rotator.ReasonSpacing, rotator.ReasonNotDue, rotator.ReasonHalted:
			return "", toneQuiet
		default:
			return tellWait(e)
		}
	case rotator.EventStepFailed:
		if strings.HasPrefix(fmt.Sprint(e.Err), "step ") {
			return "", toneQuiet // the loop's word for what the step itself has told
		}
		return fmt.Sprintf("the step failed and is tried again: %v", e.Err), toneWarn
	default:
		return "", toneQuiet
	}
}

func tellWait(e rotator.Event) (string, tone) {
	why := sentence(e.Decision.Reason)
	if c := e.Progress.Cycle; c != nil && c.Purpose == rotator.PurposeOrphan && e.Decision.Reason == rotator.ReasonOverlap {
		why = "whoever has the orphan after all would show by using it"
	}
	text := "waits: " + why
	if until := e.Decision.Until; until.After(e.At) {
		text = fmt.Sprintf("waits %s: %s", roughly(until.Sub(e.At)), why)
	}
	if e.Decision.Backoff {
		return text + " → it is tried again", toneWarn
	}
	return text, toneQuiet
}
