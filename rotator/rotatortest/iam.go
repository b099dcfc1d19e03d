package rotatortest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

// IAM is the world's keys behind the core's interfaces.
type IAM struct{ *World }

var (
	_ rotator.Keyring = IAM{}
	_ rotator.Witness = IAM{}
)

func (w IAM) ask(name string, effect, stale func() error) error {
	return w.boundary(name, rotator.ErrThrottled, rotator.ErrAmbiguous, effect, stale)
}

// List implements rotator.Keyring.
func (w IAM) List(context.Context, rotator.User) (rotator.Listing, error) {
	show := w.Keys
	err := w.ask("list", func() error { return nil }, func() error {
		if w.Now.Sub(w.Changed) < staleness {
			show = w.Before
		}
		return nil
	})
	if err != nil {
		return rotator.Listing{}, err
	}
	listing := rotator.Listing{Date: w.date()}
	for _, k := range show {
		listing.Keys = append(listing.Keys, rotator.Key{ID: k.ID, Status: k.Status, Created: k.Created})
	}
	return listing, nil
}

// date is the Date header: whole seconds.
func (w *World) date() time.Time { return w.Now.Truncate(time.Second) }

// Create implements rotator.Keyring.
func (w IAM) Create(context.Context, rotator.User) (rotator.Created, error) {
	var made rotator.Created
	err := w.ask("!create", func() error {
		w.checkIntent(rotator.VerbCreate, "")
		if len(w.Keys) >= 2 {
			return rotator.ErrQuota
		}
		w.remember()
		made = rotator.Created{Credential: w.newKey(), At: w.Now, Date: w.date()}
		return nil
	}, nil)
	if err != nil {
		return rotator.Created{}, err
	}
	return made, nil
}

func (w *World) remember() { w.Before, w.Changed = slices.Clone(w.Keys), w.Now }

// staleness is how long a list may be stale and a young key unknown.
const staleness = 5 * time.Minute

// Activate implements rotator.Keyring.
func (w IAM) Activate(_ context.Context, _ rotator.User, key rotator.KeyID) (time.Time, error) {
	err := w.ask("!activate", func() error {
		w.checkIntent(rotator.VerbReactivate, key)
		k := w.key(key)
		if k == nil {
			return rotator.ErrNoSuchEntity
		}
		w.remember()
		w.key(key).Status = rotator.Active
		return nil
	}, nil)
	return w.date(), err
}

// Deactivate implements rotator.Keyring.
func (w IAM) Deactivate(_ context.Context, proof rotator.Proof) (time.Time, error) {
	err := w.ask("!deactivate", func() error {
		if !proof.Permits(rotator.VerbDeactivate, w.Local()) {
			return rotator.ErrRefused
		}
		w.checkIntent(rotator.VerbDeactivate, proof.Key())
		k := w.key(proof.Key())
		if k == nil {
			return rotator.ErrNoSuchEntity
		}
		w.checkCut(*k)
		w.remember()
		if k.Status == rotator.Active {
			k.InactiveSince = w.Now
		}
		k.Status = rotator.Inactive
		return nil
	}, nil)
	return w.date(), err
}

// Delete implements rotator.Keyring.
func (w IAM) Delete(_ context.Context, proof rotator.Proof) (time.Time, error) {
	err := w.ask("!delete", func() error {
		discard := proof.Permits(rotator.VerbDiscard, w.Local())
		if !discard && !proof.Permits(rotator.VerbDelete, w.Local()) {
			return rotator.ErrRefused
		}
		k := w.key(proof.Key())
		if k == nil {
			return rotator.ErrNoSuchEntity
		}
		if discard {
			w.checkDiscard(*k)
		} else {
			w.checkIntent(rotator.VerbDelete, proof.Key())
			w.checkDelete(*k)
		}
		w.remember()
		w.Keys = slices.DeleteFunc(w.Keys, func(k Key) bool { return k.ID == proof.Key() })
		return nil
	}, nil)
	return w.date(), err
}

// Identify implements rotator.Witness.
func (w IAM) Identify(context.Context, rotator.User) (rotator.Identity, error) {
	err := w.ask("identify", func() error { return nil }, nil)
	return rotator.Identity{ARN: "arn:" + w.UserID, UserID: w.UserID, Date: w.date()}, err
}

// LastUse implements rotator.Witness. Attempts with an Inactive key do not count.
func (w IAM) LastUse(_ context.Context, _ rotator.User, key rotator.KeyID) (rotator.LastUse, error) {
	if err := w.ask("last-use", func() error { return nil }, nil); err != nil {
		return rotator.LastUse{}, err
	}
	k := w.key(key)
	if k == nil {
		return rotator.LastUse{}, rotator.ErrNoSuchEntity
	}
	return rotator.LastUse{Known: true, At: k.LastUse}, nil
}

// SignIn implements rotator.Witness. A stale answer refuses a young key, which
// is how IAM's eventual consistency shows.
func (w IAM) SignIn(_ context.Context, c store.Credential, _ []string) (rotator.Identity, error) {
	check := func() error {
		if !w.live(c) {
			return fmt.Errorf("sign in with %s: %w", c.KeyID(), rotator.ErrNotSignedIn)
		}
		return nil
	}
	err := w.ask("sign-in", check, func() error {
		if k := w.key(rotator.KeyID(c.KeyID())); k != nil && w.Now.Sub(k.Created) < staleness {
			return rotator.ErrNotSignedIn
		}
		return check()
	})
	if err != nil {
		return rotator.Identity{}, err
	}
	w.key(rotator.KeyID(c.KeyID())).LastUse = w.Now // our own sign-ins are uses, too
	return rotator.Identity{ARN: "arn:" + w.UserID, UserID: w.UserID, Date: w.date()}, nil
}

// OwnKey implements rotator.Witness: the program works with a role.
func (w IAM) OwnKey(context.Context) (rotator.KeyID, error) { return "", nil }
