package kubernetes

import (
	"errors"
	"fmt"

	core "k8s.io/api/core/v1"

	"github.com/keyrotator/keyrotator/store"
)

// The annotations that are the mark. They hold no secret.
const (
	annotationOwner    = "keyrotator.io/owner"
	annotationKeyID    = "keyrotator.io/key-id"
	annotationPrevious = "keyrotator.io/previous-key-id"
)

// mark is what we know of a Secret that we wrote.
type mark struct {
	// owner is the user whose credential it holds.
	owner string
	// keyID is the trace of what was written together with the mark.
	keyID string
	// previous is the trace of what that replaced, ours or not.
	previous string
}

func markOf(now *core.Secret) mark {
	return mark{now.Annotations[annotationOwner], now.Annotations[annotationKeyID], now.Annotations[annotationPrevious]}
}

// annotations are all of ours: what is not applied again disappears.
func (m mark) annotations() map[string]string {
	all := map[string]string{annotationOwner: m.owner, annotationKeyID: m.keyID}
	if m.previous != "" {
		all[annotationPrevious] = m.previous
	}
	return all
}

// standing is what a Secret holds, from our point of view.
type standing struct {
	// trace names the credential there, empty for none.
	trace string
	// owned says that it is ours.
	owned bool
}

// judge tells whether the credential in a Secret may be replaced. ErrForeign if
// not.
func (s *Store) judge(now *core.Secret) (standing, error) {
	if now.DeletionTimestamp != nil {
		return standing{}, errors.New("the Secret is being deleted; wait until it is gone, or see who holds it by a finalizer")
	}
	m := markOf(now)
	if m.owner != "" && m.owner != s.options.Owner {
		return standing{}, fmt.Errorf("%w: annotation %s says that it is that of %s", store.ErrForeign, annotationOwner, m.owner)
	}
	if keeper := keeperOf(now); keeper != "" {
		return standing{}, fmt.Errorf("%w: it is kept by %s, which would put the old credential back; take the Secret out of its hands, or name another one",
			store.ErrForeign, keeper)
	}
	trace, err := s.content.trace(now.Data)
	switch {
	case err != nil:
		return standing{}, err
	case trace == "":
		return standing{}, nil
	case m.owner != "" && m.keyID == trace:
		return standing{trace, true}, nil
	case s.options.Adopt:
		return standing{trace, false}, nil
	}
	return standing{}, fmt.Errorf("%w: it holds %s, which this program did not write; set adopt to take it over", store.ErrForeign, trace)
}

// writable refuses what cannot be written: a Secret that is not there and may
// not be made, and one whose data cannot change any more. The API server would
// refuse the latter, too, without saying what to do.
func (s *Store) writable(now *core.Secret) error {
	switch {
	case now.UID == "" && !s.options.Create:
		return errMissing
	case now.Immutable != nil && *now.Immutable:
		return fmt.Errorf("%w: the Secret is immutable, for good; make another one without immutable: true, have its readers use that one, and name it here",
			store.ErrDenied)
	}
	return nil
}

// nextMark makes the mark for values that are about to be written.
func (s *Store) nextMark(now *core.Secret, found standing, values map[string][]byte) (mark, error) {
	trace, err := s.content.trace(values)
	if err != nil {
		return mark{}, err
	}
	next := mark{owner: s.options.Owner, keyID: trace, previous: found.trace}
	if next.previous == trace {
		next.previous = now.Annotations[annotationPrevious]
	}
	return next, nil
}
