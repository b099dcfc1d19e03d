package simulate

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
	"github.com/keyrotator/keyrotator/store"
)

// books is what a journal offers to a history.
type books interface {
	rotator.Journal
	Register(ctx context.Context, user rotator.User, due time.Time) error
	Wake(ctx context.Context, user rotator.User, at time.Time) error
	Row(ctx context.Context, user rotator.User) (rotator.Row, error)
	History(ctx context.Context, user rotator.User, after int64, limit int) ([]journal.HistoryEntry, error)
	Verify(ctx context.Context) error
}

// ledger is the journal of a history. Its secrets in custody are remembered from
// the last save, since checks ask for them after every effect.
type ledger struct {
	books

	custody map[rotator.KeyID][]byte
	stale   bool
	// kept are earlier states, to be restored; only memory has them.
	kept []*journal.Memory
}

func (l *ledger) sealed(ctx context.Context) map[rotator.KeyID][]byte {
	if l.stale {
		row, err := l.Row(ctx, robot())
		if err != nil && !errors.Is(err, journal.ErrUnknownUser) {
			panic(err) // the journal itself does not fail
		}
		l.custody, l.stale = row.Sealed, false
	}
	return l.custody
}

// desk is the journal as one replica writes to it.
type desk struct{ *replica }

var _ rotator.Journal = desk{}

var errDisk = errors.New("the disk is full")

func ledgerClass() class { return class{errDisk, errDisk, errDisk, false, idle, false, false} }

// Claim implements rotator.Journal. To the others a claim lasts for the margin
// after its lease.
func (d desk) Claim(ctx context.Context, u rotator.User, owner string, now time.Time, lease time.Duration) (row rotator.Row, err error) {
	err = d.call(ctx, "claim", ledgerClass(), func() error {
		row, err = d.history.ledger.Claim(ctx, u, owner, now, lease+d.history.margin())
		d.history.stir(d.rng, row.LeaseUntil)
		return err
	})
	return row, err
}

// Save implements rotator.Journal.
func (d desk) Save(ctx context.Context, row rotator.Row, change rotator.Change) (saved rotator.Row, err error) {
	err = d.call(ctx, "save", ledgerClass(), func() error {
		saved, err = d.history.ledger.Save(ctx, row, change)
		if err == nil {
			d.history.ledger.custody = saved.Sealed
			d.wrote(change)
			d.history.stir(d.rng, saved.Due)
		}
		if errors.Is(err, rotator.ErrConflict) {
			d.history.tally.Conflicts++
		}
		return err
	})
	return saved, err
}

// Due implements rotator.Journal.
func (d desk) Due(ctx context.Context, now time.Time, limit int) ([]rotator.User, time.Time, error) {
	return d.history.ledger.Due(ctx, now, limit)
}

// Append implements rotator.Journal.
func (d desk) Append(ctx context.Context, r rotator.Request) (rotator.Request, error) {
	return d.history.ledger.Append(ctx, r)
}

// Global implements rotator.Journal.
func (d desk) Global(ctx context.Context) (rotator.Global, error) {
	return d.history.ledger.Global(ctx)
}

// sealer hides a secret well enough for a simulation: nothing shows its prefix.
type sealer struct{}

var _ rotator.Sealer = sealer{}

// Seal implements rotator.Sealer.
func (sealer) Seal(_ context.Context, u rotator.User, c store.Credential) ([]byte, error) {
	return []byte(u.String() + "|" + c.KeyID() + "|" + strings.TrimPrefix(c.RevealSecret(), secretPrefix)), nil
}

// Unseal implements rotator.Sealer.
func (sealer) Unseal(_ context.Context, u rotator.User, sealed []byte) (store.Credential, error) {
	parts := strings.Split(string(sealed), "|")
	if len(parts) != 3 || parts[0] != u.String() {
		return store.Credential{}, errors.New("sealed for another user")
	}
	return store.NewCredential(parts[1], secretPrefix+parts[2]), nil
}

// leakWatch is I5: no event shows a secret.
type leakWatch struct{ h *history }

// Observe implements rotator.Observer.
func (l leakWatch) Observe(_ context.Context, e rotator.Event) {
	if strings.Contains(e.Entry.Detail, secretPrefix) || strings.Contains(e.Decision.Detail, secretPrefix) ||
		e.Err != nil && strings.Contains(e.Err.Error(), secretPrefix) {
		l.h.violatedf("I5: an event shows a secret: %s", e.Kind)
	}
	if e.Kind == rotator.EventEntry {
		l.h.entry(e.Entry)
	}
}
