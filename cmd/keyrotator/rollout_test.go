package main

import (
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/rotator"
)

// TestHalfOfARolloutHaltsNobody: a replica that has not read the new
// configuration yet would take the user it does not know for removed in the
// middle of its cycle.
func TestHalfOfARolloutHaltsNobody(t *testing.T) {
	w := newWorld(t)
	w.user(t, "known")
	w.user(t, "new")
	former := w.share(t, w.configText(fastPolicy, "known"))
	steps := &stepper{busy: map[rotator.User]string{}, stepped: map[string]int{}}
	replica := func(name, text string) *app {
		t.Helper()
		options := w.options(t)
		options.configPath, options.wrapJournal = "", steps.of(name) // it reads a new configuration when it is told to
		return w.start(t, w.write(t, text), options)
	}
	stepped := func(name string) int {
		steps.mu.Lock()
		defer steps.mu.Unlock()
		return steps.stepped[name]
	}
	behind := replica("behind", former)
	w.seen.await(t, "deletion of the old key", entry("known", rotator.KindDone, rotator.VerbDelete))
	next := former + "  - {user: emu/new, consumers: [{store: {secretsmanager: {secret: new, adopt: true}}}]}\n"
	ahead := replica("ahead", next)
	before := stepped("behind")
	w.seen.await(t, "deletion of the new user's old key", entry("new", rotator.KindDone, rotator.VerbDelete))
	w.log.await(t, "this replica stands by", 1)
	if after := stepped("behind"); after != before {
		t.Errorf("the replica with the former configuration took %d steps beside the new one", after-before)
	}
	standsBy := func(a *app) bool {
		_, page := get(t, a, "/metrics")
		return strings.Contains(page, "keyrotator_standby 1")
	}
	if !standsBy(behind) || standsBy(ahead) {
		t.Errorf("standing by: behind %v, ahead %v", standsBy(behind), standsBy(ahead))
	}
	if err := behind.Reload(t.Context(), w.write(t, next)); err != nil {
		t.Fatal(err)
	}
	w.log.await(t, "it steps users again", 1)
	stop(t, ahead)
	if _, err := behind.journal.Append(t.Context(), rotator.Request{User: rotator.User{Account: "emu", Name: "new"}, Verb: rotator.RequestRotate}); err != nil {
		t.Fatal(err)
	}
	w.seen.await(t, "second rotation", func(e rotator.Event) bool {
		return e.Entry.Cycle == 2 && entry("new", rotator.KindDone, rotator.VerbDelete)(e)
	})
	if stepped("behind") == before {
		t.Error("the replica that has the new configuration did nothing")
	}
}
