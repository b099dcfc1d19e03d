package store

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Dotenv makes the payload of a file of NAME=value lines, as read by shells,
// docker and dotenv libraries. Zero names mean AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY. Other lines, comments, order, an export before a name,
// quotes around a value and the comment behind it stay. Where such readers
// would disagree (a variable set twice, a quote without end, a continued line,
// an expansion in the value) the file is refused. The result is a
// ReadablePayload if KeyID and Secret are named.
func Dotenv(n Names) (Payload, error) {
	if n == (Names{}) {
		n = Names{KeyID: "AWS_ACCESS_KEY_ID", Secret: "AWS_SECRET_ACCESS_KEY"}
	}
	parts, err := n.parts()
	if err != nil {
		return nil, err
	}
	name := regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	for _, p := range parts {
		if !name.MatchString(p.name) {
			return nil, fmt.Errorf("name the parts of a payload: %q is no variable name", p.name)
		}
	}
	shape := dotenvShape{n, parts, regexp.MustCompile(`^[ \t]*(export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=`)}
	if n.readable() {
		return readableDotenv{shape}, nil
	}
	return shape, nil
}

// dotenvShape edits; readableDotenv reads as well.
type dotenvShape struct {
	names Names
	parts []part
	// start matches the start of a line that assigns, up to the = sign.
	start *regexp.Regexp
}

type readableDotenv struct{ dotenvShape }

// Place implements Payload.
func (s dotenvShape) Place() string { return s.names.place("dotenv") }

// Trace implements Payload.
func (s dotenvShape) Trace(doc []byte) (string, error) {
	values, err := s.values(doc)
	if err != nil {
		return "", fmt.Errorf("read dotenv file: %w", err)
	}
	return s.names.trace(values), nil
}

// Parse implements ReadablePayload.
func (s readableDotenv) Parse(doc []byte) (Credential, error) {
	values, err := s.values(doc)
	if err != nil {
		return Credential{}, fmt.Errorf("read dotenv file: %w", err)
	}
	c, err := s.names.credential(values)
	if err != nil {
		return Credential{}, fmt.Errorf("read dotenv file: %w", err)
	}
	return c, nil
}

func (s dotenvShape) values(doc []byte) (map[string]string, error) {
	_, text, err := splitMark(doc)
	if err != nil {
		return nil, err
	}
	found, err := s.find(text)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for name, a := range found {
		value, err := a.plainValue(text)
		if err != nil {
			return nil, err
		}
		values[name] = value
	}
	return values, nil
}

// Render implements Payload.
func (s dotenvShape) Render(doc []byte, c Credential) ([]byte, error) {
	mark, text, err := splitMark(doc)
	if err != nil {
		return nil, fmt.Errorf("render dotenv file: %w", err)
	}
	found, err := s.find(text)
	if err != nil {
		return nil, fmt.Errorf("render dotenv file: %w", err)
	}
	var e edits
	var added []string
	export := ""
	for _, a := range found {
		if a.export {
			export = "export "
		}
	}
	for _, p := range s.parts {
		value := p.value(c)
		if !plain(value) || strings.ContainsRune(value, '\'') {
			return nil, errors.New("render dotenv file: credential has characters that cannot be quoted")
		}
		if a, ok := found[p.name]; ok {
			e.replace(a.value, a.end, []byte(quoteDotenv(value, a.quote(text))))
		} else {
			added = append(added, export+p.name+"="+quoteDotenv(value, 0))
		}
	}
	if len(added) > 0 {
		e.replace(len(text), len(text), addLines(text, added...))
	}
	return slices.Concat(mark, e.apply(text)), nil
}

// quoteDotenv writes a value in the given quotes (0 for none), or in single
// ones where those do not protect it.
func quoteDotenv(value string, quote byte) string {
	needsQuotes := strings.ContainsAny(value, "\"`$\\#;&|<>()*?[]{}~! ")
	switch {
	case quote == '\'' || needsQuotes:
		return "'" + value + "'"
	case quote == 0:
		return value
	}
	return string(quote) + value + string(quote)
}

