package main

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// wake measures how long after a replica's death the work goes on: for the user
// whom it had claimed, and for the next of all others.
type wake struct {
	mu      sync.Mutex
	deaths  []*death
	claimed []time.Duration
	others  []time.Duration
}

type death struct {
	at      time.Time
	user    string
	claimed bool // somebody has gone on with user
	others  bool // somebody has gone on with another user
}

// died notes that the replica which had claimed user is dead.
func (k *wake) died(user string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if user != "" {
		k.deaths = append(k.deaths, &death{at: time.Now(), user: user})
	}
}

// seen notes that a replica makes a call for a user.
func (k *wake) seen(user string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if user == "" {
		return
	}
	for _, d := range k.deaths {
		switch {
		case d.user == user && !d.claimed:
			d.claimed, k.claimed = true, append(k.claimed, time.Since(d.at))
		case d.user != user && !d.others:
			d.others, k.others = true, append(k.others, time.Since(d.at))
		}
	}
	k.deaths = slices.DeleteFunc(k.deaths, func(d *death) bool { return d.claimed && d.others })
}

// lines tell the distributions.
func (k *wake) lines() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return []string{
		"from a death to the next call for the user in hand: " + spread(k.claimed),
		"from a death to the next call for any other user: " + spread(k.others),
	}
}

func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "nobody died in a call"
	}
	slices.Sort(all)
	at := func(share float64) time.Duration {
		return all[int(share*float64(len(all)-1))].Round(10 * time.Millisecond)
	}
	return fmt.Sprintf("%d deaths, least %s, half %s, nine in ten %s, most %s", len(all), at(0), at(0.5), at(0.9), at(1))
}
