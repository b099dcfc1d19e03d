package journal_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

// dumpedAt is the present of journals whose dumps are compared.
var dumpedAt = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func atRest() time.Time { return dumpedAt }

// sqliteOf opens a new file, sharedOf a new database.
func sqliteOf(t *testing.T) *journal.DB {
	t.Helper()
	return open(t, "sqlite://"+filepath.Join(t.TempDir(), "journal.db"), journal.Options{Exclusive: true, Now: atRest})
}

func sharedOf(t *testing.T) *journal.DB {
	t.Helper()
	return open(t, servers().DSN(t), journal.Options{Exclusive: true, Now: atRest})
}

// busy fills a journal with something of everything: a history, custody,
// requests handled and not, a pause of all, a claim that ran out, a canary.
func busy(t *testing.T, db *journal.DB) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := db.Append(t.Context(), rotator.Request{User: alice, Verb: rotator.RequestRotate, Why: "why <&> \u2028 \\u0000 \"é\""})
	must(err)
	_, err = db.Append(t.Context(), rotator.Request{User: rotator.AllUsers(), Verb: rotator.RequestPause})
	must(err)
	row, err := db.Claim(t.Context(), alice, "a", dumpedAt.Add(-2*time.Hour), time.Hour)
	must(err)
	row.Progress.Handled = 1
	row.Progress.Cycle = &rotator.Cycle{}
	row.Due = dumpedAt.Add(time.Minute + 7)
	row, err = db.Save(t.Context(), row, rotator.Change{
		Entries: []rotator.Entry{{Kind: rotator.KindNoted, At: dumpedAt.Add(-time.Hour + 3), Detail: "<é\x00\xff>"}, {Kind: rotator.KindHalted}},
		Seal:    map[rotator.KeyID][]byte{"AKIA1": {0, 1, 255}, "AKIA2": []byte("sealed")},
	})
	must(err)
	_, err = db.Save(t.Context(), row, rotator.Change{Entries: []rotator.Entry{{Kind: rotator.KindNoted}}})
	must(err)
	must(db.Wake(t.Context(), alice, dumpedAt))
	must(db.Register(t.Context(), rotator.User{Account: "prod", Name: "bob"}, dumpedAt))
	must(db.SetCanary(t.Context(), []byte("canary\x00\xfe")))
	_, err = db.Append(t.Context(), rotator.Request{User: alice, Verb: rotator.RequestPause})
	must(err)
}

