package rotator

import (
	"context"
	"fmt"

	"github.com/keyrotator/keyrotator/store"
)

// credential finds the secret of a key: in custody, else in the stores read in
// this step, the store of record first.
func (s *step) credential(ctx context.Context, key KeyID) (store.Credential, error) {
	sealed, ok := s.row.Sealed[key]
	if !ok {
		return s.heldCredential(key)
	}
	credential, err := s.r.deps.Sealer.Unseal(ctx, s.user, sealed)
	if err != nil {
		return store.Credential{}, fmt.Errorf("unseal the secret of %s: %w", key, err)
	}
	if KeyID(credential.KeyID()) != key {
		return store.Credential{}, fmt.Errorf("unseal the secret of %s: it is the secret of %s", key, credential.KeyID())
	}
	return credential, nil
}

func (s *step) heldCredential(key KeyID) (store.Credential, error) {
	rec, _ := record(s.target.pinned())
	if held := s.sight.held[rec.Name]; KeyID(held.KeyID()) == key && key != "" {
		return held, nil
	}
	for _, c := range s.target.Consumers {
		if held := s.sight.held[c.Name()]; KeyID(held.KeyID()) == key && key != "" {
			return held, nil
		}
	}
	return store.Credential{}, fmt.Errorf("find the secret of %s: neither the custody nor a readable store has it", key)
}

// keepOld seals the old key's secret before its first store is overwritten, so
// that the way back does not depend on the store's own memory. It returns
// nothing when the secret is in custody already or cannot be had.
func (s *step) keepOld(ctx context.Context) (map[KeyID][]byte, error) {
	old := s.row.Progress.Cycle.Retire
	if _, kept := s.row.Sealed[old]; kept || old == "" {
		return nil, nil
	}
	for _, held := range s.sight.held {
		if KeyID(held.KeyID()) != old {
			continue
		}
		sealed, err := s.r.deps.Sealer.Seal(ctx, s.user, held)
		if err != nil {
			return nil, fmt.Errorf("seal the secret of %s: %w", old, err)
		}
		return map[KeyID][]byte{old: sealed}, nil
	}
	return nil, nil
}

// dispensable lists the sealed secrets that need not be kept any longer: of
// the key that is gone with this entry, of keys that are no longer listed when
// the user is adopted, and of the kept key once the store of record, read back
// just now, holds the same secret.
func (s *step) dispensable(e Entry, readBack store.Credential) []KeyID {
	var erase []KeyID
	for key := range s.row.Sealed {
		gone := false
		switch {
		case e.Kind == KindDone && (e.Verb == VerbDelete || e.Verb == VerbDiscard), e.Kind == KindNoted && e.Verb == VerbClose:
			gone = key == e.Key
		case e.Kind == KindAdopted:
			_, listed := find(s.sight.live.Keys, key)
			gone = !listed
		case e.Kind == KindDone && e.Verb == VerbPush:
			gone = key == e.Key && e.Consumer == recordName(s.row.Progress.Cycle) && KeyID(readBack.KeyID()) == key
		default:
		}
		if gone {
			erase = append(erase, key)
		}
	}
	return erase
}
