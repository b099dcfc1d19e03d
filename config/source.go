package config

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"
)

// maxExcerpt is how many characters of a line an excerpt shows.
const maxExcerpt = 160

// place is where something stands in a file.
type place struct {
	line, column int // both from 1
	width        int // in characters, at least 1
}

func placeOf(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{1, 1, 1}
	}
	text, _, _ := strings.Cut(strings.TrimSpace(t.Origin), "\n")
	return place{max(1, t.Position.Line), max(1, t.Position.Column), max(1, utf8.RuneCountInString(text))}
}

// source is a file's text and what is known of its places while it is read.
// After Parse it is only read, so a Config stays safe to share.
type source struct {
	name  string
	lines []string
	// keys and values are the places of a path's key and of its value.
	keys, values map[string]place
	// bad has the paths whose value could not be used, so that no second error
	// is built upon a first one.
	bad map[string]bool
	// expanded has the values that came from elsewhere, by path.
	expanded map[string]string
	findings []Finding
}

func newSource(name string, data []byte) *source {
	return &source{
		name:     name,
		lines:    strings.Split(string(data), "\n"),
		keys:     map[string]place{},
		values:   map[string]place{},
		bad:      map[string]bool{},
		expanded: map[string]string{},
	}
}

// fail records an error at a path's value, or at the nearest place that the
// file does have.
func (s *source) fail(path, message, hint string) {
	s.failAt(s.locate(path), path, message, hint)
}

// failKey records an error at a path's key.
func (s *source) failKey(path, message, hint string) {
	at, ok := s.keys[path]
	if !ok {
		at = s.locate(path)
	}
	s.failAt(at, path, message, hint)
}

// spoil is fail for a value that later checks must not build upon.
func (s *source) spoil(path, message, hint string) {
	s.bad[path] = true
	s.fail(path, message, hint)
}

func (s *source) failAt(at place, path, message, hint string) {
	s.findings = append(s.findings, s.finding(at, path, message, hint))
}

func (s *source) finding(at place, path, message, hint string) Finding {
	return Finding{
		File: s.name, Line: at.line, Column: at.column, Path: path,
		Message: s.hide(path, message), Hint: s.hide(path, hint), Excerpt: s.excerpt(at),
	}
}

// usable reports whether a path and all that it lies in were read without an
// error.
func (s *source) usable(path string) bool {
	for path != "" {
		if s.bad[path] {
			return false
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return !s.bad[""]
}

// given reports whether the file itself has the path.
func (s *source) given(path string) bool {
	_, ok := s.values[path]
	return ok
}

// locate returns the place of a path or, where the file does not have it, of
// the nearest thing around it.
func (s *source) locate(path string) place {
	for ; path != ""; path = path[:max(0, strings.LastIndexAny(path, ".["))] {
		if at, ok := s.values[path]; ok {
			return at
		}
	}
	return place{1, 1, 1}
}

// hide takes out of a text what came from ${file:…} or ${env:…}, and parts of
// it too: messages quote the part that is wrong. At the path that holds the
// value few letters in common are enough, elsewhere only as many as no ordinary
// word has. The order of paths is fixed, so that the text is too.
func (s *source) hide(path, text string) string {
	const hereLetters, elsewhereLetters = 4, 8
	for _, at := range sortedKeys(s.expanded) {
		value := s.expanded[at]
		letters := elsewhereLetters
		if at == path {
			letters = min(hereLetters, len(value))
		}
		quoted := strconv.Quote(value)
		text = hideParts(text, quoted[1:len(quoted)-1], letters)
		text = hideParts(text, value, letters)
	}
	return text
}

// hideParts replaces every part of text that has at least so many bytes in a
// row in common with value.
func hideParts(text, value string, letters int) string {
	if letters == 0 || value == "" {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		n := letters
		if i+n > len(text) || !strings.Contains(value, text[i:i+n]) {
			b.WriteByte(text[i])
			i++
			continue
		}
		for i+n < len(text) && strings.Contains(value, text[i:i+n+1]) {
			n++
		}
		b.WriteString(redacted)
		i += n
	}
	return b.String()
}

// excerpt renders the line of a place with a caret below it.
func (s *source) excerpt(at place) string {
	if at.line > len(s.lines) {
		return ""
	}
	line := []rune(printable(mask(strings.TrimRight(s.lines[at.line-1], "\r"))))
	column := min(at.column-1, len(line))
	if len(line) == 0 {
		return ""
	}
	width := max(1, min(at.width, len(line)-column))
	if from := max(0, column-maxExcerpt/2); len(line) > maxExcerpt {
		line = line[from:min(len(line), from+maxExcerpt)]
		column -= from
		width = max(1, min(width, len(line)-column))
	}
	number := strconv.Itoa(at.line)
	gutter := strings.Repeat(" ", max(0, 5-len(number)))
	caret := strings.Repeat(" ", column) + strings.Repeat("^", width)
	return gutter + number + " | " + string(line) + "\n      | " + caret
}

// printable replaces what would move the caret or drive a terminal.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, line)
}

// sensitive matches what an excerpt must not show even in a file that cannot be
// parsed: the password in a URL, and values of keys that sound like secrets.
// `secret:` alone is not among them: it names a place in Secrets Manager.
func sensitive() []*regexp.Regexp {
	return []*regexp.Regexp{
		regexp.MustCompile(`://[^@/\s:]*:([^@\s]*)@`),
		regexp.MustCompile(`(?i)(?:passw|token|external_id|client_secret|api_?key|(?:secret_access|secret|private|signing)_key)\w*["']?\s*[:=]\s*("[^"]*"?|'[^']*'?|[^\s,}#]+)`),
	}
}

// mask replaces every character of a sensitive value by an asterisk, which
// keeps columns where they are. A value that only refers to another place is
// left as it is.
func mask(line string) string {
	for _, pattern := range sensitive() {
		for _, at := range pattern.FindAllStringSubmatchIndex(line, -1) {
			value := line[at[2]:at[3]]
			if strings.HasPrefix(strings.Trim(value, `"'`), "${") {
				continue
			}
			stars := strings.Repeat("*", utf8.RuneCountInString(value))
			// Padding keeps later byte offsets of this pattern valid.
			line = line[:at[2]] + stars + strings.Repeat("\x00", len(value)-len(stars)) + line[at[3]:]
		}
		line = strings.ReplaceAll(line, "\x00", "")
	}
	return line
}
