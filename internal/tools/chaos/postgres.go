package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/keyrotator/keyrotator/internal/tools/chaos/proxy"
	"github.com/keyrotator/keyrotator/internal/tools/postgres"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
	"github.com/keyrotator/keyrotator/rotator/seal"
)

const (
	// lease and margin are short, so that a death is got over in seconds.
	lease  = 3 * time.Second
	margin = 2 * time.Second
	// limits are the limits of every replica, as they are configured.
	limits   = "{call_timeout: 1s, shutdown: 1s, lease: 3s, takeover_margin: 2s}"
	database = "keyrotator"
)

// cluster is a world whose replicas share a journal in PostgreSQL, each by a
// connection that can be broken.
type cluster struct {
	*world

	server  *postgres.Server
	proxies []*proxy.Proxy
	clock   string // the file that libfaketime reads PostgreSQL's clock from
	saved   bool   // there is a base backup to restore
}

// runPostgres is three replicas on PostgreSQL.
func runPostgres(ctx context.Context, p plan) (err error) {
	c, err := newCluster(ctx, p, size{users: 8, replicas: 3, policy: policy, shifts: true}, emulator(p))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close(ctx)) }()
	c.start()
	return c.live(ctx, p, []act{
		{"kill -9", 14, c.kill},
		{"kill -9 in a call", 14, c.strike},
		{"SIGSTOP beyond lease and margin", 3, func() { c.freeze(lease+margin, lease+margin+3*time.Second) }},
		{"rolling restart", 1, c.roll},
		{"database crash", 2, c.crash},
		{"base backup", 1, c.backup},
		{"restore of an older backup", 1, c.restore},
		{"broken connection", 4, c.cut},
		{"PostgreSQL's clock", 2, c.shiftDatabase},
		{"AWS's clock", 1, c.shift},
		{"AWS refuses", 3, c.refuse},
	})
}

// size is what a cluster is made of.
type size struct {
	users, replicas int
	policy          string
	shifts          bool // PostgreSQL's clock can be moved, which makes asking for the time slow
}

// newCluster makes users and replicas and starts the server.
func newCluster(ctx context.Context, p plan, n size, o awsemu.Options) (c *cluster, err error) {
	c = &cluster{clock: filepath.Join(p.dir, "clock")}
	options := postgres.Options{Durable: true}
	if n.shifts {
		if options.Env, err = c.faketime(); err != nil {
			return nil, err
		}
	}
	if c.server, err = postgres.Start(ctx, p.dir, options); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close(ctx))
		}
	}()
	if err := c.server.CreateDatabase(ctx, database); err != nil {
		return c, err
	}
	if c.world, err = newWorld(ctx, p.dir, p.out, o); err != nil {
		return c, err
	}
	// Of a shared journal no replica makes the identity.
	_, err = seal.OpenAge(filepath.Join(p.dir, "identity"), seal.Options{Create: true})
	text, err2 := c.addUsers(n.users, p.dir)
	if err := errors.Join(err, err2); err != nil {
		return c, err
	}
	for i := range n.replicas {
		between, err := proxy.New(ctx, c.server.Address())
		if err != nil {
			return c, err
		}
		c.proxies = append(c.proxies, between)
		dsn := strings.Replace(c.server.DSN(database), c.server.Address(), between.Address(), 1)
		config, err := c.configure(fmt.Sprintf("keyrotator-%d", i+1), dsn, p.limits, n.policy, text)
		if err != nil {
			return c, err
		}
		if err := c.addReplica(p.program, config); err != nil {
			return c, err
		}
	}
	c.ledger = newLedger(c.server.DSN(database), c.world)
	return c, nil
}

// faketime finds the library that moves PostgreSQL's clock, and returns how the
// server is told to use it. A program of Go does not ask the C library for the
// time; PostgreSQL does.
func (c *cluster) faketime() (env []string, err error) {
	found, err := filepath.Glob("/usr/lib/*/faketime/libfaketime.so.1")
	if err != nil || len(found) == 0 {
		return nil, errors.Join(errors.New("libfaketime is not installed: make packages, or apt-get install libfaketime"), err)
	}
	if err := os.WriteFile(c.clock, []byte("+0\n"), 0o644); err != nil { //nolint:gosec // the server runs as another user
		return nil, err
	}
	return []string{
		"LD_PRELOAD=" + found[0], "FAKETIME_TIMESTAMP_FILE=" + c.clock, "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1",
	}, nil
}

