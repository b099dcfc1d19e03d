package store

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// edits are replacements of pieces of one text, which leave all the rest
// untouched.
type edits []edit

type edit struct {
	from, to int
	with     []byte
}

// replace notes that the bytes from (inclusive) to (exclusive) become with.
func (e *edits) replace(from, to int, with []byte) { *e = append(*e, edit{from, to, with}) }

// apply carries the replacements out; they must not overlap. Insertions at one
// offset keep the order they were noted in.
func (e edits) apply(text []byte) []byte {
	slices.SortStableFunc(e, func(a, b edit) int { return a.from - b.from })
	var out []byte
	at := 0
	for _, x := range e {
		out = append(append(out, text[at:x.from]...), x.with...)
		at = x.to
	}
	return append(out, text[at:]...)
}

// line is one line of a text: where it starts, where its text ends, and where
// the next one starts. The line's end mark lies between end and next.
type line struct {
	number, start, end, next int
}

// splitLines finds the lines of a text with \n or \r\n as their ends. A NUL
// byte (binary, UTF-16) and a lone carriage return, which is a line's end to
// some readers and none to others, are refused.
func splitLines(text []byte) ([]line, error) {
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, fmt.Errorf("%w: not a text file", ErrShape)
	}
	var lines []line
	for at := 0; at < len(text); {
		l := line{number: len(lines) + 1, start: at, end: len(text), next: len(text)}
		if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
			l.end, l.next = at+i, at+i+1
			if i > 0 && text[l.end-1] == '\r' {
				l.end--
			}
		}
		if bytes.IndexByte(text[l.start:l.end], '\r') >= 0 {
			return nil, fmt.Errorf("%w: line %d contains a carriage return", ErrShape, l.number)
		}
		lines = append(lines, l)
		at = l.next
	}
	return lines, nil
}

// lineEnd returns the end mark that a text uses: that of its first line.
func lineEnd(text []byte) []byte {
	if i := bytes.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		return []byte("\r\n")
	}
	return []byte("\n")
}

// addLines appends lines to a text, in its own manner of ending them.
func addLines(text []byte, lines ...string) []byte {
	end := lineEnd(text)
	var out []byte
	if len(text) > 0 && text[len(text)-1] != '\n' {
		out = append(out, end...)
	}
	for _, l := range lines {
		out = append(append(out, l...), end...)
	}
	return out
}

// plain reports whether a value consists of visible ASCII alone, as access key
// ids and secrets do. Line formats refuse everything else.
func plain(value string) bool {
	for i := range len(value) {
		if value[i] <= ' ' || value[i] > '~' {
			return false
		}
	}
	return value != ""
}

// trimValue narrows the piece of a line behind its = sign to the value: without
// the white space around it and without a comment, which begins with one of
// the marks behind white space. An empty value lies at the piece's start.
func trimValue(text []byte, from, to int, marks string) (int, int) {
	for i := from + 1; i < to; i++ {
		if strings.IndexByte(marks, text[i]) >= 0 && (text[i-1] == ' ' || text[i-1] == '\t') {
			to = i
			break
		}
	}
	piece := text[from:to]
	value := bytes.Trim(piece, " \t")
	if len(value) == 0 {
		return from, from
	}
	from += len(piece) - len(bytes.TrimLeft(piece, " \t"))
	return from, from + len(value)
}
