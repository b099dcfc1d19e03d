package rotator

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// execute carries one decision out: intent, effect, outcome. It has no policy
// in it; a journal write that fails ends the step before its effect.
func (s *step) execute(ctx context.Context, d Decision) error {
	switch d.Verb {
	case VerbWait, VerbObserve:
		return s.wait(ctx, d)
	case VerbHalt:
		return s.halt(ctx, d)
	case VerbAdopt:
		return s.adopt(ctx, d)
	case VerbOpen:
		return s.succeed(ctx, Change{}, s.opened(d))
	case VerbPause, VerbResume, VerbReject, VerbTurn, VerbAsk, VerbHurry, VerbAck:
		e := entryOf(KindRequest, d)
		e.Opening, e.Asked = d.Opening, d.Asked
		return s.succeed(ctx, Change{}, e)
	case VerbCreate:
		return s.create(ctx, d)
	case VerbProve:
		return s.prove(ctx, d)
	case VerbProbe:
		return s.probe(ctx, d)
	case VerbReload:
		return s.reload(ctx, d)
	case VerbStage, VerbPush, VerbRestore:
		return s.write(ctx, d)
	case VerbReactivate:
		return s.reactivate(ctx, d)
	case VerbDeactivate, VerbDelete, VerbDiscard:
		return s.destroy(ctx, d)
	default:
		return s.note(ctx, d)
	}
}

func entryOf(kind Kind, d Decision) Entry {
	return Entry{
		Kind: kind, Verb: d.Verb, Key: d.Key, Consumer: d.Consumer,
		Reason: d.Reason, Detail: d.Detail, Request: d.Request,
	}
}

// note records a decision that changes the journal alone.
func (s *step) note(ctx context.Context, d Decision) error {
	e := entryOf(KindNoted, d)
	e.Opening = d.Opening
	if live := s.state.Live; live != nil {
		e.Date = live.Date
		if live.Needs.UseOf == d.Key {
			e.Use = live.Use.At
		}
	}
	return s.succeed(ctx, Change{Erase: s.dispensable(e)}, e)
}

// halt stops the user, and everybody's new keys and cuts once too many users
// were halted: one mistake shared by all must not reach all.
func (s *step) halt(ctx context.Context, d Decision) error {
	s.row.Waiting, s.row.Detail = ReasonHalted, string(d.Reason)
	s.row.Attempts, s.row.Due = 0, time.Time{}
	e := entryOf(KindHalted, d)
	if err := s.save(ctx, Change{Release: true}, e); err != nil {
		return err
	}
	return s.r.tripIfTooMany(ctx)
}

func (r *Rotator) tripIfTooMany(ctx context.Context) error {
	breaker := r.fleet.load().Breaker
	if breaker.Failures <= 0 {
		return nil
	}
	global, err := r.deps.Journal.Global(ctx)
	if err != nil {
		return fmt.Errorf("count the halted users: %w", err)
	}
	recent := 0
	for _, at := range global.Halts {
		if r.now().Sub(at) <= breaker.Within {
			recent++
		}
	}
	if global.Tripped || recent < breaker.Failures {
		return nil
	}
	_, err = r.deps.Journal.Append(ctx, Request{
		User: AllUsers(), Verb: RequestTrip, At: r.now(), By: "keyrotator",
		Why: fmt.Sprintf("%d users were halted within %s", recent, breaker.Within),
	})
	if err != nil {
		return fmt.Errorf("open the breaker: %w", err)
	}
	return nil
}

func (s *step) adopt(ctx context.Context, d Decision) error {
	key, _ := find(s.state.Live.Keys, d.Key)
	e := entryOf(KindAdopted, d)
	e.Date, e.Created = s.state.Live.Date, key.Created
	e.UserID, e.ARN = s.state.Live.Identity.UserID, s.state.Live.Identity.ARN
	return s.succeed(ctx, Change{Erase: s.dispensable(e)}, e)
}

func (s *step) opened(d Decision) Entry {
	e := entryOf(KindOpened, d)
	e.Opening = d.Opening
	if live := s.state.Live; live != nil {
		e.Date, e.UserID, e.ARN = live.Date, live.Identity.UserID, live.Identity.ARN
	}
	return e
}

