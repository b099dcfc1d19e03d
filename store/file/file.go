// Package file writes a credential into a file on this machine: an AWS
// credentials file, a dotenv file, a JSON document or whatever a template
// says.
//
// A write replaces the file as a whole (temporary file in the same folder,
// fsync, rename, fsync of the folder), so that a reader sees the old document or
// the new one and a crash or a full disk leaves one of them intact.
//
// Who owns the credential in the file is told by a mark beside it, in
// .NAME.keyrotator (see mark.go for why its order of writing is safe).
// Writers of one file take turns by a lock on .NAME.keyrotator-lock, also
// across processes; whoever edits the file without that lock is noticed by
// comparing its content right before the rename.
package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/keyrotator/keyrotator/store"
)

// Kind is how the configuration spells this kind of store.
const Kind = "file"

// attempts bounds how often a Put starts again because the file changed under
// it.
const attempts = 3

// Options says what New needs to know.
type Options struct {
	// Path is the file; its folder has to exist. A symbolic link is followed
	// and its target replaced, so that the link stays.
	Path string
	// Payload is the document's shape. The store is a Reader if the payload is
	// a ReadablePayload.
	Payload store.Payload
	// Owner is the user, as "account/user", whose credential this is.
	Owner string
	// Adopt allows taking over a credential that is there without our mark.
	Adopt bool
	// Mode bounds the permissions of the file; zero means 0600. A new file gets
	// them, an existing one keeps those of its own that are among them. Others
	// than owner and group never get any.
	Mode fs.FileMode
}

// Store is a file that a credential is written to.
type Store struct {
	options Options
	// before is called ahead of each step that touches the disk, with the
	// step's name; an error stops there. Tests use it to break things; nil
	// otherwise.
	before func(step string) error
}

// Readable is a Store whose payload can be read back.
type Readable struct {
	*Store
	payload store.ReadablePayload
}

var (
	_ store.Checker = (*Store)(nil)
	_ store.Reader  = Readable{}
)

// New makes a store; it touches no file yet. The result is a Readable if the
// payload is a ReadablePayload, otherwise a *Store.
func New(o Options) (store.Store, error) {
	if o.Path == "" || o.Payload == nil || o.Owner == "" {
		return nil, errors.New("make file store: path, payload and owner are required")
	}
	if o.Mode == 0 {
		o.Mode = 0o600
	}
	if o.Mode&^0o770 != 0 || o.Mode&0o600 != 0o600 {
		return nil, fmt.Errorf("make file store: mode %#o has to let the owner read and write, and others nothing", o.Mode)
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, fmt.Errorf("make file store: %w", err)
	}
	o.Path = path
	s := &Store{options: o}
	if p, ok := o.Payload.(store.ReadablePayload); ok {
		return Readable{s, p}, nil
	}
	return s, nil
}

// Describe implements store.Store. The location is the path and the payload's
// place in the document, because several credentials can share a file.
func (s *Store) Describe() store.Description {
	return store.Description{Kind: Kind, Location: s.options.Path + "#" + s.options.Payload.Place()}
}

// Put implements store.Store. ErrAmbiguous when the file was replaced but the
// folder could not be synced, so that a power failure may bring the old one
// back.
func (s *Store) Put(ctx context.Context, c store.Credential) (store.Receipt, error) {
	receipt, err := s.put(ctx, c)
	if err != nil {
		return store.Receipt{}, s.wrap("write", err)
	}
	return receipt, nil
}

func (s *Store) put(ctx context.Context, c store.Credential) (store.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return store.Receipt{}, err
	}
	f, err := s.open()
	if err != nil {
		return store.Receipt{}, err
	}
	defer f.close()
	unlock, err := f.lock(ctx)
	if err != nil {
		return store.Receipt{}, err
	}
	defer unlock()
	for range attempts {
		receipt, err := s.replace(ctx, f, c)
		if !errors.Is(err, store.ErrConflict) {
			return receipt, err
		}
	}
	return store.Receipt{}, store.ErrConflict
}