// close ends what is left, whatever has happened to ctx.
func (c *cluster) close(context.Context) error {
	var errs []error
	for _, p := range c.proxies {
		errs = append(errs, p.Close())
	}
	return errors.Join(append(errs, c.server.Close())...) //nolint:contextcheck // a server is stopped whatever happened to ctx
}

// roll restarts every replica in good order, one after the other.
func (c *cluster) roll() {
	ctx, cancel := context.WithTimeout(c.ctx, time.Minute)
	defer cancel()
	for _, r := range c.replicas {
		r.end(ctx)
		wait(c.ctx, c.between(200*time.Millisecond, time.Second))
	}
}

// down does something to the database.
func (c *cluster) down(what string, f func() error) {
	over := c.trouble()
	defer over()
	if err := f(); err != nil && c.ctx.Err() == nil {
		c.wrong.addf(brokenHarness, "%s: %w", what, err)
	}
}

func (c *cluster) crash() {
	c.down("crash the database", func() error {
		err := c.server.Down(c.ctx, "immediate")
		wait(c.ctx, c.between(0, 3*time.Second))
		return errors.Join(err, c.server.Up(c.ctx))
	})
}

// backupName is the folder of the one base backup that there is at a time.
const backupName = "backup"

// backup makes a base backup, unless there is one, which only gets older.
func (c *cluster) backup() {
	if c.saved {
		return
	}
	if err := c.server.Backup(c.ctx, backupName); err != nil && c.ctx.Err() == nil {
		c.wrong.addf(brokenHarness, "back the database up: %w", err)
	}
	c.saved = true
}

// restore puts the base backup in the place of the journal while the replicas run.
func (c *cluster) restore() {
	if !c.saved {
		c.backup()
		wait(c.ctx, c.between(2*time.Second, 12*time.Second)) // a part of a cycle, at least
	}
	c.down("restore the database", func() error {
		return c.ledger.restore(func() error {
			err := c.server.Down(c.ctx, "immediate")
			return errors.Join(err, c.server.Restore(backupName), c.server.Up(c.ctx))
		})
	})
	c.saved = false
}

// cut breaks a replica's connection to the database in one of four ways.
func (c *cluster) cut() {
	p := c.proxies[c.rng.IntN(len(c.proxies))]
	over := c.trouble()
	defer over()
	how := c.rng.IntN(4)
	switch how {
	case 0:
		p.Reset()
	case 1:
		p.Refuse(true)
		p.Reset()
	case 2:
		p.Swallow()
	default:
		p.Delay(c.between(20*time.Millisecond, 300*time.Millisecond))
	}
	wait(c.ctx, c.between(500*time.Millisecond, 6*time.Second))
	p.Refuse(false)
	p.Release()
	p.Delay(0)
}

// shiftDatabase moves PostgreSQL's clock by hours for a while.
func (c *cluster) shiftDatabase() {
	by := c.between(time.Hour, 5*time.Hour).Truncate(time.Second)
	if c.rng.IntN(2) == 0 {
		by = -by
	}
	if err := c.setClock(by); err != nil && c.ctx.Err() == nil {
		c.wrong.addf(brokenHarness, "move the database's clock: %w", err)
	}
	wait(c.ctx, c.between(2*time.Second, 5*time.Second))
	if err := c.setClock(0); err != nil && c.ctx.Err() == nil {
		c.wrong.addf(brokenHarness, "move the database's clock back: %w", err)
	}
}

// setClock moves PostgreSQL's clock and asks it whether it is there.
func (c *cluster) setClock(by time.Duration) error {
	if err := os.WriteFile(c.clock, fmt.Appendf(nil, "%+d\n", int(by.Seconds())), 0o644); err != nil { //nolint:gosec // the server runs as another user
		return err
	}
	want := time.Now().Add(by).Unix()
	return c.server.SQL(c.ctx, database, fmt.Sprintf(
		`DO $$ BEGIN ASSERT abs(extract(epoch FROM clock_timestamp()) - %d) < 60, 'the clock stands elsewhere'; END $$`, want))
}
