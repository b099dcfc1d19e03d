package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// speech is the right to export what is said of users. It is a lock of
// PostgreSQL that lasts as long as the connection which took it.
type speech struct {
	mu   sync.Mutex
	conn *pgx.Conn
}

// Speaks reports whether this process is the one that exports what is said of
// users. Of all that share a journal in PostgreSQL, the first that asks is, for
// as long as its connection lives; any other database has but one daemon. It
// never waits for another process.
func (db *DB) Speaks(ctx context.Context) (bool, error) {
	if db.pool == nil {
		return true, nil
	}
	s := &db.speech
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		if s.conn.Ping(ctx) == nil {
			return true, nil
		}
		s.close()
	}
	pooled, err := db.pool.Acquire(ctx)
	if err != nil {
		return false, fmt.Errorf("ask who speaks of users: %w", explain(err))
	}
	s.conn = pooled.Hijack() // nobody else may end its session
	if err := s.limit(ctx); err != nil {
		s.close()
		return false, fmt.Errorf("ask who speaks of users: %w", explain(err))
	}
	var taken bool
	if err := s.conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", lockSpeak).Scan(&taken); err != nil {
		s.close()
		return false, fmt.Errorf("ask who speaks of users: %w", explain(err))
	}
	if !taken {
		s.close()
	}
	return taken, nil
}

// speechSilence is how long nobody may ask the speaker before another one may
// speak: a process that is frozen keeps its connection.
const speechSilence = "5min"

// limit has the server end the session of a speaker that nobody asks. Servers
// older than PostgreSQL 14 cannot.
func (s *speech) limit(ctx context.Context) error {
	if s.conn.Config().RuntimeParams["idle_session_timeout"] != "" {
		return nil // the DSN has one for all sessions
	}
	_, err := s.conn.Exec(ctx, "SET idle_session_timeout = '"+speechSilence+"'")
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "42704" { // undefined_object
		return nil
	}
	return err
}

func (s *speech) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.close()
}

// close gives the right up: the server frees a session's locks at its end.
func (s *speech) close() {
	if s.conn == nil {
		return
	}
	_ = s.conn.PgConn().Conn().Close() // a connection that is gone is closed
	s.conn = nil
}
