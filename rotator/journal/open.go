package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Options of Open. The zero value is that of a command line beside a daemon.
type Options struct {
	// Exclusive takes the journal for this process until Close, as the daemon
	// does; a second exclusive open fails with ErrHeld. Only an exclusive open
	// creates a journal or brings its schema up to date. It proves that all
	// former owners of claims are dead. A journal in PostgreSQL is shared: there
	// several may have it, one at a time changes the schema, and claims run out.
	Exclusive bool
	// Takeover is the time limit of one call. On an exclusive open every claim
	// found ends at most so long from now, because a call of its dead owner may
	// still be under way. Zero ends them at once.
	Takeover time.Duration
	// Margin is how long after the end of its lease a claim still keeps others
	// away; what the claimant trusts is the lease alone. It is of PostgreSQL only:
	// elsewhere the lock proves that a former owner is dead.
	Margin time.Duration
	// Follow is told when users become due; PostgreSQL only, nil means nobody.
	Follow Follow
	// Moved opens a journal that was moved, too, which an exclusive open refuses
	// with ErrMoved otherwise. It is for exporting one again.
	Moved bool
	// Now is the local clock; nil means time.Now.
	Now func() time.Time

	// fileSystem tells the magic number of the file system of a directory.
	fileSystem func(dir string) (int64, error)
}

// Open opens the journal that dsn names:
//
//	sqlite:///var/lib/keyrotator/journal.db    an absolute path
//	sqlite:journal.db                          a path relative to here
//	memory:                                    gone with Close
//	postgres://user@host:port/database         for several replicas; parameters as libpq has them
//
// A file is made with mode 0600; its directory must exist. It returns an error
// that wraps fs.ErrNotExist when there is no journal and Exclusive is not set,
// and ErrHeld, ErrNetworkFile, ErrSchema or ErrMoved. Errors never show the dsn, which
// may hold a password.
func Open(ctx context.Context, dsn string, options Options) (*DB, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	if isPostgres(dsn) {
		db, err := openPostgres(ctx, dsn, options)
		if err != nil {
			return nil, fmt.Errorf("open journal: %w", err)
		}
		if err := db.begin(ctx, options, options.Exclusive); err != nil {
			return nil, fmt.Errorf("open journal %s: %w", db, errors.Join(err, db.Close()))
		}
		return db, nil
	}
	path, err := parseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	if options.Follow != nil || options.Margin != 0 {
		return nil, errors.New("open journal: only a journal in PostgreSQL is shared, so that a margin or a follower is of no use")
	}
	if options.fileSystem == nil {
		options.fileSystem = fileSystem
	}
	db := &DB{path: path, now: options.Now, dialect: sqliteDialect()}
	if err := db.open(ctx, options); err != nil {
		return nil, fmt.Errorf("open journal %s: %w", db, errors.Join(explain(err), db.Close()))
	}
	return db, nil
}

// begin brings the schema up to date, or checks it, and refuses a daemon the
// journal that goes on elsewhere.
func (db *DB) begin(ctx context.Context, options Options, migrate bool) error {
	if err := db.migrate(ctx, migrate); err != nil || !options.Exclusive || options.Moved {
		return err
	}
	return db.notMoved(ctx, db.write)
}

// parseDSN returns the path of the database file, empty for memory.
func parseDSN(dsn string) (string, error) {
	scheme, rest, found := strings.Cut(dsn, ":")
	switch {
	case !found:
		return "", errors.New("want sqlite:///absolute/path.db (or sqlite:relative.db, memory:, postgres://user@host/database)")
	case scheme == "memory" && rest == "":
		return "", nil
	case scheme != "sqlite":
		return "", fmt.Errorf("unknown kind %q: want sqlite, memory or postgres", scheme)
	case strings.ContainsAny(rest, "?#\x00"):
		return "", errors.New("a path of sqlite: cannot hold ? or #, and there are no parameters")
	case strings.HasSuffix(rest, "/"):
		return "", errors.New("sqlite: needs the path of a file")
	case strings.HasPrefix(rest, "///"):
		return filepath.Clean(rest[2:]), nil
	case strings.HasPrefix(rest, "//"):
		return "", errors.New("after sqlite:// comes an absolute path: sqlite:///absolute/path.db, or sqlite:relative.db")
	case rest == "":
		return "", errors.New("sqlite: needs the path of a file")
	}
	return filepath.Abs(rest)
}

func (db *DB) open(ctx context.Context, options Options) error {
	if db.path != "" {
		if err := db.prepareFile(options); err != nil {
			return err
		}
	}
	var err error
	if db.write, err = sql.Open(db.dialect.driver, sqliteSource(db.path, false)); err != nil {
		return err
	}
	// One writer: writes wait in a queue that honours their contexts, not in
	// SQLite's polling. The database in memory lives as long as its connection.
	db.write.SetMaxOpenConns(1)
	db.write.SetMaxIdleConns(1)
	db.read = db.write
	if err := db.begin(ctx, options, options.Exclusive || db.path == ""); err != nil {
		return err
	}
	if db.path != "" {
		if db.read, err = sql.Open(db.dialect.driver, sqliteSource(db.path, true)); err != nil {
			return err
		}
		db.read.SetMaxOpenConns(4)
	}
	if !options.Exclusive {
		return nil
	}
	if err := db.takeOver(ctx, options.Now().Add(options.Takeover)); err != nil {
		return err
	}
	// What a former process erased may still be in the log.
	db.uncut.Store(true)
	return db.cutLog(ctx)
}

// prepareFile checks the directory, takes the lock and makes the file.
func (db *DB) prepareFile(options Options) error {
	dir := filepath.Dir(db.path)
	if info, err := os.Stat(dir); err != nil {
		return fmt.Errorf("look at its directory: %w", err)
	} else if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	magic, err := options.fileSystem(dir)
	if err != nil {
		return fmt.Errorf("look at the file system of %s: %w", dir, err)
	}
	if name, refused := networkFileSystem(magic); refused {
		return fmt.Errorf("%w: %s is on %s, where locks and flushes of SQLite are not reliable; "+
			"use a local disk or a block volume (in Kubernetes a ReadWriteOnce claim of a block storage class)", ErrNetworkFile, dir, name)
	}
	if options.Exclusive {
		if db.lock, err = takeLock(db.path + ".lock"); err != nil {
			return err
		}
		if err := createFile(db.path); err != nil {
			return err
		}
	}
	info, err := os.Stat(db.path)
	switch {
	case err == nil && info.Size() == 0 && !options.Exclusive:
		// A daemon is making it. Opening the empty file would switch it to WAL in
		// competition with the daemon, which fails then (SQLITE_BUSY at once).
		return fmt.Errorf("there is no journal yet, the daemon is making it: %w", fs.ErrNotExist)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no journal yet, the daemon makes it when it starts: %w", err)
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("it is not a regular file")
	case info.Mode().Perm()&0o007 != 0:
		return fmt.Errorf("its mode %#o lets everybody in: chmod 600 it, and consider who could have changed it", info.Mode().Perm())
	}
	return nil
}

// createFile makes an empty file of mode 0600 unless there is one. It never
// opens an existing one: closing any descriptor of a file drops all locks that
// this process has on it, those of SQLite included (fcntl(2)).
func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("create it: %w", err)
	}
	return f.Close()
}
