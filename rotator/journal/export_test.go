package journal

import (
	"context"
	"database/sql"
)

// WithFileSystem makes every directory look as if it were on a file system
// with the given magic number.
func (o Options) WithFileSystem(magic int64) Options {
	o.fileSystem = func(string) (int64, error) { return magic, nil }
	return o
}

// Write is the connection that writes.
func (db *DB) Write() *sql.DB { return db.write }

// Read are the connections that read.
func (db *DB) Read() *sql.DB { return db.read }

// Plan is what the database says of how it would run each query of Due.
func (db *DB) Plan(ctx context.Context) (map[string][]string, error) {
	plans := map[string][]string{}
	for query, args := range map[string][]any{
		dueQuery: {1, 1}, laterQuery: {1, 1}, leasedQuery: nil, waitingQuery: nil,
	} {
		err := db.view(ctx, func(tx querier) error {
			return db.each(ctx, tx, func(rows *sql.Rows) (bool, error) {
				var id, parent, unused int
				var detail string
				err := rows.Scan(&id, &parent, &unused, &detail)
				plans[query] = append(plans[query], detail)
				return true, err
			}, "EXPLAIN QUERY PLAN "+query, args...)
		})
		if err != nil {
			return nil, err
		}
	}
	return plans, nil
}

// ParseDSN returns the path that a DSN names.
func ParseDSN(dsn string) (string, error) { return parseDSN(dsn) }
