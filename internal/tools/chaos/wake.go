package main

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// wake measures how long after a replica's death in a call somebody goes on with
// the user whom it had in hand.
type wake struct {
	mu     sync.Mutex
	deaths map[string]time.Time // by the user in hand; nobody has gone on yet
	took   []time.Duration
	over   chan struct{} // a token whenever nobody is waited for any more
}

func newWake() *wake { return &wake{deaths: map[string]time.Time{}, over: make(chan struct{}, 1)} }

// died notes that the replica which had user in hand is dead.
func (k *wake) died(user string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, waiting := k.deaths[user]; !waiting { // a second death before the next step only makes the first worse
		k.deaths[user] = time.Now()
	}
}

// seen notes that a replica makes a call for a user.
func (k *wake) seen(user string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	at, waiting := k.deaths[user]
	if !waiting {
		return
	}
	k.took = append(k.took, time.Since(at))
	delete(k.deaths, user)
	if len(k.deaths) == 0 {
		select {
		case k.over <- struct{}{}:
		default:
		}
	}
}

// String tells the distribution.
func (k *wake) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.took) == 0 {
		return "nobody died in a call"
	}
	all := slices.Sorted(slices.Values(k.took))
	at := func(share float64) time.Duration {
		return all[int(share*float64(len(all)-1))].Round(10 * time.Millisecond)
	}
	return fmt.Sprintf("%d deaths, least %s, median %s, nine in ten %s, most %s", len(all), at(0), at(0.5), at(0.9), at(1))
}
