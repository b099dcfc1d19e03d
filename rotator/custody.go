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
	if staged := s.sight.staged; KeyID(staged.KeyID()) == key && key != "" {
		return staged, nil
	}
	rec, _ := record(s.target.Pinned())
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

// keepHeld seals the secrets of the cycle's keys that are only in stores,
// before one of these is overwritten with the credential of next, so that
// neither the way forward nor the way back depends on a store's own memory.
func (s *step) keepHeld(ctx context.Context, next KeyID) (map[KeyID][]byte, error) {
	c := s.row.Progress.Cycle
	seal := map[KeyID][]byte{}
	if c == nil { // a repair at rest overwrites nothing that anybody needs
		return seal, nil
	}
	for _, held := range s.sight.held {
		id := KeyID(held.KeyID())
		_, kept := s.row.Sealed[id]
		if kept || id == next || id != c.Retire && id != c.Keep {
			continue
		}
		sealed, err := s.r.deps.Sealer.Seal(ctx, s.user, held)
		if err != nil {
			return nil, fmt.Errorf("seal the secret of %s: %w", id, err)
		}
		seal[id] = sealed
	}
	return seal, nil
}

// dispensable lists the sealed secrets that need not be kept any longer: of
// the key that is gone with this entry, of keys that are no longer listed when
// the user is adopted, and, when the cycle closes, of the kept key if the store
// of record, read back in this very step, holds it. Until then the custody
// outlives whatever befalls the store.
func (s *step) dispensable(e Entry) []KeyID {
	c := s.row.Progress.Cycle
	closes := c != nil && (e.Kind == KindDone && (e.Verb == VerbDelete || e.Verb == VerbDiscard) || e.Kind == KindNoted && e.Verb == VerbClose)
	var erase []KeyID
	for key := range s.row.Sealed {
		gone := closes && key == e.Key
		if closes && key == c.Keep {
			rec := recordName(c)
			gone = KeyID(s.sight.held[rec].KeyID()) == key && !s.sight.live.Stores[rec].Mismatch
		}
		if e.Kind == KindAdopted {
			_, listed := find(s.sight.live.Keys, key)
			gone = !listed
		}
		if gone {
			erase = append(erase, key)
		}
	}
	return erase
}
