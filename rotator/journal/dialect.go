package journal

import (
	"fmt"
	"net/url"
	"strings"

	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// dialect is everything in which databases differ. Statements are written with
// question marks and in the SQL that SQLite and PostgreSQL share.
type dialect struct {
	// driver is the name in database/sql.
	driver string
	// bind turns question marks into the driver's placeholders.
	bind func(query string) string
	// words replace the placeholders of migrations.
	words *strings.Replacer
	// foreign counts the tables of a database that is not a journal yet.
	foreign string
	// truncate empties the write-ahead log; empty if there is none to empty.
	truncate string
	// lockRow ends the query that reads a row which the transaction will write;
	// empty where there is one writer.
	lockRow string
	// pad is how many zeros stand before sealed bytes in their column.
	pad int
}

// sqlitePage is the page size of the database files this program makes.
const sqlitePage = 4096

// sqliteDialect pads sealed bytes by a page, so that they never lie in a page
// of the table's tree but in overflow pages of their own. When tree pages are
// balanced, SQLite moves rows and leaves copies in the space between, which
// secure_delete does not know of; overflow pages are not moved, and are
// overwritten when they are freed.
func sqliteDialect() dialect {
	return dialect{
		driver:   "sqlite",
		bind:     func(query string) string { return query },
		words:    strings.NewReplacer("{{number}}", "INTEGER PRIMARY KEY AUTOINCREMENT", "{{bytes}}", "BLOB"),
		foreign:  "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
		truncate: "PRAGMA wal_checkpoint(TRUNCATE)",
		pad:      sqlitePage,
	}
}

// sqliteSource is the driver's name for the database file at path, which must
// exist; an empty path is a database in memory.
//
// Every commit reaches the disk (synchronous FULL), freed space is overwritten
// (secure_delete), nothing spills into temporary files, and a writer waits ten
// seconds for another.
func sqliteSource(path string, readOnly bool) string {
	query := url.Values{"_pragma": {
		fmt.Sprintf("page_size(%d)", sqlitePage),
		"busy_timeout(10000)", "synchronous(FULL)", "secure_delete(ON)",
		"foreign_keys(ON)", "temp_store(MEMORY)",
	}}
	file := "file::memory:"
	if path != "" {
		file = "file:" + (&url.URL{Path: path}).EscapedPath()
		query.Set("mode", "rw")
		query.Add("_pragma", "journal_mode(WAL)")
	}
	if readOnly {
		query.Add("_pragma", "query_only(ON)")
	} else {
		query.Set("_txlock", "immediate")
	}
	return file + "?" + query.Encode()
}
