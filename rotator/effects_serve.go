package rotator

import "context"

// reload begins to make a consumer take what its store holds.
func (s *step) reload(ctx context.Context, d Decision) error {
	consumer, ok := s.target.consumer(d.Consumer)
	if !ok || consumer.Reloader == nil {
		return s.fail(ctx, Trouble{ReasonReloadFailing, d.Consumer + " has no reload"})
	}
	intent := entryOf(KindIntent, d)
	intent.Date = s.state.Live.Date
	if err := s.save(ctx, Change{}, intent); err != nil {
		return err
	}
	ctx, cancel := s.detached(ctx)
	defer cancel()
	began := s.r.now()
	e := entryOf(KindDone, d)
	e.Date = s.state.Live.Date
	c := s.row.Progress.Cycle
	err := s.fence()
	if err == nil {
		err = consumer.Reloader.Reload(ctx, c.Taking[d.Consumer].token(c.Keep))
	}
	s.effect(ctx, &e, began, err)
	if err != nil {
		return s.effectFailed(ctx, e, err)
	}
	return s.succeed(ctx, Change{}, e)
}

// probe asks a consumer whether it works.
func (s *step) probe(ctx context.Context, d Decision) error {
	ctx, cancel := s.detached(ctx)
	defer cancel()
	consumer, ok := s.target.consumer(d.Consumer)
	if !ok || consumer.Prober == nil {
		return s.fail(ctx, Trouble{ReasonProbeFailed, d.Consumer + " has no probe"})
	}
	if s.sight.held == nil {
		s.observe(ctx, Needs{Keys: true, Stores: true})
	}
	credential, err := s.credential(ctx, d.Key)
	began := s.r.now()
	if err == nil {
		err = consumer.Prober.Probe(ctx, credential)
	}
	e := entryOf(KindDone, d)
	s.effect(ctx, &e, began, err)
	if err == nil {
		return s.succeed(ctx, Change{}, e)
	}
	e.Kind, e.Reason, e.Detail = KindFailed, ReasonProbeFailed, err.Error()
	return s.fail(ctx, Trouble{ReasonProbeFailed, err.Error()}, e)
}
