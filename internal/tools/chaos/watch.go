package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/keyrotator/keyrotator/internal/tools/chaos/consumer"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// watch checks every cut right before it happens: no store of the user may hold
// the key; and that nobody tries to make a third key.
func (w *world) watch(c awsemu.Call, stage awsemu.Stage) {
	w.spring(c, stage)
	if stage == awsemu.After && c.Operation == "CreateAccessKey" {
		w.ledger.creates.note(c)
	}
	if stage != awsemu.Before || c.Operation != "UpdateAccessKey" && c.Operation != "DeleteAccessKey" {
		return
	}
	for _, u := range w.users {
		if u.user.Name != c.User {
			continue
		}
		for _, p := range u.places {
			held, err := p.Read()
			if err != nil {
				w.wrong.addf(brokenHarness, "read %s of %s: %w", p.Name, u.user, err)
			}
			if held.AccessKeyID == c.Target {
				w.wrong.addf(failedSignIn, "%s of %s, which %s of %s holds", c.Operation, c.Target, p.Name, u.user)
			}
		}
	}
}

// Consumers sign in so long after they read their store, and then read again. An
// eager one reads more often than it declares. A lazy one holds what it read for
// nearly as long as it may, and uses it rarely enough to look quiet meanwhile.
func eager() []time.Duration {
	return []time.Duration{0, 200 * time.Millisecond, 400 * time.Millisecond, 600 * time.Millisecond, 800 * time.Millisecond}
}

func lazy() []time.Duration { return []time.Duration{0, refreshes * 17 / 20} }

// consume is one consumer.
func (w *world) consume(u user, p consumer.Place, after []time.Duration) {
	for w.ctx.Err() == nil {
		readAt := time.Now()
		held, err := p.Read()
		if err != nil {
			w.wrong.addf(brokenHarness, "%s: read %s: %w", u.user, p.Name, err)
		}
		for _, d := range after {
			wait(w.ctx, time.Until(readAt.Add(d)))
			// A fault for the daemon may hit a consumer; that blames no key.
			err = consumer.SignIn(w.ctx, w.aws.Transport(), held, w.aws.Now())
			w.signIns.Add(1)
			switch age := time.Since(readAt); {
			case err == nil:
				w.accepted.Add(1)
			case !errors.Is(err, consumer.ErrKeyRefused):
			case age > refreshes: // this machine was too busy to read in time
				w.late.Add(1)
			default:
				w.wrong.addf(failedSignIn, "%s cannot sign in with %s, read from %s %s ago: %w", u.user, held.AccessKeyID, p.Name, age, err)
			}
		}
		wait(w.ctx, 200*time.Millisecond)
	}
}

// keys are the key that all stores of a user hold, and the one beside it that
// none does, if there is one; false while the stores disagree.
func (w *world) keys(of rotator.User) (held, spare rotator.KeyID, ok bool) {
	keys, err := w.aws.Keys(account, of.Name)
	if err != nil {
		return "", "", false
	}
	at := slices.IndexFunc(w.users, func(u user) bool { return u.user == of })
	for _, p := range w.users[at].places {
		c, err := p.Read()
		if err != nil || held != "" && held != rotator.KeyID(c.AccessKeyID) {
			return "", "", false
		}
		held = rotator.KeyID(c.AccessKeyID)
	}
	others := slices.DeleteFunc(slices.Clone(keys), func(k awsemu.Key) bool { return k.ID == string(held) })
	switch {
	case len(others) != len(keys)-1 || len(others) > 1: // the stores hold no key of the user, or there are too many
		return "", "", false
	case len(others) == 1:
		spare = rotator.KeyID(others[0].ID)
	}
	return held, spare, true
}

// checkStores has what every store holds in the end sign in.
func (w *world) checkStores(ctx context.Context) {
	var all sync.WaitGroup
	for _, u := range w.users {
		keys, err := w.aws.Keys(account, u.user.Name)
		if err != nil || len(keys) > 2 {
			w.wrong.addf(stuck, "%s has %d keys: %w", u.user, len(keys), err)
		}
		for _, p := range u.places {
			all.Go(func() {
				held, err := p.Read()
				if err == nil {
					err = consumer.SignIn(ctx, w.aws.Transport(), held, w.aws.Now())
				}
				if err != nil {
					w.wrong.addf(failedSignIn, "what %s of %s holds does not sign in: %w", p.Name, u.user, err)
				}
			})
		}
	}
	all.Wait()
}

// checkOutput looks for every secret in what the processes said, and in the
// journal's files, and counts how often the disk was full.
func (w *world) checkOutput() {
	root, err := os.OpenRoot(w.dir)
	if err != nil {
		w.wrong.addf(brokenHarness, "look for secrets: %w", err)
		return
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // a database server tidies up
			return nil
		}
		if err != nil || !d.Type().IsRegular() || filepath.Ext(path) == ".credentials" {
			return err
		}
		text, err := root.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if filepath.Ext(path) == ".log" {
			w.full += bytes.Count(text, []byte("disk is full"))
		}
		return w.front.leaks(filepath.Base(path), text)
	})
	if err != nil {
		w.wrong.addf(shownSecret, "look for secrets: %w", err)
	}
}