// assignment is one NAME=value of a dotenv file: value to end is the value with
// its quotes.
type assignment struct {
	name       string
	export     bool
	number     int
	value, end int
	// odd says that more than white space or a comment follows the value's
	// quotes, so that only a shell can tell what it is.
	odd bool
}

// quote returns the quotation mark around the value, 0 for none.
func (a assignment) quote(text []byte) byte {
	if a.value < a.end && (text[a.value] == '"' || text[a.value] == '\'') {
		return text[a.value]
	}
	return 0
}

// plainValue returns the value if every reader agrees on what it is.
func (a assignment) plainValue(text []byte) (string, error) {
	value, quote := string(text[a.value:a.end]), a.quote(text)
	if quote != 0 {
		value = value[1 : len(value)-1]
	}
	special := "\"'`$\\#"
	if quote == '"' {
		special = "`$\\"
	} else if quote == '\'' {
		special = ""
	}
	if a.odd || strings.ContainsAny(value, special) || (value != "" && !plain(value)) {
		return "", fmt.Errorf("%w: line %d: value of %s is not a plain one", ErrShape, a.number, a.name)
	}
	return value, nil
}

// find returns the assignments of the named parts.
func (s dotenvShape) find(text []byte) (map[string]assignment, error) {
	lines, err := splitLines(text)
	if err != nil {
		return nil, err
	}
	found := map[string]assignment{}
	for i := 0; i < len(lines); i++ {
		a, ok := s.startAssignment(text, lines[i])
		if !ok {
			continue
		}
		last, err := a.endValue(text, lines, i)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(s.parts, func(p part) bool { return p.name == a.name }) {
			if earlier, twice := found[a.name]; twice {
				return nil, fmt.Errorf("%w: %s is set twice, in lines %d and %d", ErrShape, a.name, earlier.number, a.number)
			}
			if i > 0 && continues(text, lines[i-1]) {
				return nil, fmt.Errorf("%w: line %d continues into %s", ErrShape, a.number-1, a.name)
			}
			if last != i {
				return nil, fmt.Errorf("%w: line %d: value of %s spans lines", ErrShape, a.number, a.name)
			}
			if continues(text, lines[i]) {
				return nil, fmt.Errorf("%w: line %d ends in a backslash", ErrShape, a.number)
			}
			found[a.name] = a
		}
		i = last
	}
	return found, nil
}

// continues reports whether a shell would join the line with the next one.
func continues(text []byte, l line) bool {
	content := bytes.TrimLeft(text[l.start:l.end], " \t")
	return bytes.HasSuffix(content, []byte(`\`)) && !bytes.HasPrefix(content, []byte("#"))
}

// startAssignment recognises a line that assigns; where its value lies is not
// known yet.
func (s dotenvShape) startAssignment(text []byte, l line) (assignment, bool) {
	m := s.start.FindSubmatchIndex(text[l.start:l.end])
	if m == nil {
		return assignment{}, false
	}
	return assignment{
		name:   string(text[l.start+m[4] : l.start+m[5]]),
		export: m[2] >= 0,
		number: l.number,
		value:  l.start + m[1],
	}, true
}

// endValue finds where the value ends, which may be some lines further for a
// quoted one, and returns the index of that line. a.value is still right behind
// the = sign, and stays there for an empty value.
func (a *assignment) endValue(text []byte, lines []line, at int) (int, error) {
	a.value, a.end = trimValue(text, a.value, lines[at].end, "#")
	if a.value == a.end || strings.IndexByte("\"'`", text[a.value]) < 0 {
		return at, nil
	}
	quote := text[a.value]
	for i := a.value + 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote == '"':
			i++
		case text[i] == quote:
			a.end = i + 1
			for lines[at].next <= i {
				at++
			}
			rest := bytes.TrimSpace(text[a.end:lines[at].end])
			a.odd = len(rest) > 0 && rest[0] != '#'
			return at, nil
		}
	}
	return 0, fmt.Errorf("%w: line %d: quote without end", ErrShape, a.number)
}
