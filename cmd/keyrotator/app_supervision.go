package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"

	"github.com/keyrotator/keyrotator/rotator"
)

// supervision tells the service manager how the daemon stands, in the words of
// sd_notify(3): ready when the loop has learned who is due, alive as long as
// loop and journal answer, reloading, stopping. Each is said only in its turn,
// because a message after "stopping" would be taken for a new start.
type supervision struct {
	// send passes a message on; nil for a daemon that nobody supervises.
	send func(message string) error
	log  *zap.Logger

	mu     sync.Mutex
	stands standing
}

type standing int

const (
	standsStarting standing = iota
	standsRunning
	standsStopping
)

// toSystemd sends a message to the socket that NOTIFY_SOCKET names. Without one,
// nobody waits for it.
func toSystemd(message string) error {
	_, err := daemon.SdNotify(false, message)
	return err
}

// say sends the message if the daemon is in one stage, which becomes the next.
func (s *supervision) say(message string, in, next standing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stands != in {
		return
	}
	s.stands = next
	if s.send == nil {
		return
	}
	if err := s.send(message); err != nil {
		s.log.Warn("the service manager could not be told", zap.String("message", message), zap.Error(err))
	}
}

func (s *supervision) ready() {
	s.say(daemon.SdNotifyReady+"\nSTATUS=rotating keys", standsStarting, standsRunning)
}

func (s *supervision) alive() { s.say(daemon.SdNotifyWatchdog, standsRunning, standsRunning) }

func (s *supervision) reloading() {
	s.say(daemon.SdNotifyReloading+"\n"+daemon.SdNotifyMonotonicUsec()+"STATUS=reading the configuration again", standsRunning, standsRunning)
}

// reloaded says that the daemon goes on, with the new configuration or, after an
// error, with the former one. The error itself is in the log.
func (s *supervision) reloaded(err error) {
	status := "rotating keys"
	if err != nil {
		status = "rotating keys with the former configuration: the new one was refused, see the log"
	}
	s.say(daemon.SdNotifyReady+"\nSTATUS="+status, standsRunning, standsRunning)
}

func (s *supervision) stopping() {
	const status = "\nSTATUS=no new step begins, what was begun is finished"
	s.say(daemon.SdNotifyStopping+status, standsStarting, standsStopping)
	s.say(daemon.SdNotifyStopping+status, standsRunning, standsStopping)
}

// pulse is a journal that counts how often it told who is due. The loop asks at
// each of its rounds, so that a count which stands still shows that the loop or
// the journal does.
type pulse struct {
	rotator.Journal

	beats atomic.Uint64
	begun chan struct{} // closed by the first beat
	once  sync.Once
}

func newPulse(j rotator.Journal) *pulse { return &pulse{Journal: j, begun: make(chan struct{})} }

// Due implements rotator.Journal.
func (p *pulse) Due(ctx context.Context, now time.Time, limit int) (users []rotator.User, next time.Time, err error) {
	users, next, err = p.Journal.Due(ctx, now, limit)
	if err == nil {
		p.beats.Add(1)
		p.once.Do(func() { close(p.begun) })
	}
	return users, next, err
}

// startSupervision says that the daemon is ready once its loop runs, and from
// then on that it is alive: three times in each span that the service manager
// waits for it, so that one lost message does no harm. It is started last, and so
// stopped first.
func (a *app) startSupervision(ctx context.Context) error {
	patience, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return fmt.Errorf("read WATCHDOG_USEC and WATCHDOG_PID, which the service manager sets: %w", err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // only Stop ends it, in its turn
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-ctx.Done():
			return
		case <-a.pulse.begun:
			a.supervision.ready()
		}
		if patience > 0 && a.supervision.send != nil {
			a.guardLife(ctx, patience/3)
		}
	}()
	a.started("supervision", func(context.Context) error {
		cancel()
		<-ended
		a.supervision.stopping()
		return nil
	})
	return nil
}

// guardLife says after each interval that the daemon is alive, unless it is not.
// A service manager that hears nothing for long enough starts it anew.
func (a *app) guardLife(ctx context.Context, interval time.Duration) {
	ticks := time.NewTicker(max(interval, time.Millisecond))
	defer ticks.Stop()
	for {
		seen := a.pulse.beats.Load()
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		if err := a.answers(ctx, seen); err != nil {
			a.log.Error("the watchdog is not told that the daemon is alive", zap.Error(err))
			continue
		}
		a.supervision.alive()
	}
}

// answers says what does not answer: the loop, which must have asked the journal
// since it was seen, or the journal now.
func (a *app) answers(ctx context.Context, seen uint64) error {
	if a.pulse.beats.Load() == seen {
		return errors.New("the loop has not learned from the journal who is due since the last look")
	}
	return a.ready(ctx)
}
