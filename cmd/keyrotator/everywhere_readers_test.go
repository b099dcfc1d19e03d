package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// readers are the consumers of all places, who sign in all the time with what
// they find there. A key is cut between two of their sign-ins: they keep nothing
// that they read.
type readers struct {
	end  context.CancelFunc
	done sync.WaitGroup
	cut  sync.RWMutex

	mu    sync.Mutex
	used  map[string]map[string]int // sign-ins by kind and key
	wrong []string
	more  chan struct{} // closed and replaced by every sign-in
}

func (e *everywhere) startReaders(t *testing.T) *readers {
	t.Helper()
	r := &readers{used: map[string]map[string]int{}, more: make(chan struct{})}
	var ctx context.Context
	ctx, r.end = context.WithCancel(context.WithoutCancel(t.Context()))
	remove := e.emu.OnCall(func(c awsemu.Call, stage awsemu.Stage) {
		switch {
		case c.Operation != "UpdateAccessKey" && c.Operation != "DeleteAccessKey":
		case stage == awsemu.Before:
			r.cut.Lock()
		default:
			r.cut.Unlock()
		}
	})
	for kind := range e.places {
		r.used[kind] = map[string]int{}
	}
	for kind, p := range e.places {
		r.done.Go(func() {
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for ctx.Err() == nil {
				r.signIn(ctx, e, kind, p)
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
			}
		})
	}
	t.Cleanup(func() { r.end(); r.done.Wait(); remove() })
	return r
}

func (r *readers) signIn(ctx context.Context, e *everywhere, kind string, p *somewhere) {
	r.cut.RLock()
	defer r.cut.RUnlock()
	held, err := p.credential()
	if err == nil {
		err = signIn(ctx, e.emu.Transport(), stsURL, held)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		r.wrong = append(r.wrong, fmt.Sprintf("%s with %s: %v", kind, held.AccessKeyID, err))
	}
	r.used[kind][held.AccessKeyID]++
	close(r.more)
	r.more = make(chan struct{})
}

// awaitKey waits until everybody but one kind has signed in with a second key.
func (r *readers) awaitKey(t *testing.T, e *everywhere, but string) {
	t.Helper()
	limit := time.After(patience)
	for {
		r.mu.Lock()
		var old []string
		for kind, keys := range r.used {
			if kind != but && len(keys) < 2 {
				old = append(old, kind)
			}
		}
		more, stay := r.more, maps.Clone(r.used[but])
		r.mu.Unlock()
		if len(old) == 0 {
			if but != "" && (len(stay) != 1 || stay[e.oldID] == 0) {
				t.Errorf("the consumer of %s signed in with %v, want %s alone", but, stay, e.oldID)
			}
			return
		}
		select {
		case <-more:
		case <-limit:
			slices.Sort(old)
			t.Fatalf("within %s these got no new key: %v", patience, old)
		}
	}
}

// stop waits until everybody has signed in with the new key, and wants nobody to
// have been refused.
func (r *readers) stop(t *testing.T, e *everywhere, newID string) {
	t.Helper()
	r.awaitKey(t, e, "")
	r.end()
	r.done.Wait()
	for _, wrong := range r.wrong {
		t.Error(wrong)
	}
	for kind, keys := range r.used {
		if len(keys) != 2 || keys[e.oldID] == 0 || keys[newID] == 0 {
			t.Errorf("the consumer of %s signed in with %v", kind, keys)
		}
	}
}
