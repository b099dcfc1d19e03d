package simulate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

// iam is the world's keys as one replica calls them.
type iam struct{ *replica }

var (
	_ rotator.Keyring = iam{}
	_ rotator.Witness = iam{}
)

// date is the Date header: whole seconds.
func (i iam) date() time.Time { return i.history.world.now.Truncate(time.Second) }

// List implements rotator.Keyring. One list in three is stale.
func (i iam) List(ctx context.Context, _ rotator.User) (rotator.Listing, error) {
	var l rotator.Listing
	err := i.call(ctx, "list", awsClass(true), func() error {
		ago := time.Duration(0)
		if h := i.history; h.faulty && chance(i.rng, 0.3) {
			ago = between(i.rng, 0, stalest)
		}
		l = rotator.Listing{Keys: slices.Clone(i.history.world.listAt(ago)), Date: i.date()}
		return nil
	})
	return l, err
}

// Create implements rotator.Keyring. The new key works late, and is refused
// again for a while.
func (i iam) Create(ctx context.Context, _ rotator.User) (rotator.Created, error) {
	var made rotator.Created
	err := i.call(ctx, "create", awsClass(false), func() error {
		w := i.history.world
		i.checkIntent(rotator.VerbCreate, "")
		if len(w.keys) >= 2 {
			return rotator.ErrQuota
		}
		c := w.newKey(0)
		k := w.key(rotator.KeyID(c.KeyID()))
		k.works = w.now.Add(between(i.rng, 0, 40*time.Second))
		k.steady = k.works.Add(between(i.rng, 0, 20*time.Second))
		made = rotator.Created{Credential: c, At: w.now, Date: i.date()}
		i.history.tally.Creates++
		return nil
	})
	if err != nil {
		return rotator.Created{}, err
	}
	return made, nil
}

// Activate implements rotator.Keyring.
func (i iam) Activate(ctx context.Context, _ rotator.User, id rotator.KeyID) (time.Time, error) {
	err := i.call(ctx, "activate", awsClass(false), func() error {
		i.checkIntent(rotator.VerbReactivate, id)
		k := i.history.world.key(id)
		if k == nil {
			return rotator.ErrNoSuchEntity
		}
		k.switched = k.switched || k.status == rotator.Inactive
		k.status = rotator.Active
		i.history.world.listed()
		return nil
	})
	return i.date(), err
}

// Deactivate implements rotator.Keyring.
func (i iam) Deactivate(ctx context.Context, proof rotator.Proof) (time.Time, error) {
	err := i.call(ctx, "deactivate", awsClass(false), func() error {
		if !proof.Permits(rotator.VerbDeactivate, i.local()) {
			return rotator.ErrRefused
		}
		i.checkIntent(rotator.VerbDeactivate, proof.Key())
		w := i.history.world
		k := w.key(proof.Key())
		if k == nil {
			return rotator.ErrNoSuchEntity
		}
		w.checkCut(k)
		if k.status == rotator.Active {
			k.inactive = w.now
		}
		k.status = rotator.Inactive
		w.listed()
		return nil
	})
	return i.date(), err
}

// Delete implements rotator.Keyring.
func (i iam) Delete(ctx context.Context, proof rotator.Proof) (time.Time, error) {
	err := i.call(ctx, "delete", awsClass(false), func() error {
		discard := proof.Permits(rotator.VerbDiscard, i.local())
		if !discard && !proof.Permits(rotator.VerbDelete, i.local()) {
			return rotator.ErrRefused
		}
		w := i.history.world
		k := w.key(proof.Key())
		if k == nil {
			return rotator.ErrNoSuchEntity
		}
		if discard {
			w.checkDiscard(k)
		} else {
			i.checkIntent(rotator.VerbDelete, proof.Key())
			w.checkDelete(k)
			i.history.tally.Deletes++
		}
		w.keys = slices.DeleteFunc(w.keys, func(k *key) bool { return k.id == proof.Key() })
		w.listed()
		return nil
	})
	return i.date(), err
}

// Identify implements rotator.Witness.
func (i iam) Identify(ctx context.Context, _ rotator.User) (rotator.Identity, error) {
	err := i.call(ctx, "identify", awsClass(true), func() error { return nil })
	return rotator.Identity{ARN: "arn:AIDA1", UserID: "AIDA1", Date: i.date()}, err
}

// LastUse implements rotator.Witness.
func (i iam) LastUse(ctx context.Context, _ rotator.User, id rotator.KeyID) (rotator.LastUse, error) {
	var use rotator.LastUse
	err := i.call(ctx, "last-use", awsClass(true), func() error {
		k := i.history.world.key(id)
		if k == nil {
			return rotator.ErrNoSuchEntity
		}
		use = rotator.LastUse{Known: true, At: i.history.world.lastUse(k, i.history.world.now)}
		return nil
	})
	return use, err
}

// SignIn implements rotator.Witness. A new key that is refused again is
// refused to every second sign-in.
func (i iam) SignIn(ctx context.Context, c store.Credential, _ []string) (rotator.Identity, error) {
	err := i.call(ctx, "sign-in", awsClass(true), func() error {
		w := i.history.world
		k := w.key(rotator.KeyID(c.KeyID()))
		flaps := k != nil && w.now.Before(k.steady) && chance(i.rng, 0.5)
		if !w.live(c, w.now) || flaps {
			return fmt.Errorf("sign in with %s: %w", c.KeyID(), rotator.ErrNotSignedIn)
		}
		k.use(w.now)
		return nil
	})
	if err != nil {
		return rotator.Identity{}, err
	}
	return rotator.Identity{ARN: "arn:AIDA1", UserID: "AIDA1", Date: i.date()}, nil
}

// OwnKey implements rotator.Witness: the program works with a role.
func (i iam) OwnKey(context.Context) (rotator.KeyID, error) { return "", nil }
