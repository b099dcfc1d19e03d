package rotator_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/rotatortest"
	"github.com/keyrotator/keyrotator/store"
)

// mute makes the store of record unreadable while it is down.
type mute struct {
	down  bool
	reads int
}

func (m *mute) tune(_ *rotatortest.World, t *rotator.Target) {
	for i, c := range t.Consumers {
		reader, readable := c.Store.(store.Reader)
		if readable && strings.HasSuffix(c.Name(), "record") {
			t.Consumers[i].Store = muteStore{c.Store, reader, m}
		}
	}
}

type muteStore struct {
	store.Store

	reader store.Reader
	m      *mute
}

func (s muteStore) Get(ctx context.Context) (store.Held, error) {
	s.m.reads++
	if s.m.down {
		return store.Held{}, store.ErrThrottled
	}
	return s.reader.Get(ctx)
}

// outage keeps the store of record unreadable for a day, in which nobody may halt.
func (s *scene) outage(m *mute) {
	s.Helper()
	m.down = true
	s.forLong(24*time.Hour, "nobody halts", func() bool { return s.w.Progress().Halt == nil })
	if m.reads == 0 {
		s.Fatal("the store was never read, so nothing was shown")
	}
	m.down = false
}

func TestAnUnreadableStoreIsNoEvidenceAgainstAnOrphan(t *testing.T) {
	s := stage(t, "both")
	s.faultAt("!create", rotatortest.Lose)
	m := &mute{}
	s.w.Tune = m.tune
	s.outage(m)
	s.until("the orphan is recognised", func() bool { return len(s.entries(rotator.KindNoted, rotator.VerbRecognise)) == 1 })
	s.untilClosed(thirdKey)
}

func TestAContradictionIsNotJudgedWhileTheStoreOfRecordIsUnreadable(t *testing.T) {
	s := stage(t, "both")
	s.untilClosed(newKey)
	finished := s.w.Journal.Clone()
	s.untilClosed(thirdKey)
	// A journal from before the last rotation knows a key that is gone; the
	// store of record tells which one is in use, once it can be read.
	s.w.Restores(finished)
	m := &mute{}
	s.w.Tune = m.tune
	m.down = true
	s.w.Look()
	s.outage(m)
	s.w.Look()
	s.until("the key in the store is adopted again", func() bool { return s.w.Progress().Current == thirdKey })
}

func TestARequestWaitsWhileTheStoreOfRecordIsUnreadable(t *testing.T) {
	s := stageYoung(t, "both")
	s.w.PersonCreates()
	s.untilHalted(rotator.ReasonSecondKey)
	m := &mute{down: true}
	s.w.Tune = m.tune
	s.w.Asks(rotator.Request{Verb: rotator.RequestAdopt, Key: newKey})
	for range 20 {
		s.w.Idle()
		s.w.Step()
	}
	if current := s.w.Progress().Current; current != "" {
		t.Fatalf("%s was adopted while nobody knew what the store holds", current)
	}
	m.down = false
	s.until("the request is refused", func() bool { return len(s.w.Row().Requests) == 0 })
	if current := s.w.Progress().Current; current != "" {
		t.Errorf("%s was adopted though the store holds %s", current, oldKey)
	}
}

func TestAnEvictionWaitsWhileTheStoreOfRecordIsUnreadable(t *testing.T) {
	s := stageYoung(t, "both")
	s.w.PersonCreates()
	s.untilHalted(rotator.ReasonSecondKey)
	s.w.Asks(rotator.Request{Verb: rotator.RequestAdopt, Key: oldKey})
	s.until("the key in use is adopted", func() bool { return s.w.Progress().Current == oldKey })
	m := &mute{down: true}
	s.w.Tune = m.tune
	s.w.Asks(rotator.Request{Verb: rotator.RequestEvict, Key: newKey})
	for range 20 {
		s.w.Idle()
		s.w.Step()
	}
	if s.w.Progress().Cycle != nil || m.reads == 0 {
		t.Fatalf("the eviction began while nobody knew what the store holds (%d reads)", m.reads)
	}
	m.down = false
	s.until("the eviction begins", func() bool { return s.w.Progress().Cycle != nil })
	s.untilClosed(oldKey)
}
