package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// The advisory locks that this program takes in its database: "kr" in ASCII
// and a number. Nobody else in the database may use them.
const (
	lockMigrate = 0x6b72_0001 // one replica at a time changes the schema
	lockAppend  = 0x6b72_0002 // requests commit in the order of their numbers
	lockSpeak   = 0x6b72_0003 // one replica exports what is said of users
)

// postgresSchema is the schema of the tables, unless the DSN names a
// search_path. Their names are too common to lie beside other programs'.
const postgresSchema = "keyrotator"

// minConns is what a replica needs to get on at all: one for a migration that
// holds a lock on another, one for notifications, one for a step.
const minConns = 4

// sessionSettings are those of every connection, unless the DSN has them.
func sessionSettings() map[string]string {
	return map[string]string{
		"search_path":      postgresSchema,
		"application_name": "keyrotator",
		// What was saved is on the disk before the next effect is tried, whatever
		// the server does for others.
		"synchronous_commit": "on",
		// A replica that is frozen in a transaction keeps its locks, also that on
		// the numbers of requests, for which everybody waits.
		"idle_in_transaction_session_timeout": "30s",
		// One whose machine is gone does not close its connections, nor the lock
		// of whoever speaks of users.
		"tcp_keepalives_idle":     "30",
		"tcp_keepalives_interval": "10",
		"tcp_keepalives_count":    "3",
	}
}

func isPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

func postgresDialect() dialect {
	return dialect{
		bind:    numbered,
		words:   strings.NewReplacer("{{number}}", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "{{bytes}}", "BYTEA"),
		foreign: "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema()",
		lockRow: " FOR UPDATE",
	}
}

// numbered turns question marks into $1, $2 and so on. No statement of this
// package has one in a text.
func numbered(query string) string {
	var b strings.Builder
	n := 0
	for part := range strings.SplitSeq(query, "?") {
		if n > 0 {
			b.WriteString("$" + strconv.Itoa(n))
		}
		b.WriteString(part)
		n++
	}
	return b.String()
}

// openPostgres connects to the server that dsn names. Its errors never show
// the dsn.
func openPostgres(ctx context.Context, dsn string, options Options) (*DB, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("want postgres://user@host:port/database, with parameters as libpq has them: %w", withoutDSN(err))
	}
	if config.MaxConns < minConns {
		return nil, fmt.Errorf("pool_max_conns=%d is too small: steps, queue and notifications need at least %d connections, more with more workers", config.MaxConns, minConns)
	}
	for name, value := range sessionSettings() {
		if config.ConnConfig.RuntimeParams[name] == "" {
			config.ConnConfig.RuntimeParams[name] = value
		}
	}
	c := config.ConnConfig
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 10 * time.Second
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("make the pool of connections: %w", withoutDSN(err))
	}
	db := &DB{
		now: options.Now, dialect: postgresDialect(), pool: pool, margin: options.Margin, follow: options.Follow,
		server: "postgres://" + net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))) + "/" + c.Database,
	}
	db.write = stdlib.OpenDBFromPool(pool)
	db.read = db.write
	return db, nil
}

// Pool is the pool of connections to PostgreSQL; nil for other databases.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// withoutDSN is the cause of a parse error, whose own text shows the dsn.
func withoutDSN(err error) error {
	parse, ok := errors.AsType[*pgconn.ParseConfigError](err)
	if !ok {
		return err
	}
	if cause := errors.Unwrap(parse); cause != nil {
		return cause
	}
	return errors.New("it cannot be read")
}

// postgresTx is a transaction that both packages take part in: database/sql,
// which this one's statements are written for, and pgx.
type postgresTx struct {
	*sql.Conn

	tx pgx.Tx
}

// joined runs do on the transaction as pgx has it. database/sql keeps its hands
// off the connection meanwhile, also those that close what a cancelled context
// left open.
func (t postgresTx) joined(do func(tx pgx.Tx) error) error {
	return t.Raw(func(any) error { return do(t.tx) })
}

func (db *DB) transactPostgres(ctx context.Context, readOnly bool, do func(tx querier) error) error {
	conn, err := db.write.Conn(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", explain(err))
	}
	defer conn.Close()
	options := pgx.TxOptions{IsoLevel: pgx.ReadCommitted}
	if readOnly {
		options = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	}
	var tx pgx.Tx
	err = conn.Raw(func(driver any) error {
		c, ok := driver.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("the driver is a %T", driver)
		}
		var err error
		tx, err = c.Conn().BeginTx(ctx, options)
		return err
	})
	if err != nil {
		return fmt.Errorf("begin: %w", explain(err))
	}
	t := postgresTx{conn, tx}
	if err := do(t); err != nil {
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		// A connection that cannot roll back is broken: pgx closes it, and the
		// server rolls back at its end.
		_ = t.joined(func(tx pgx.Tx) error { return tx.Rollback(limit) })
		return explain(err)
	}
	if err := t.joined(func(tx pgx.Tx) error { return tx.Commit(ctx) }); err != nil {
		return fmt.Errorf("commit: %w", explain(err))
	}
	return nil
}

// gaveWay reports that PostgreSQL ended the transaction because of another
// one; it did nothing, and may be tried again.
func gaveWay(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01")
}

// lock waits for an advisory lock that lasts until the end of the transaction.
// SQLite, which has one writer, needs none.
func (db *DB) lockFor(ctx context.Context, tx querier, key int64) error {
	if db.pool == nil {
		return nil
	}
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", key); err != nil {
		return fmt.Errorf("wait for the lock: %w", err)
	}
	return nil
}

// explainPostgres says what a person can do about an error of PostgreSQL
// (appendix A of its manual, "PostgreSQL Error Codes"); empty if it is not known.
func explainPostgres(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code {
		case "53100":
			return "the database server's disk is full: free space, the step will be tried again"
		case "53300":
			return "the database server has no connection left: raise max_connections, or lower pool_max_conns in the journal's URL"
		case "28P01", "28000":
			return "the database server refused user or password: check the journal's URL, PGPASSFILE and pg_hba.conf"
		case "3D000":
			return "the database does not exist: create it, and grant its user CREATE on it"
		case "42501":
			return "the database user lacks a permission: it must own the schema " + postgresSchema + ", or have CREATE on the database"
		case "25006":
			return "the database server is a standby: point the journal's URL at the primary (target_session_attrs=read-write)"
		case "57P01", "57P02", "57P03":
			return "the database server is stopping or starting: the step will be tried again"
		}
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return "the database server does not answer: check that it runs, and host and port in the journal's URL"
	}
	return ""
}
