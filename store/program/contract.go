package program

import (
	"errors"
	"fmt"

	"github.com/keyrotator/keyrotator/store"
)

// The exit codes of the contract. They keep clear of 1 and 2, which every
// interpreter uses for its own errors, of sysexits.h (64 to 78), and of what
// shells use (126 and above).
const (
	ExitDone = 0
	// ExitForeign says that the place holds what is not ours; nothing changed.
	ExitForeign = 10
	// ExitEmpty says that the place holds nothing yet.
	ExitEmpty = 11
	// ExitConflict says that somebody else wrote meanwhile; nothing changed.
	ExitConflict = 12
	// ExitDenied says that permission is missing; nothing changed.
	ExitDenied = 13
	// ExitThrottled asks to come back later; nothing changed.
	ExitThrottled = 14
	// ExitAmbiguous says that it is unknown whether something changed.
	ExitAmbiguous = 15
	// ExitPending says that what was begun is not complete yet.
	ExitPending = 16
)

// Sentinels that callers branch on, beside those of package store.
var (
	// ErrPending says that what was begun is not complete yet.
	ErrPending = errors.New("not complete yet")
	// ErrFailed says that the program ended in a way that tells nothing of what
	// it did: another exit code, a signal, the time limit.
	ErrFailed = errors.New("failed")
)

// meaning is the error that an exit code stands for, nil for 0.
func meaning(code int) error {
	switch code {
	case ExitDone:
		return nil
	case ExitForeign:
		return store.ErrForeign
	case ExitEmpty:
		return store.ErrEmpty
	case ExitConflict:
		return store.ErrConflict
	case ExitDenied:
		return store.ErrDenied
	case ExitThrottled:
		return store.ErrThrottled
	case ExitAmbiguous:
		return store.ErrAmbiguous
	case ExitPending:
		return ErrPending
	default:
		return fmt.Errorf("%w with exit code %d", ErrFailed, code)
	}
}
