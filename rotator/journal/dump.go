package journal

import (
	"errors"
	"time"
)

// A dump is a whole journal as JSON Lines: a header, the rows of the tables,
// and an end with how many there are and the SHA-256 of all lines before. It is
// the same whichever database it comes from. Histories are in it byte for byte,
// secrets in custody as they are sealed; the identity is not.

// dumpFormat and dumpVersion say what a file is. A change by which an older
// program would misread a dump takes a new version.
const (
	dumpFormat  = "keyrotator journal"
	dumpVersion = 1
)

// Sentinels of Export and Import.
var (
	// ErrMoved: the journal was exported for good and goes on elsewhere.
	ErrMoved = errors.New("the journal was moved")
	// ErrNotEmpty: only a journal without users and requests takes an import.
	ErrNotEmpty = errors.New("the journal is not empty")
	// ErrDump: the file is not a whole and unchanged dump that this version reads.
	ErrDump = errors.New("the file is not a whole journal")
	// ErrLive: the dump was made beside a daemon, which has gone on since.
	ErrLive = errors.New("the file was made while a daemon ran")
)

// Counts is how many rows of each table a dump has.
type Counts struct {
	Users    int `json:"users"`
	History  int `json:"history"`
	Sealed   int `json:"sealed"`
	Requests int `json:"requests"`
	Meta     int `json:"meta"`
}

// dumpLine is one line; one of its fields is set.
type dumpLine struct {
	Header  *dumpHeader  `json:"journal,omitempty"`
	User    *dumpUser    `json:"user,omitempty"`
	History *dumpHistory `json:"history,omitempty"`
	Sealed  *dumpSealed  `json:"sealed,omitempty"`
	Request *dumpRequest `json:"request,omitempty"`
	Meta    *dumpMeta    `json:"meta,omitempty"`
	End     *dumpEnd     `json:"end,omitempty"`
}

type dumpHeader struct {
	Format  string    `json:"format"`
	Version int       `json:"version"`
	Schema  int       `json:"schema"`
	At      time.Time `json:"at"`
	Live    bool      `json:"live"`
}

// The rows are the columns of the tables, instants included.

type dumpUser struct {
	Account  string `json:"account"`
	Name     string `json:"name"`
	Phase    string `json:"phase"`
	Schema   int    `json:"schema"`
	Opened   int    `json:"opened"`
	Due      *int64 `json:"due"`
	Wake     *int64 `json:"wake"`
	Version  int64  `json:"version"`
	Owner    string `json:"owner"`
	Lease    *int64 `json:"lease_until"`
	Handled  int64  `json:"handled"`
	LastSeq  int64  `json:"last_seq"`
	LastHash []byte `json:"last_hash"`
	Body     string `json:"body"`
}

type dumpHistory struct {
	Account string `json:"account"`
	Name    string `json:"name"`
	Seq     int64  `json:"seq"`
	At      *int64 `json:"at"`
	Kind    string `json:"kind"`
	Body    string `json:"body"`
	Prev    []byte `json:"prev"`
	Hash    []byte `json:"hash"`
}

type dumpSealed struct {
	Account string `json:"account"`
	Name    string `json:"name"`
	Key     string `json:"key"`
	Bytes   []byte `json:"bytes"`
}

type dumpRequest struct {
	Number  int64  `json:"number"`
	Account string `json:"account"`
	Name    string `json:"name"`
	Verb    string `json:"verb"`
	Pending int    `json:"pending"`
	At      *int64 `json:"at"`
	Body    string `json:"body"`
}

type dumpMeta struct {
	Name  string `json:"name"`
	Value []byte `json:"value"`
}

type dumpEnd struct {
	Counts

	// SHA256 is over all lines before, their line ends included, in hexadecimal.
	SHA256 string `json:"sha256"`
}

// ofThisDatabase names the rows of meta that tell of a database, not of the
// journal in it: they are in no dump.
func ofThisDatabase() []string { return []string{movedName, readableName, forceName} }

// rows counts the rows in the line.
func (l dumpLine) rows() int {
	n := 0
	for _, is := range []bool{l.User != nil, l.History != nil, l.Sealed != nil, l.Request != nil, l.Meta != nil} {
		if is {
			n++
		}
	}
	return n
}

// add counts a row.
func (c *Counts) add(l dumpLine) {
	switch {
	case l.User != nil:
		c.Users++
	case l.History != nil:
		c.History++
	case l.Sealed != nil:
		c.Sealed++
	case l.Request != nil:
		c.Requests++
	case l.Meta != nil:
		c.Meta++
	}
}
