package store

import "regexp"

// markWord finds marks: words of a description that begin with our name.
var markWord = regexp.MustCompile(`(?:^|\s)(keyrotator:\S*)`)

// markText is a whole mark. Neither an owner nor a key id holds a colon or a
// space.
var markText = regexp.MustCompile(`^keyrotator:([^\s:]+):([^\s:]+)$`)

// Mark is the word by which a value is ours, where the service keeps a
// description beside it: keyrotator:ACCOUNT/USER:KEYID. Written in the same call
// as the value, it names the owner and the key that was put there, so that a key
// which a person puts there by hand is not taken for ours. The zero Mark means
// that there is none.
type Mark struct {
	Owner, KeyID string
	// Unclear says that there is a mark, and that nobody can tell whose: it is
	// not whole, or there are two. Such a place is left alone.
	Unclear bool
}

// ParseMark finds the mark in a description.
func ParseMark(description string) Mark {
	words := markWord.FindAllStringSubmatch(description, -1)
	switch len(words) {
	case 0:
		return Mark{}
	case 1:
		if parts := markText.FindStringSubmatch(words[0][1]); parts != nil {
			return Mark{Owner: parts[1], KeyID: parts[2]}
		}
	}
	return Mark{Unclear: true}
}

// String renders the mark.
func (m Mark) String() string { return "keyrotator:" + m.Owner + ":" + m.KeyID }

// Valid reports whether the mark can be read back as it is.
func (m Mark) Valid() bool { return ParseMark(m.String()) == m }

// Into returns the description with the mark in the place of the one it has, or
// at its end; everything else stays.
func (m Mark) Into(description string) string {
	if at := markWord.FindStringSubmatchIndex(description); at != nil {
		return description[:at[2]] + m.String() + description[at[3]:]
	}
	if description == "" {
		return m.String()
	}
	return description + " " + m.String()
}