// replace is one attempt: read, judge, mark, write. ErrConflict when the file
// changed between reading and writing.
func (s *Store) replace(ctx context.Context, f *place, c store.Credential) (store.Receipt, error) {
	was, err := f.read(f.name)
	if err != nil {
		return store.Receipt{}, err
	}
	if err := was.keepable(); err != nil {
		return store.Receipt{}, err
	}
	marks, err := f.readMarks()
	if err != nil {
		return store.Receipt{}, err
	}
	standing, err := s.judge(was.content, marks)
	if err != nil {
		return store.Receipt{}, err
	}
	document, err := store.Merge(s.options.Payload, was.content, c)
	if err != nil {
		return store.Receipt{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.Receipt{}, err
	}
	changed := !bytes.Equal(document, was.content)
	if !changed && standing.owned {
		// The write that brought it here may have ended before this.
		return store.Receipt{}, f.syncFolder("file")
	}
	next, err := s.nextMark(standing, document)
	if err != nil {
		return store.Receipt{}, err
	}
	if err := f.writeMarks(marks.with(s.options.Payload.Place(), next), was); err != nil {
		return store.Receipt{}, err
	}
	if !changed {
		return store.Receipt{}, nil
	}
	return store.Receipt{Changed: true}, f.write(document, was, s.options.Mode)
}

// Get implements store.Reader. It takes no lock: the file is read before its
// mark, and marks are written before files, so the mark read knows the file.
func (r Readable) Get(ctx context.Context) (store.Held, error) {
	held, err := r.get(ctx)
	if err != nil {
		return store.Held{}, r.wrap("read", err)
	}
	return held, nil
}

func (r Readable) get(ctx context.Context) (store.Held, error) {
	if err := ctx.Err(); err != nil {
		return store.Held{}, err
	}
	f, err := r.open()
	if err != nil {
		return store.Held{}, err
	}
	defer f.close()
	is, err := f.read(f.name)
	if err != nil {
		return store.Held{}, err
	}
	if !is.exists {
		return store.Held{}, store.ErrEmpty
	}
	c, err := r.payload.Parse(is.content)
	if err != nil {
		return store.Held{}, err
	}
	marks, err := f.readMarks()
	if err != nil {
		return store.Held{}, err
	}
	m := marks.Places[r.options.Payload.Place()]
	held := store.Held{Credential: c}
	if m.owns(c.KeyID()) {
		held.Owner = m.Owner
	}
	if len(m.Written) > 0 && m.Written[0] == c.KeyID() {
		held.Previous = m.Previous
	}
	return held, nil
}

// Check implements store.Checker: the folder exists and can be written to, the
// file is a regular one of the right shape, its owner can be kept, and what it
// holds is ours or may be adopted.
func (s *Store) Check(ctx context.Context) error {
	if err := s.check(ctx); err != nil {
		return s.wrap("check", err)
	}
	return nil
}

func (s *Store) check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := s.open()
	if err != nil {
		return err
	}
	defer f.close()
	if err := writable(f.folder); err != nil {
		return fmt.Errorf("%w: folder %s cannot be written to (%w); give this process write permission there", store.ErrDenied, f.folder, err)
	}
	is, err := f.read(f.name)
	if err != nil {
		return err
	}
	if err := is.keepable(); err != nil {
		return err
	}
	marks, err := f.readMarks()
	if err != nil {
		return err
	}
	_, err = s.judge(is.content, marks)
	return err
}

// wrap says what was done to which file, and tells refused permission apart.
func (s *Store) wrap(doing string, err error) error {
	if errors.Is(err, fs.ErrPermission) && !errors.Is(err, store.ErrDenied) {
		err = fmt.Errorf("%w: %w", store.ErrDenied, err)
	}
	return fmt.Errorf("%s file %s: %w", doing, s.options.Path, err)
}