// create makes the new key. Its intent lists the keys that were there before,
// so that a lost answer can be reconciled; its secret is sealed into the
// journal before anything else may happen.
func (s *step) create(ctx context.Context, d Decision) error {
	var entries []Entry
	if d.Opening != nil {
		entries = append(entries, s.opened(d))
	}
	intent := Entry{Kind: KindIntent, Verb: VerbCreate, Reason: d.Reason, Date: s.state.Live.Date, Request: d.Request}
	for _, k := range s.state.Live.Keys {
		intent.Before = append(intent.Before, k.ID)
	}
	if err := s.save(ctx, Change{}, append(entries, intent)...); err != nil {
		return err
	}
	ctx, cancel := s.detached(ctx)
	defer cancel()
	if planted(plantDeleteOldest) && len(s.state.Live.Keys) == 2 {
		oldest, _ := byAge(s.state.Live.Keys[0], s.state.Live.Keys[1])
		_, _ = s.target.Keyring.Delete(ctx, Proof{s.user, oldest.ID, VerbDiscard, s.r.now()})
	}
	began := s.r.now()
	created, err := s.target.Keyring.Create(ctx, s.user)
	e := Entry{Kind: KindDone, Verb: VerbCreate, Reason: d.Reason, Date: created.Date, Created: created.At, Request: d.Request}
	s.effect(ctx, &e, began, err)
	if err != nil {
		return s.effectFailed(ctx, e, err)
	}
	e.Key = KeyID(created.Credential.KeyID())
	sealed, err := s.r.deps.Sealer.Seal(ctx, s.user, created.Credential)
	if err != nil {
		// The key exists and its secret cannot be kept: it is an orphan now.
		return s.effectFailed(ctx, e, fmt.Errorf("%w: seal the new secret: %w", ErrAmbiguous, err))
	}
	if planted(plantStoreFirst) {
		_, _ = s.target.Consumers[0].Store.Put(ctx, created.Credential)
	}
	if planted(plantNoCustody) {
		return s.succeed(ctx, Change{}, e)
	}
	return s.succeed(ctx, Change{Seal: map[KeyID][]byte{e.Key: sealed}}, e)
}

// effect tells the observers how an effect went.
func (s *step) effect(ctx context.Context, e *Entry, began time.Time, err error) {
	s.r.deps.Observer.Observe(ctx, Event{
		Kind: EventEffect, At: s.r.now(), User: s.user, Progress: s.row.Progress,
		Entry: *e, Took: s.r.now().Sub(began), Err: err,
	})
}

// effectFailed records an effect that did not, or may not have, happened.
func (s *step) effectFailed(ctx context.Context, e Entry, err error) error {
	if errors.Is(err, ErrFenced) {
		return err // another replica rules; the journal is its to write
	}
	trouble := troubleOf(err)
	switch e.Verb {
	case VerbStage, VerbPush, VerbRestore:
		trouble = storeTrouble(err)
	case VerbReload:
		trouble = Trouble{ReasonReloadFailing, err.Error()}
	default:
	}
	if planted(plantDiscard) && e.Verb == VerbPush {
		_, _ = s.target.Keyring.Delete(ctx, Proof{s.user, e.Key, VerbDiscard, s.r.now()})
	}
	e.Kind = KindUnclear
	if surely(err) {
		e.Kind = KindFailed
	}
	e.Reason, e.Detail = trouble.Reason, trouble.Detail
	return s.fail(ctx, trouble, e)
}

// surely reports an error after which nothing was done. A full quota is one of
// them: whatever key fills it was there before, and is not this create's.
func surely(err error) bool {
	for _, sentinel := range []error{ErrThrottled, ErrDenied, ErrRefused, ErrQuota, ErrNotProven} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return false
}

// prove signs in once with the new key.
func (s *step) prove(ctx context.Context, d Decision) error {
	ctx, cancel := s.detached(ctx)
	defer cancel()
	began := s.r.now()
	who, trouble := s.signIn(ctx, d.Key, map[string]StoreView{})
	e := entryOf(KindDone, d)
	e.Date = who.Date
	if trouble.None() && who.Date.IsZero() {
		trouble = Trouble{ReasonNoDate, "the sign-in had no Date header"}
	}
	if trouble.None() {
		s.effect(ctx, &e, began, nil)
		return s.succeed(ctx, Change{}, e)
	}
	s.effect(ctx, &e, began, errors.New(trouble.Detail))
	if trouble.Reason == ReasonWrongIdentity || trouble.Reason == ReasonSecretLost {
		return s.halt(ctx, halt(trouble.Reason, trouble.Detail))
	}
	if s.row.Progress.Cycle.Signed == 0 {
		return s.fail(ctx, trouble)
	}
	e.Kind, e.Reason, e.Detail = KindFailed, trouble.Reason, trouble.Detail
	return s.fail(ctx, trouble, e)
}
