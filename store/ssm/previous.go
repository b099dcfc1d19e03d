package ssm

import (
	"context"
	"errors"

	"github.com/keyrotator/keyrotator/store"
)

// Previous implements store.Historian by the parameters' versions, of which AWS
// keeps a hundred. Of several parameters the secret's history is looked
// through, whose marks name the key id that belongs to each version; versions
// from before this program wrote them have no such mark.
func (r Readable) Previous(ctx context.Context) (store.Credential, error) {
	states, err := r.read(ctx)
	if err != nil {
		return store.Credential{}, err
	}
	if countMissing(states) > 0 {
		return store.Credential{}, r.wrap("read previous", store.ErrEmpty)
	}
	present, err := r.parse(states)
	if err != nil {
		return store.Credential{}, err
	}
	secrets := states[0]
	for _, e := range secrets.history {
		m, ours := parseMark(e.description)
		ours = ours && m.owner == r.options.Owner
		if e.version == secrets.version || ours && m.keyID == present.KeyID() || !ours && r.options.Payload == nil {
			continue
		}
		before, err := r.readOne(ctx, secrets.slot, e.version)
		if err != nil {
			return store.Credential{}, err
		}
		c := store.NewCredential(m.keyID, before.value)
		if r.options.Payload != nil {
			if c, err = r.parse([]*state{before}); errors.Is(err, store.ErrEmpty) || errors.Is(err, store.ErrShape) {
				continue
			} else if err != nil {
				return store.Credential{}, err
			}
		} else if r.print(m.owner, before.value) != m.print {
			continue // an inherited mark under a value that is not ours
		}
		if !c.Equal(present) {
			return c, nil
		}
	}
	return store.Credential{}, r.wrap("read previous", store.ErrEmpty)
}
