package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// runSQLite is one daemon on SQLite, on a small file system of its own.
func runSQLite(ctx context.Context, p plan) (err error) {
	disk := filepath.Join(p.dir, "disk")
	unmount, err := mount(ctx, disk, p.kills)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unmount()) }()
	w, err := newWorldOnSQLite(ctx, p, disk)
	if err != nil {
		return err
	}
	w.start()
	acts := []act{
		{"kill -9", 14, w.kill},
		{"kill -9 in a call", 14, w.strike},
		{"SIGSTOP beyond the lease", 2, func() { w.freeze(lease, lease+3*time.Second) }},
		{"disk full", 2, func() { w.fill(disk) }},
		{"AWS's clock", 2, w.shift},
		{"AWS refuses", 4, w.refuse},
	}
	return w.live(ctx, p, acts)
}

// newWorldOnSQLite makes users and one replica, all of whose files are in a folder.
func newWorldOnSQLite(ctx context.Context, p plan, disk string) (*world, error) {
	w, err := newWorld(ctx, p.dir, p.out, emulator(p))
	if err != nil {
		return nil, err
	}
	users, err := w.addUsers(8, disk)
	if err != nil {
		return nil, err
	}
	dsn := "sqlite://" + filepath.Join(disk, "journal.db")
	config, err := w.configure("keyrotator", dsn, p.limits, policy, users)
	if err != nil {
		return nil, err
	}
	if err := w.addReplica(p.program, config); err != nil {
		return nil, err
	}
	w.ledger = newLedger(dsn, w)
	return w, nil
}

// mount makes a small file system in memory, to be filled. It needs root.
func mount(ctx context.Context, at string, kills int) (unmount func() error, err error) {
	if err := os.Mkdir(at, 0o700); err != nil {
		return nil, err
	}
	size := fmt.Sprintf("size=%dm,mode=700", 64+kills/2)
	tmpfs := exec.CommandContext(ctx, "mount", "-t", "tmpfs", "-o", size, "keyrotator-chaos", at) //nolint:gosec // a folder of ours
	if text, err := tmpfs.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mount a small file system, which needs root: %w: %s", err, text)
	}
	return func() error {
		text, err := exec.CommandContext(context.WithoutCancel(ctx), "umount", "--lazy", at).CombinedOutput() //nolint:gosec // a folder of ours
		if err != nil {
			return fmt.Errorf("unmount %s: %w: %s", at, err, text)
		}
		return nil
	}, nil
}

// fill takes all the room there is on a file system, or all but a little, for a
// while.
func (w *world) fill(disk string) {
	over := w.trouble()
	defer over()
	path := filepath.Join(disk, "ballast")
	defer os.Remove(path)
	if err := ballast(path, disk, uint64(w.rng.IntN(3))*16<<10); err != nil {
		w.wrong.addf(brokenHarness, "fill the disk: %w", err)
	}
	wait(w.ctx, time.Duration(w.rng.Int64N(int64(2*time.Second))))
	if w.rng.IntN(2) == 0 { // it must also start on a full disk, or fail
		w.kill()
		wait(w.ctx, time.Second)
	}
}

// ballast makes a file that leaves no more than spare bytes.
func ballast(path, disk string, spare uint64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for {
		var stat syscall.Statfs_t
		if err := syscall.Statfs(disk, &stat); err != nil {
			return err
		}
		free := stat.Bavail * uint64(stat.Bsize)
		if free <= spare {
			return nil
		}
		_, err := f.Write(block[:min(uint64(len(block)), free-spare)])
		switch {
		case errors.Is(err, syscall.ENOSPC):
			return nil
		case err != nil:
			return err
		}
	}
}

// notThere tells that no replica has made the journal yet.
func notThere(err error) bool { return errors.Is(err, fs.ErrNotExist) }
