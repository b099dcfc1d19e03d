package main

import (
	"fmt"
	"strings"
	"sync"
)

// anomaly is a kind of thing that must not be.
type anomaly int

const (
	// failedSignIn is a consumer whom AWS refused a key that it may still hold,
	// or a key cut while a store held it.
	failedSignIn anomaly = iota
	// lostStep is a history entry that was once read and is gone or different.
	lostStep
	// doubleRotation is a user whom two change at once, for whom a second cycle
	// opens beside the first, or for whom AWS made a key too many.
	doubleRotation
	// stuck is a user, or a replica, that does not go on.
	stuck
	// shownSecret is a secret where none may be.
	shownSecret
	// brokenHarness is an act that could not be done, so that it proves nothing.
	brokenHarness
	anomalies // how many kinds there are
)

// failing is how whatever watches tells of an anomaly.
type failing func(what anomaly, format string, args ...any)

// shown is how many anomalies are printed; one cause has many effects.
const shown = 50

// anomalyCount counts anomalies by kind and prints the first of them.
type anomalyCount struct {
	out *report

	mu  sync.Mutex
	all [anomalies]int
	sum int
}

// addf notes one.
func (c *anomalyCount) addf(what anomaly, format string, args ...any) {
	err := fmt.Errorf(format, args...)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[what]++
	c.sum++
	if c.sum <= shown {
		c.out.linef("ANOMALY: %s", err)
	}
}

// number is how many there were.
func (c *anomalyCount) number() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sum
}

// err is nil when there were none.
func (c *anomalyCount) err() error {
	if n := c.number(); n > 0 {
		return fmt.Errorf("%d anomalies", n)
	}
	return nil
}

// String counts every kind.
func (c *anomalyCount) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := [anomalies]string{"failed sign-ins", "lost acknowledged steps", "double rotations", "stuck", "secrets shown", "acts that failed"}
	parts := make([]string, 0, len(names))
	for kind, name := range names {
		parts = append(parts, fmt.Sprintf("%d %s", c.all[kind], name))
	}
	return strings.Join(parts, ", ")
}
