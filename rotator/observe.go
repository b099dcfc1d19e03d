package rotator

import (
	"context"
	"errors"
	"time"

	"github.com/keyrotator/keyrotator/store"
)

// sight is what one look saw, with the credentials that State must not hold.
type sight struct {
	live   Live
	held   map[string]store.Credential // by consumer name
	staged store.Credential            // what waits in the store of record
}

// observe looks at what needs names. It changes nothing. The list of keys is
// read last, so that a permission to destroy rests on the latest of it.
func (s *step) observe(ctx context.Context, needs Needs) {
	live := Live{Needs: needs, Stores: map[string]StoreView{}}
	s.sight = sight{held: map[string]store.Credential{}}
	defer func() {
		live.Read = s.r.now()
		s.sight.live = live
		s.state.Live = &s.sight.live
	}()
	var err error
	if s.state.OwnKey, err = s.target.Witness.OwnKey(ctx); err != nil {
		live.Trouble = troubleOf(err)
		return
	}
	if needs.Identity {
		if live.Identity, err = s.target.Witness.Identify(ctx, s.user); err != nil {
			live.Trouble = troubleOf(err)
			return
		}
	}
	if needs.Stores || needs.Check || needs.SignIn != "" {
		s.observeStores(ctx, &live, needs)
	}
	if needs.SignIn != "" {
		live.Signed, live.SignTrouble = s.signIn(ctx, needs.SignIn, live.Stores)
	}
	if needs.UseOf != "" {
		// An error is unknown, never unused; Decide and Authorise see to it.
		live.Use, err = s.target.Witness.LastUse(ctx, s.user, needs.UseOf)
		if err != nil {
			live.Use = LastUse{Known: planted(plantUnknownUnused)}
		}
	}
	if needs.Reload != "" {
		live.Reload = s.reloaded(ctx, needs.Reload)
	}
	if !needs.Keys {
		return
	}
	listing, err := s.target.Keyring.List(ctx, s.user)
	if err != nil {
		live.Trouble = troubleOf(err)
		return
	}
	live.Keys, live.Date = listing.Keys, listing.Date
	if planted(plantLocalClock) {
		live.Date = s.r.now()
	}
}

func (s *step) observeStores(ctx context.Context, live *Live, needs Needs) {
	for _, c := range s.target.Consumers {
		view := StoreView{}
		ctx := store.WithRecorded(ctx, s.recorded(c.Name()))
		if reader, ok := c.Store.(store.Reader); ok {
			held, err := reader.Get(ctx)
			switch {
			case errors.Is(err, store.ErrEmpty):
				view.Owner = held.Owner
			case err != nil:
				view.Trouble = storeTrouble(err)
			default:
				s.sight.held[c.Name()] = held.Credential
				view.Held, view.Owner, view.Previous = KeyID(held.Credential.KeyID()), held.Owner, KeyID(held.Previous)
			}
		}
		if historian, ok := c.Store.(store.Historian); ok && needs.History && view.Held != "" && view.Previous == "" {
			if previous, err := historian.Previous(ctx); err == nil {
				view.Previous = KeyID(previous.KeyID())
			}
		}
		if needs.Check {
			if refused := c.Preflight(ctx, s.recorded(c.Name())); len(refused) > 0 {
				view.Refusal = storeTrouble(errors.Join(refused...))
			}
		}
		live.Stores[c.Name()] = view
	}
	s.observeStaged(ctx, live)
}

// observeStaged looks for what waits unseen in the store of record, where a
// cycle may have staged something there.
func (s *step) observeStaged(ctx context.Context, live *Live) {
	rec, ok := record(s.state.Consumers)
	if !ok || !rec.Staged {
		return
	}
	consumer, _ := s.target.consumer(rec.Name)
	stager, ok := consumer.Store.(store.Stager)
	if !ok {
		return
	}
	view := live.Stores[rec.Name]
	held, err := stager.Staged(ctx)
	switch {
	case errors.Is(err, store.ErrEmpty):
		return
	case err != nil && view.Trouble.None():
		view.Trouble = storeTrouble(err)
	case err == nil:
		s.sight.staged = held.Credential
		view.Staged, view.StagedOwner = KeyID(held.Credential.KeyID()), held.Owner
	}
	live.Stores[rec.Name] = view
}

// recorded reports whether the journal knows that this program wrote a store.
func (s *step) recorded(consumer string) bool { return s.row.Progress.Wrote(consumer) }

// reloaded asks how a consumer's reload stands.
func (s *step) reloaded(ctx context.Context, name string) ReloadView {
	consumer, ok := s.target.consumer(name)
	c := s.row.Progress.Cycle
	if !ok || consumer.Reloader == nil || c == nil {
		return ReloadView{Trouble: Trouble{ReasonReloadFailing, name + " has no reload"}}
	}
	done, detail, err := consumer.Reloader.Reloaded(ctx, c.Taking[name].token(c.Keep))
	if err != nil {
		return ReloadView{Detail: detail, Trouble: Trouble{ReasonReloadFailing, err.Error()}}
	}
	return ReloadView{Done: done, Detail: detail}
}

// signIn signs in with a key whose secret is in custody or in a store.
// Stores that hold the key's id beside another secret are marked.
func (s *step) signIn(ctx context.Context, key KeyID, stores map[string]StoreView) (Identity, Trouble) {
	credential, err := s.credential(ctx, key)
	if err != nil {
		for _, c := range s.target.Consumers { // one that could not be read may have it
			if t := stores[c.Name()].Trouble; !t.None() {
				return Identity{}, Trouble{t.Reason, c.Name() + ": " + t.Detail}
			}
		}
		return Identity{}, Trouble{ReasonSecretLost, err.Error()}
	}
	who, err := s.target.Witness.SignIn(ctx, credential, s.policy().Verify.Regions)
	if err != nil {
		return Identity{}, troubleOf(err)
	}
	if who.UserID != s.row.Progress.UserID {
		return Identity{}, Trouble{ReasonWrongIdentity, string(key) + " signs in as " + who.ARN}
	}
	for name, held := range s.sight.held {
		if KeyID(held.KeyID()) == key && !held.Equal(credential) {
			view := stores[name]
			view.Mismatch = true
			stores[name] = view
		}
	}
	return who, Trouble{}
}

// troubleOf names a failure of AWS by its sentinel. Texts of AWS hold no secret.
func troubleOf(err error) Trouble {
	reason := ReasonUnavailable
	switch {
	case errors.Is(err, ErrThrottled):
		reason = ReasonThrottled
	case errors.Is(err, ErrDenied):
		reason = ReasonDenied
	case errors.Is(err, ErrNotSignedIn):
		reason = ReasonNotSignedIn
	case errors.Is(err, ErrNoSuchEntity):
		reason = ReasonKeyGone
	}
	return Trouble{reason, err.Error()}
}

func storeTrouble(err error) Trouble {
	reason := ReasonStoreFailing
	switch {
	case errors.Is(err, store.ErrForeign):
		reason = ReasonStoreForeign
	case errors.Is(err, store.ErrDenied):
		reason = ReasonDenied
	case errors.Is(err, store.ErrThrottled):
		reason = ReasonThrottled
	}
	return Trouble{reason, err.Error()}
}

// backoff is the delay after so many failures in a row, with a jitter that is
// a hash of the user's name.
func (r *Rotator) backoff(user User, attempts int) time.Duration {
	delay := r.opts.BackoffBase << min(attempts, 20)
	if delay <= 0 || delay > r.opts.BackoffMax {
		delay = r.opts.BackoffMax
	}
	return delay/2 + time.Duration(hashOf(user, attempts)%uint64(delay/2+1))
}