// exported is a journal's dump.
func exported(t *testing.T, db *journal.DB, o journal.ExportOptions) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := db.Export(t.Context(), &b, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func imported(t *testing.T, db *journal.DB, text string) {
	t.Helper()
	if _, err := db.Import(t.Context(), strings.NewReader(text), journal.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
}

// content reads every column of every table past the dump's own code.
func content(t *testing.T, db *journal.DB) map[string][]string {
	t.Helper()
	hex, sealed := "hex", "hex(substr(bytes, 4097))"
	if db.Pool() != nil {
		hex, sealed = "upper(encode", "upper(encode(bytes, 'hex'))"
	}
	bytesOf := func(column string) string {
		if db.Pool() != nil {
			return hex + "(" + column + ", 'hex'))"
		}
		return hex + "(" + column + ")"
	}
	number := func(column string) string { return "COALESCE(CAST(" + column + " AS TEXT), 'none')" }
	all := map[string][]string{}
	for table, columns := range map[string][]string{
		"users": {"account", "name", "phase", number("schema"), number("opened"), number("due"), number("wake"), number("version"), "owner",
			number("lease_until"), number("handled"), number("last_seq"), bytesOf("last_hash"), "body"},
		"history":  {"account", "name", number("seq"), number("at"), "kind", "body", bytesOf("prev"), bytesOf("hash")},
		"sealed":   {"account", "name", "key", sealed},
		"requests": {number("number"), "account", "name", "verb", number("pending"), number("at"), "body"},
		"meta":     {"name", bytesOf("value")},
	} {
		row := strings.Join(columns, " || '|' || ")
		all[table] = column(t, db, "SELECT "+row+" FROM "+table+" ORDER BY 1")
	}
	return all
}

func same(t *testing.T, what string, got, want *journal.DB) {
	t.Helper()
	g, w := content(t, got), content(t, want)
	if fmt.Sprint(g) != fmt.Sprint(w) {
		t.Errorf("%s has\n%v\nwant\n%v", what, g, w)
	}
}

func TestAJournalIsTheSameWhereverItWasMoved(t *testing.T) {
	first := sqliteOf(t)
	busy(t, first)
	before := exported(t, first, journal.ExportOptions{})
	second := sharedOf(t)
	imported(t, second, before)
	same(t, "PostgreSQL", second, first)
	between := exported(t, second, journal.ExportOptions{})
	third := sqliteOf(t)
	imported(t, third, between)
	same(t, "SQLite", third, first)
	if after := exported(t, third, journal.ExportOptions{}); after != before || between != before {
		t.Errorf("dumps differ:\n%s\n%s\n%s", before, between, after)
	}
	for name, db := range map[string]*journal.DB{"PostgreSQL": second, "SQLite": third} {
		if err := db.Verify(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		q, err := db.Append(t.Context(), rotator.Request{User: alice, Verb: rotator.RequestResume})
		if err != nil || q.Number != 4 {
			t.Errorf("%s: the next request has number %d, %v", name, q.Number, err)
		}
		row, err := db.Claim(t.Context(), alice, "b", dumpedAt, time.Minute)
		if err != nil || string(row.Sealed["AKIA1"]) != "\x00\x01\xff" || len(row.Requests) != 2 {
			t.Errorf("%s: alice: %v, %v", name, row, err)
		}
	}
}

func TestADumpThatIsNotWholeLeavesTheJournalEmpty(t *testing.T) {
	source := sqliteOf(t)
	busy(t, source)
	whole := exported(t, source, journal.ExportOptions{})
	lines := strings.SplitAfter(strings.TrimSuffix(whole, "\n"), "\n")
	lines[len(lines)-1] += "\n"
	join := func(parts ...string) string { return strings.Join(parts, "") }
	cases := map[string]struct {
		text string
		want error
	}{
		"nothing":             {"", journal.ErrDump},
		"another file":        {"{}\n", journal.ErrDump},
		"no JSON":             {"sqlite\n", journal.ErrDump},
		"something behind":    {whole + "\n", journal.ErrDump},
		"an empty secret":     {resigned(strings.Replace(whole, `"bytes":"AAH/"`, `"bytes":""`, 1)), journal.ErrDump},
		"a changed byte":      {strings.Replace(whole, `"key":"AKIA1"`, `"key":"AKIA9"`, 1), journal.ErrDump},
		"an unknown field":    {strings.Replace(whole, `"live":`, `"dead":false,"live":`, 1), journal.ErrDump},
		"another version":     {strings.Replace(whole, `"version":1`, `"version":2`, 1), journal.ErrDump},
		"another schema":      {strings.Replace(whole, `"schema":1`, `"schema":99`, 1), journal.ErrSchema},
		"a dump beside":       {exported(t, source, journal.ExportOptions{Live: true}), journal.ErrLive},
		"a forged history":    {resigned(strings.Replace(whole, `\"kind\":\"halted\"`, `\"kind\":\"closed\"`, 1)), journal.ErrTampered},
		"a history cut short": {resigned(join(without(lines, `{"history":{"account":"prod","name":"alice","seq":3`)...)), journal.ErrDump},
	}
	for i := range lines {
		cases[fmt.Sprintf("the end cut off before line %d", i+1)] = struct {
			text string
			want error
		}{join(lines[:i]...), journal.ErrDump}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			db := open(t, "memory:", journal.Options{Now: atRest})
			if _, err := db.Import(t.Context(), strings.NewReader(c.text), journal.ImportOptions{}); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			for table, rows := range content(t, db) {
				if len(rows) > 0 {
					t.Errorf("%s has %v", table, rows)
				}
			}
		})
	}
}

// resigned computes the SHA-256 of a dump anew.
func resigned(text string) string {
	body, end, _ := strings.Cut(text, `{"end":`)
	sum := sha256.Sum256([]byte(body))
	head, _, _ := strings.Cut(end, `"sha256":"`)
	return body + `{"end":` + head + `"sha256":"` + hex.EncodeToString(sum[:]) + `"}}` + "\n"
}

func without(lines []string, prefix string) []string {
	var kept []string
	for _, line := range lines {
		if !strings.HasPrefix(line, prefix) {
			kept = append(kept, line)
		}
	}
	return kept
}

func TestOnlyAnEmptyJournalTakesAnImport(t *testing.T) {
	source := sqliteOf(t)
	busy(t, source)
	text := exported(t, source, journal.ExportOptions{})
	for name, db := range map[string]*journal.DB{"SQLite": sqliteOf(t), "PostgreSQL": sharedOf(t)} {
		imported(t, db, text)
		if _, err := db.Import(t.Context(), strings.NewReader(text), journal.ImportOptions{}); !errors.Is(err, journal.ErrNotEmpty) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	asked := sqliteOf(t)
	if _, err := asked.Append(t.Context(), rotator.Request{User: rotator.AllUsers(), Verb: rotator.RequestPause}); err != nil {
		t.Fatal(err)
	}
	if _, err := asked.Import(t.Context(), strings.NewReader(text), journal.ImportOptions{}); !errors.Is(err, journal.ErrNotEmpty) {
		t.Errorf("with a request: got %v", err)
	}
}
