package secretsmanager

import (
	"context"
	"slices"

	"github.com/keyrotator/keyrotator/store"
)

// Stage implements store.Stager: the new version waits under AWSPENDING, and
// the Put that follows makes the very same one and moves AWSCURRENT to it.
// AWS's own rotation takes a secret that waits so for one whose rotation is in
// progress. A secret without a value has no readers yet, and Secrets Manager
// gives AWSCURRENT to its first version.
func (r Readable) Stage(ctx context.Context, c store.Credential) (store.Receipt, error) {
	base, err := r.read(ctx, stageCurrent)
	if err != nil {
		return store.Receipt{}, err
	}
	next, err := r.next(ctx, base, c)
	if err != nil {
		return store.Receipt{}, err
	}
	if next == base {
		return store.Receipt{Version: base.id}, nil
	}
	if _, err := r.stage(ctx, next); err != nil {
		return store.Receipt{}, err
	}
	return store.Receipt{Version: next.id, Changed: true}, nil
}

// Staged implements store.Stager with the version under AWSPENDING. One that is
// the current version, as a finished rotation leaves it, does not wait.
func (r Readable) Staged(ctx context.Context) (store.Held, error) {
	v, err := r.read(ctx, stagePending)
	if err != nil {
		return store.Held{}, err
	}
	if v.id == "" || slices.Contains(v.stages, stageCurrent) {
		return store.Held{}, r.wrap("read staged", store.ErrEmpty)
	}
	c, err := r.parse(v)
	if err != nil {
		return store.Held{}, err
	}
	return store.Held{Credential: c, Owner: v.owner(r.options.Owner)}, nil
}
