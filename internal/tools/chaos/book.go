package main

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

// book is what the ledger knows of one user.
type book struct {
	hashes   []journal.Hash
	progress rotator.Progress
	closed   int       // cycles that came to their end, in this journal
	made     int       // creates done, or recognised as lost, since the last restore
	idle     time.Time // since when it is known to be at rest; zero while it is not
}

// errPerson marks the halts that a restored journal may lead to: a cycle that it
// never heard of has made a key that no store holds yet, which might be a
// person's.
var errPerson = errors.New("a key that nobody knows")

// take folds one entry of a history, and tells what is wrong with it.
func (b *book) take(e journal.HistoryEntry) (anomaly, error) {
	if e.Seq != int64(len(b.hashes))+1 {
		return lostStep, fmt.Errorf("it follows number %d", len(b.hashes))
	}
	if n := len(b.hashes); n > 0 && !bytes.Equal(b.hashes[n-1][:], e.Prev[:]) {
		return lostStep, errors.New("it does not carry the hash of the one before")
	}
	b.hashes = append(b.hashes, e.Hash)
	next, err := b.progress.Apply(e.Entry)
	if err != nil {
		return lostStep, err
	}
	open := b.progress.Cycle
	b.progress = next
	if e.Entry.Kind == rotator.KindDone && open != nil && next.Cycle == nil {
		b.closed++
	}
	switch {
	case e.Entry.Kind == rotator.KindOpened && open != nil && next.Number != open.Number:
		return doubleRotation, fmt.Errorf("cycle %d was opened while cycle %d was", next.Number, open.Number)
	case e.Entry.Kind == rotator.KindHalted && (e.Entry.Reason == rotator.ReasonSecondKey || e.Entry.Reason == rotator.ReasonUncertainOrphan):
		return stuck, fmt.Errorf("it halted: %w: %s %s", errPerson, e.Entry.Reason, e.Entry.Detail)
	case e.Entry.Kind == rotator.KindHalted:
		return stuck, fmt.Errorf("it halted: %s %s", e.Entry.Reason, e.Entry.Detail)
	}
	return 0, nil
}
