package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/keyrotator/keyrotator/rotator"
)

// ErrTampered tells that a history is not the one that was written.
var ErrTampered = errors.New("the history was changed after it was written")

// Hash is the hash of one history row; the zero value stands before the first.
type Hash [sha256.Size]byte

// String renders the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText renders the hash in hexadecimal.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// HistoryEntry is one row of a user's history as it is stored.
type HistoryEntry struct {
	// Seq counts a user's entries from one, without gaps.
	Seq   int64         `json:"seq"`
	Entry rotator.Entry `json:"entry"`
	// Prev is the hash of the row before and Hash that of this one; see Link.
	Prev Hash `json:"prev"`
	Hash Hash `json:"hash"`
}

// chainName begins the input of every hash, so that it can be no other hash of
// this program.
const chainName = "keyrotator history 1\n"

// Link is the hash of a history row: SHA-256 over
//
//	"keyrotator history 1\n" ‖ prev ‖ account ‖ name ‖ seq ‖ body
//
// where prev is the 32 bytes of the row before (zeros for the first), account,
// name and body are each preceded by their length, and lengths and seq are
// eight bytes, the highest first. The body is the entry as canonical JSON,
// byte for byte as it is stored: the encoding of encoding/json, whose order is
// that of the struct's fields and, in maps, of the sorted keys.
//
// The chain shows a change to anybody who kept a later hash. It does not stop
// a writer who computes all later hashes anew; export the last hash of each
// user for that.
func Link(prev Hash, user rotator.User, seq int64, body []byte) Hash {
	in := make([]byte, 0, len(chainName)+len(prev)+4*8+len(user.Account)+len(user.Name)+len(body))
	in = append(in, chainName...)
	in = append(in, prev[:]...)
	in = appendSized(in, user.Account)
	in = appendSized(in, user.Name)
	in = binary.BigEndian.AppendUint64(in, uint64(seq))
	in = appendSized(in, string(body))
	return sha256.Sum256(in)
}

func appendSized(in []byte, text string) []byte {
	in = binary.BigEndian.AppendUint64(in, uint64(len(text)))
	return append(in, text...)
}

// link is a row of the table history.
type link struct {
	seq        int64
	at         stamp
	kind       rotator.Kind
	body       []byte
	prev, hash Hash
}

// extend chains entries to the record's history.
func (r record) extend(entries []rotator.Entry) ([]link, error) {
	links := make([]link, 0, len(entries))
	seq, prev := r.seq, r.hash
	for _, e := range entries {
		text, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("encode history entry %q: %w", string(e.Kind), err)
		}
		seq++
		l := link{seq: seq, at: stampOf(e.At), kind: e.Kind, body: text, prev: prev, hash: Link(prev, r.user, seq, text)}
		links, prev = append(links, l), l.hash
	}
	return links, nil
}

func (l link) entry(user rotator.User) (HistoryEntry, error) {
	h := HistoryEntry{Seq: l.seq, Prev: l.prev, Hash: l.hash}
	if err := json.Unmarshal(l.body, &h.Entry); err != nil {
		return HistoryEntry{}, fmt.Errorf("decode history row %d of %s: %w", l.seq, user, err)
	}
	return h, nil
}

// chain checks a user's history row by row, in order.
type chain struct {
	user rotator.User
	seq  int64
	hash Hash
}

// follow fails if l is not the row that was written after those before it.
func (c *chain) follow(l link) error {
	broken := func(why string) error {
		return fmt.Errorf("verify the history of %s, row %d: %s: %w", c.user, l.seq, why, ErrTampered)
	}
	switch {
	case l.seq != c.seq+1:
		return broken(fmt.Sprintf("row %d is missing", c.seq+1))
	case l.prev != c.hash:
		return broken("it does not follow the row before it")
	case l.hash != Link(l.prev, c.user, l.seq, l.body):
		return broken("its content does not match its hash")
	}
	h, err := l.entry(c.user)
	if err != nil {
		return broken("its content is not readable")
	}
	if h.Entry.Kind != l.kind || stampOf(h.Entry.At) != l.at {
		return broken("its columns do not match its content")
	}
	c.seq, c.hash = l.seq, l.hash
	return nil
}

// end fails if the row in users knows of another end of the history.
func (c *chain) end(r record) error {
	if c.seq != r.seq || c.hash != r.hash {
		return fmt.Errorf("verify the history of %s: it ends at row %d, the user's row knows of %d: %w", c.user, c.seq, r.seq, ErrTampered)
	}
	return nil
}
