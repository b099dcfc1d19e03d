package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

// startWatch reloads the configuration when its file changes. Folders are
// watched and not the file: editors and Kubernetes replace it. A mounted
// ConfigMap is a link to ..data/NAME, and an update swaps the link ..data, so
// that only the folder of the path shows it; a link of a person's making leads
// to another folder, whose changes count too.
func (a *app) startWatch(ctx context.Context) error {
	if a.options.configPath == "" {
		return nil
	}
	path, err := filepath.Abs(a.options.configPath)
	if err != nil {
		return err
	}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch the configuration: %w", err)
	}
	w := &watch{path: path, notify: notify, settled: a.options.settled, log: a.log}
	if err := w.follow(); err != nil {
		return errors.Join(fmt.Errorf("watch the configuration: %w", err), notify.Close())
	}
	w.seen = w.fingerprint()
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // only Stop ends it, in its turn
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.run(ctx, func() { a.reloadFile(ctx) })
	}()
	a.started("watch of the configuration", func(limit context.Context) error {
		cancel()
		err := notify.Close()
		select {
		case <-ended:
			return err
		case <-limit.Done():
			return errors.Join(err, limit.Err())
		}
	})
	return nil
}

// watch tells when the content of a file has changed.
type watch struct {
	path    string
	notify  *fsnotify.Watcher
	settled time.Duration
	seen    fingerprint
	log     *zap.Logger
}

// fingerprint is what a file holds, or that it cannot be read.
type fingerprint struct {
	hash       [sha256.Size]byte
	unreadable bool
}

func (w *watch) fingerprint() fingerprint {
	text, err := os.ReadFile(w.path)
	if err != nil {
		return fingerprint{unreadable: true}
	}
	return fingerprint{hash: sha256.Sum256(text)}
}

// follow watches the folder of the path and that of the file it leads to. It
// is repeated after every change, because the second may be another one then.
func (w *watch) follow() error {
	if err := w.notify.Add(filepath.Dir(w.path)); err != nil {
		return err
	}
	resolved, err := filepath.EvalSymlinks(w.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // it is being replaced; its folder will tell
	case err != nil:
		return err
	}
	err = w.notify.Add(filepath.Dir(resolved))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// run calls changed after the content has changed, until the context ends.
// Events are gathered from the first one on and not from the last, so that a
// busy neighbour in the folder, such as the journal, cannot put it off for ever.
func (w *watch) run(ctx context.Context, changed func()) {
	var settle <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case _, open := <-w.notify.Events:
			if !open {
				return
			}
			if settle == nil {
				settle = time.After(w.settled)
			}
		case err, open := <-w.notify.Errors:
			if !open {
				return
			}
			w.log.Warn("the watch of the configuration lost something: send SIGHUP after a change", zap.Error(err))
		case <-settle:
			settle = nil
			if err := w.follow(); err != nil {
				w.log.Warn("the configuration is watched no longer: send SIGHUP after a change", zap.Error(err))
			}
			if now := w.fingerprint(); now != w.seen {
				w.seen = now
				changed()
			}
		}
	}
}
