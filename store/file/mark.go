package file

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/keyrotator/keyrotator/store"
)

// The mark says which credentials in a file are ours. It is written, synced and
// renamed into place before the file itself is, and it names what the file is
// about to hold as well as what of ours it holds now. A credential counts as
// ours only if the mark names it. So at every point where a crash can stop:
//
//	crash after …            the file holds   the mark names     so the file is
//	nothing                  old              old                ours as before
//	mark's temporary file    old              old                ours as before
//	mark's rename            old              new and old        ours as before
//	  (adopting)             foreign          new                still foreign
//	  (first filling)        nothing          new                empty, fillable
//	file's temporary file    like the line above it
//	file's rename            new              new and old        ours
//
// A mark without the file, or one that names something else than the file
// holds, claims nothing: a person who puts another key there, or another file,
// is not overruled. A file that we wrote is never without its mark.

// version is the number of the mark file's format.
const version = 1

// marks is the content of a mark file. It holds no secret.
type marks struct {
	// Version tells formats apart; a newer one is refused.
	Version int `json:"version"`
	// Places has a mark for each place in the document, as Payload.Place
	// names it.
	Places map[string]mark `json:"places"`
}

// mark is what we know of one place.
type mark struct {
	// Owner is the user whose credential the place holds.
	Owner string `json:"owner"`
	// Written are the traces (key ids, or hashes where a shape shows no key
	// id) of our own credentials that the place may hold: the one written
	// last, and the one that it replaced if that was ours too.
	Written []string `json:"written"`
	// Previous is the trace of what the last write replaced, ours or not.
	Previous string `json:"previous,omitempty"`
}

// owns reports whether the mark names the trace as ours.
func (m mark) owns(trace string) bool { return slices.Contains(m.Written, trace) }

// parseMarks reads a mark file's content; an empty one has no marks.
func parseMarks(content []byte) (marks, error) {
	if len(content) == 0 {
		return marks{Version: version}, nil
	}
	var m marks
	if err := json.Unmarshal(content, &m); err != nil {
		return marks{}, fmt.Errorf("%w: the mark beside the file is not readable; remove it and set adopt to take the file over", store.ErrForeign)
	}
	if m.Version != version {
		return marks{}, fmt.Errorf("%w: the mark beside the file has version %d, which this release does not know", store.ErrForeign, m.Version)
	}
	return m, nil
}

// with returns the marks with one of them replaced.
func (m marks) with(place string, next mark) marks {
	places := map[string]mark{place: next}
	for name, other := range m.Places {
		if name != place {
			places[name] = other
		}
	}
	return marks{Version: version, Places: places}
}

func (m marks) encode() ([]byte, error) {
	content, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode mark: %w", err)
	}
	return append(content, '\n'), nil
}

// standing is what a place holds, from our point of view.
type standing struct {
	// trace names the credential there, empty for none.
	trace string
	// owned says that it is ours.
	owned bool
}

// judge tells whether the place in the document may be written. ErrForeign if
// not.
func (s *Store) judge(document []byte, all marks) (standing, error) {
	trace, err := s.options.Payload.Trace(document)
	if err != nil {
		return standing{}, err
	}
	m := all.Places[s.options.Payload.Place()]
	switch {
	case trace == "":
		return standing{}, nil
	case m.Owner != "" && m.Owner != s.options.Owner:
		return standing{}, fmt.Errorf("%w: %s is marked as that of %s", store.ErrForeign, s.options.Payload.Place(), m.Owner)
	case m.owns(trace):
		return standing{trace, true}, nil
	case s.options.Adopt:
		return standing{trace, false}, nil
	}
	return standing{}, fmt.Errorf("%w: %s holds %s, which this program did not write; set adopt to take it over", store.ErrForeign, s.options.Payload.Place(), trace)
}

// nextMark makes the mark for a document that is about to be written.
func (s *Store) nextMark(now standing, document []byte) (mark, error) {
	trace, err := s.options.Payload.Trace(document)
	if err != nil {
		return mark{}, err
	}
	if trace == "" {
		return mark{}, errors.New("mark document: it holds no credential")
	}
	m := mark{Owner: s.options.Owner, Written: []string{trace}, Previous: now.trace}
	if now.owned && now.trace != trace {
		m.Written = append(m.Written, now.trace)
	}
	return m, nil
}
