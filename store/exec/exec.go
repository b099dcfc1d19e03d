// Package exec hands a credential to a program of the operator's own, which
// writes it to wherever it belongs.
//
// The program is run with a verb as its first argument, the credential on its
// standard input and nothing secret anywhere else (see package program for how,
// and for the exit codes). The verbs are
//
//   - put: write what standard input holds, so that whoever reads afterwards
//     sees it;
//   - check: say by the exit code whether put would be taken, and change
//     nothing;
//   - get, where the configuration says reads: print the mark of the owner on a
//     line of its own, empty for none, and after it what the place holds.
//
// The program owns the mark: put has to write KEYROTATOR_USER beside the
// document wherever the place can keep it. With get, this package judges by
// that mark whose the place is and does not write what is there already.
// Without get the program judges, and ends with the code for foreign. What a
// reader may see in between is the program's to say; the document is written as
// a whole and nothing else of the place is kept.
package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/program"
)

// Kind is how the configuration spells this kind of store.
const Kind = "exec"

// ownerMark is account/user, the form of every mark of ours.
var ownerMark = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}/[\w+=,.@-]{1,64}$`)

// Options says what New needs to know.
type Options struct {
	Program *program.Program
	// Payload is the shape of what the program reads and prints.
	Payload store.Payload
	// Owner is the user, as "account/user", whose credential this is.
	Owner string
	// Adopt allows taking over a credential that is there without our mark.
	Adopt bool
	// Reads says that the program knows the verb get.
	Reads bool
}

// Store is a program that a credential is handed to.
type Store struct{ options Options }

// Readable is a Store whose program knows get and whose payload can be read
// back.
type Readable struct {
	*Store
	payload store.ReadablePayload
}

var (
	_ store.Checker = (*Store)(nil)
	_ store.Reader  = Readable{}
)

// New makes a store; it runs nothing. The result is a Readable if the program
// reads and the payload is a ReadablePayload, otherwise a *Store.
func New(o Options) (store.Store, error) {
	if o.Program == nil || o.Payload == nil || !ownerMark.MatchString(o.Owner) {
		return nil, errors.New("make exec store: program, payload and an owner of the form account/user are required")
	}
	s := &Store{o}
	if p, ok := o.Payload.(store.ReadablePayload); ok && o.Reads {
		return Readable{s, p}, nil
	}
	return s, nil
}

// Describe implements store.Store. The location is the command.
func (s *Store) Describe() store.Description {
	return store.Description{Kind: Kind, Location: s.options.Program.String()}
}

// Put implements store.Store. ErrAmbiguous when the program was killed or ended
// with a code that tells nothing: the same Put settles it.
func (s *Store) Put(ctx context.Context, c store.Credential) (store.Receipt, error) {
	receipt, err := s.put(ctx, c)
	return receipt, s.wrap("write", err)
}

func (s *Store) put(ctx context.Context, c store.Credential) (store.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return store.Receipt{}, err
	}
	document, err := store.Merge(s.options.Payload, nil, c)
	if err != nil {
		return store.Receipt{}, err
	}
	if s.options.Reads {
		present, err := s.get(ctx)
		switch {
		case errors.Is(err, store.ErrEmpty):
		case err != nil:
			return store.Receipt{}, err
		default:
			if err := s.judge(present); err != nil {
				return store.Receipt{}, err
			}
			if present.owner == s.options.Owner && bytes.Equal(present.document, document) {
				return store.Receipt{}, nil
			}
		}
	}
	facts := s.facts(ctx)
	facts["KEY_ID"] = c.KeyID()
	_, err = s.options.Program.Run(ctx, program.Call{Verb: "put", Facts: facts, Stdin: document, Secrets: []string{c.RevealSecret()}})
	if errors.Is(err, program.ErrFailed) || errors.Is(err, program.ErrPending) || errors.Is(err, store.ErrEmpty) {
		// Codes that a put has no use for tell nothing of what it did either.
		err = errors.Join(fmt.Errorf("%w: %s", store.ErrAmbiguous, err.Error()), ctx.Err())
	}
	if err != nil {
		return store.Receipt{}, err
	}
	return store.Receipt{Changed: true}, nil
}

// facts are what a program may have to know, none of it secret.
func (s *Store) facts(ctx context.Context) map[string]string {
	return map[string]string{
		"USER": s.options.Owner, "ADOPT": strconv.FormatBool(s.options.Adopt), "RECORDED": strconv.FormatBool(store.Recorded(ctx)),
	}
}

// content is what a program says that its place holds.
type content struct {
	owner    string
	document []byte
}

// get asks the program what the place holds. ErrEmpty for nothing.
func (s *Store) get(ctx context.Context) (content, error) {
	out, err := s.options.Program.Run(ctx, program.Call{Verb: "get", Facts: s.facts(ctx)})
	if err != nil {
		return content{}, err
	}
	return parse(out)
}

// parse reads what a program printed for get: the owner's mark on the first
// line, then the document. Whatever stands where the mark should and is none is
// not shown, for it may be the document.
func parse(out []byte) (content, error) {
	first, document, ok := bytes.Cut(out, []byte("\n"))
	first = bytes.TrimSuffix(first, []byte("\r"))
	switch {
	case !ok:
		return content{}, fmt.Errorf("%w: what get printed has no line for the mark of the owner before the document", store.ErrShape)
	case len(first) > 0 && !ownerMark.Match(first):
		return content{}, fmt.Errorf("%w: the first line that get printed is neither empty nor the mark of an owner, account/user", store.ErrShape)
	case len(document) == 0:
		return content{}, store.ErrEmpty
	}
	return content{string(first), document}, nil
}

// judge refuses a place that is not ours to write.
func (s *Store) judge(present content) error {
	switch {
	case present.owner == s.options.Owner:
		return nil
	case present.owner != "":
		return fmt.Errorf("%w: its mark names %s; remove the mark there to hand the place over", store.ErrForeign, present.owner)
	case s.options.Adopt:
		return nil
	default:
		return fmt.Errorf("%w: it has no mark of ours; set adopt: true to take it over", store.ErrForeign)
	}
}

// Get implements store.Reader.
func (r Readable) Get(ctx context.Context) (store.Held, error) {
	present, err := r.get(ctx)
	if err != nil {
		return store.Held{}, r.wrap("read", err)
	}
	c, err := r.payload.Parse(present.document)
	if err != nil {
		return store.Held{}, r.wrap("read", err)
	}
	return store.Held{Credential: c, Owner: present.owner}, nil
}

// Check implements store.Checker: it runs check and, where the program reads,
// get. ErrEmpty from the program means that it may write a place that holds
// nothing yet.
func (s *Store) Check(ctx context.Context) error {
	_, err := s.options.Program.Run(ctx, program.Call{Verb: "check", Facts: s.facts(ctx)})
	if err != nil && !errors.Is(err, store.ErrEmpty) {
		return s.wrap("check", err)
	}
	if !s.options.Reads {
		return nil
	}
	present, err := s.get(ctx)
	if err == nil {
		err = s.judge(present)
	}
	if errors.Is(err, store.ErrEmpty) {
		return nil
	}
	return s.wrap("check", err)
}

// wrap says what was being done to which store, and what to do about it.
func (s *Store) wrap(verb string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrDenied):
		err = fmt.Errorf("%w; give what the program runs as the permission that it names", err)
	case errors.Is(err, store.ErrForeign) && !s.options.Reads:
		err = fmt.Errorf("%w; set adopt: true if it is to be taken over, and remove the mark there if it is another user's", err)
	}
	return fmt.Errorf("%s store %s: %w", verb, s.Describe(), err)
}
