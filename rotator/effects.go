package rotator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyrotator/keyrotator/store"
)

// write puts a credential into one store and sees that it works there: it is
// read back where that is possible, and what was read signs in.
func (s *step) write(ctx context.Context, d Decision) error {
	consumer, ok := s.target.consumer(d.Consumer)
	if !ok {
		return s.fail(ctx, Trouble{ReasonConsumerRemoved, d.Consumer})
	}
	if d.Unable {
		e := entryOf(KindNoted, d)
		return s.succeed(ctx, Change{}, e)
	}
	credential, err := s.credential(ctx, d.Key)
	if err != nil {
		return s.halt(ctx, halt(ReasonSecretLost, err.Error()))
	}
	held, err := s.keepHeld(ctx, d.Key)
	if err != nil {
		return s.fail(ctx, Trouble{ReasonUnavailable, err.Error()})
	}
	recorded := s.recorded(d.Consumer)
	intent := entryOf(KindIntent, d)
	intent.Date = s.state.Live.Date
	if err := s.save(ctx, Change{Seal: held}, intent); err != nil {
		return err
	}
	ctx, cancel := s.detached(ctx)
	defer cancel()
	began := s.r.now()
	e := entryOf(KindDone, d)
	e.Request = 0
	date, err := s.putAndVerify(store.WithRecorded(ctx, recorded), d.Verb, consumer.Store, credential)
	e.Date = date
	s.effect(ctx, &e, began, err)
	if err != nil {
		return s.effectFailed(ctx, e, err)
	}
	return s.succeed(ctx, Change{}, e)
}

// putAndVerify writes or stages, reads back and signs in with what was read. It
// returns AWS's date after all of it: the graces count from there.
func (s *step) putAndVerify(ctx context.Context, verb Verb, place store.Store, c store.Credential) (time.Time, error) {
	if err := s.fence(); err != nil {
		return time.Time{}, err
	}
	write, read := place.Put, func(context.Context) (store.Held, error) { return store.Held{Credential: c}, nil }
	if reader, ok := place.(store.Reader); ok && !planted(plantNoReadBack) {
		read = reader.Get
	}
	if verb == VerbStage {
		stager, ok := place.(store.Stager)
		if !ok {
			return time.Time{}, errors.New("the store cannot stage")
		}
		write, read = stager.Stage, stager.Staged
	}
	if _, err := write(ctx, c); err != nil {
		return time.Time{}, fmt.Errorf("put: %w", err)
	}
	name := place.Describe().String()
	delete(s.sight.held, name)
	held, err := read(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("read back: %w", err)
	}
	if !held.Credential.Equal(c) {
		return time.Time{}, fmt.Errorf("read back: the store holds %s instead of what was written: %w",
			held.Credential.KeyID(), store.ErrConflict)
	}
	if _, readable := place.(store.Reader); readable && verb != VerbStage {
		s.sight.held[name] = held.Credential
	}
	who, err := s.target.Witness.SignIn(ctx, c, s.policy().Verify.Regions)
	if err != nil {
		return time.Time{}, fmt.Errorf("sign in after the write: %w", err)
	}
	if who.Date.IsZero() {
		return time.Time{}, errors.New("sign in after the write: the answer had no Date header")
	}
	return who.Date, nil
}

func (s *step) reactivate(ctx context.Context, d Decision) error {
	if err := s.save(ctx, Change{}, entryOf(KindIntent, d)); err != nil {
		return err
	}
	ctx, cancel := s.detached(ctx)
	defer cancel()
	began := s.r.now()
	e := entryOf(KindDone, d)
	e.Request = 0
	var err error
	e.Date, err = s.target.Keyring.Activate(ctx, s.user, d.Key)
	s.effect(ctx, &e, began, err)
	if err != nil {
		return s.effectFailed(ctx, e, err)
	}
	if !d.Halts {
		return s.succeed(ctx, Change{}, e)
	}
	s.row.Waiting, s.row.Detail, s.row.Due = ReasonHalted, string(d.Reason), time.Time{}
	if err := s.save(ctx, Change{Release: true}, e, Entry{Kind: KindHalted, Reason: d.Reason, Detail: d.Detail, Key: d.Key}); err != nil {
		return err
	}
	return s.r.tripIfTooMany(ctx)
}

// destroy deactivates or deletes one key, if the proof can be had right before.
func (s *step) destroy(ctx context.Context, d Decision) error {
	if err := s.save(ctx, Change{}, entryOf(KindIntent, d)); err != nil {
		return err
	}
	ctx, cancel := s.detached(ctx)
	defer cancel()
	began := s.r.now()
	e := entryOf(KindDone, d)
	e.Use, e.Request = s.state.Live.Use.At, 0
	date, err := s.proveAndDestroy(ctx, d)
	e.Date = date
	if err == nil && date.IsZero() && d.Verb == VerbDeactivate {
		err = fmt.Errorf("%w: the answer had no Date header", ErrAmbiguous)
	}
	s.effect(ctx, &e, began, err)
	if err != nil {
		return s.effectFailed(ctx, e, err)
	}
	return s.succeed(ctx, Change{Erase: s.dispensable(e)}, e)
}

func (s *step) proveAndDestroy(ctx context.Context, d Decision) (time.Time, error) {
	if err := s.rewrite(ctx, d); err != nil {
		return time.Time{}, err
	}
	proof, err := Authorise(s.state, d)
	if err != nil {
		return time.Time{}, err
	}
	if d.Verb == VerbDeactivate {
		return s.target.Keyring.Deactivate(ctx, proof)
	}
	date, err := s.target.Keyring.Delete(ctx, proof)
	if errors.Is(err, ErrNoSuchEntity) {
		// Gone already, it seems; only a list may say so, in the next step.
		return time.Time{}, fmt.Errorf("%w: %w", ErrAmbiguous, err)
	}
	return date, err
}

// rewrite puts the kept key once more into every required store that cannot be
// read, because drift in those is invisible, and then looks at the world anew.
func (s *step) rewrite(ctx context.Context, d Decision) error {
	c := s.row.Progress.Cycle
	if d.Verb == VerbDiscard || c.Keep == "" || c.Purpose != PurposeRotation || planted(plantNoRewrite) {
		return nil
	}
	rewritten := map[string]bool{}
	for _, consumer := range s.target.Consumers {
		if _, readable := consumer.Store.(store.Reader); readable || !consumer.Required {
			continue
		}
		credential, err := s.credential(ctx, c.Keep)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNotProven, err)
		}
		ctx := store.WithRecorded(ctx, s.recorded(consumer.Name()))
		if _, err := s.putAndVerify(ctx, VerbPush, consumer.Store, credential); err != nil {
			return fmt.Errorf("write %s again: %w: %w", consumer.Name(), ErrNotProven, err)
		}
		rewritten[consumer.Name()] = true
	}
	if len(rewritten) == 0 {
		return nil
	}
	s.observe(ctx, s.state.Live.Needs)
	s.state.Live.Rewritten = rewritten
	return nil
}
