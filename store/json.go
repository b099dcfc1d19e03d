package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// JSON makes the payload of a JSON object with the credential in fields of its
// top level. Zero names mean access_key_id and secret_access_key. All other
// fields, their order, numbers and white space stay byte for byte; an object
// with a field twice, a document that is no object and one that is no UTF-8
// are refused. The result is a ReadablePayload if KeyID and Secret are named.
func JSON(n Names) (Payload, error) {
	if n == (Names{}) {
		n = Names{KeyID: "access_key_id", Secret: "secret_access_key"}
	}
	parts, err := n.parts()
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		if !utf8.ValidString(p.name) {
			return nil, fmt.Errorf("name the parts of a payload: %q is not UTF-8", p.name)
		}
	}
	shape := jsonShape{n, parts}
	if n.readable() {
		return readableJSON{shape}, nil
	}
	return shape, nil
}

// jsonShape edits; readableJSON reads as well.
type jsonShape struct {
	names Names
	parts []part
}

type readableJSON struct{ jsonShape }

// Place implements Payload.
func (s jsonShape) Place() string { return s.names.place("json") }

// Trace implements Payload.
func (s jsonShape) Trace(doc []byte) (string, error) {
	values, err := s.values(doc)
	if err != nil {
		return "", fmt.Errorf("read JSON document: %w", err)
	}
	return s.names.trace(values), nil
}

// Parse implements ReadablePayload.
func (s readableJSON) Parse(doc []byte) (Credential, error) {
	values, err := s.values(doc)
	if err != nil {
		return Credential{}, fmt.Errorf("read JSON document: %w", err)
	}
	c, err := s.names.credential(values)
	if err != nil {
		return Credential{}, fmt.Errorf("read JSON document: %w", err)
	}
	return c, nil
}

// values reads the named fields; null and absent ones are left out.
func (s jsonShape) values(doc []byte) (map[string]string, error) {
	_, text, err := splitMark(doc)
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return nil, err
	}
	o, err := scanObject(text)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, p := range s.parts {
		m, ok := o.member(p.name)
		if !ok {
			continue
		}
		var value *string
		if err := json.Unmarshal(text[m.value:m.end], &value); err != nil {
			return nil, fmt.Errorf("%w: field %q is not a string", ErrShape, p.name)
		}
		if value != nil {
			values[p.name] = *value
		}
	}
	return values, nil
}

// Render implements Payload.
func (s jsonShape) Render(doc []byte, c Credential) ([]byte, error) {
	mark, text, err := splitMark(doc)
	if err != nil {
		return nil, fmt.Errorf("render JSON document: %w", err)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		text = []byte("{}\n")
	}
	o, err := scanObject(text)
	if err != nil {
		return nil, fmt.Errorf("render JSON document: %w", err)
	}
	var e edits
	var added []byte
	for _, p := range s.parts {
		value := p.value(c)
		if !utf8.ValidString(value) {
			return nil, errors.New("render JSON document: credential is not UTF-8")
		}
		if m, ok := o.member(p.name); ok {
			e.replace(m.value, m.end, quoteJSON(value))
			continue
		}
		if len(o.members) > 0 || len(added) > 0 {
			added = append(added, ',')
		}
		added = slices.Concat(added, o.before(text, len(added) == 0), quoteJSON(p.name), o.colon(text), quoteJSON(value))
	}
	e.replace(o.lastEnd, o.lastEnd, added)
	return slices.Concat(mark, e.apply(text)), nil
}

// quoteJSON encodes a string without the escapes that are only needed in HTML,
// so that a value that was written plainly stays plain.
func quoteJSON(s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string and a buffer cannot fail
	return bytes.TrimRight(b.Bytes(), "\n")
}

// object is where the members of a JSON object lie in its text, as offsets.
type object struct {
	members []member
	// lastEnd is where a further member goes: behind the last one, or behind
	// the opening brace.
	lastEnd int
}

// member is one field of an object: its decoded name, where the white space
// before it, its name, the end of its name, its value and the value's end lie.
type member struct {
	name                           string
	space, key, keyEnd, value, end int
}

func (o object) member(name string) (member, bool) {
	i := slices.IndexFunc(o.members, func(m member) bool { return m.name == name })
	if i < 0 {
		return member{}, false
	}
	return o.members[i], true
}

// before returns the white space to put before a further member: what the last
// one has, or what a single one on the brace's line suggests.
func (o object) before(text []byte, first bool) []byte {
	if len(o.members) == 0 {
		if first {
			return nil
		}
		return []byte(" ")
	}
	m := o.members[len(o.members)-1]
	if space := text[m.space:m.key]; len(o.members) > 1 || bytes.ContainsRune(space, '\n') {
		return space
	}
	if m.value-m.keyEnd > 1 {
		return []byte(" ")
	}
	return nil
}

// colon returns what to put between a further member's name and value.
func (o object) colon(text []byte) []byte {
	if len(o.members) == 0 {
		return []byte(": ")
	}
	m := o.members[len(o.members)-1]
	return text[m.keyEnd:m.value]
}

// scanObject finds the members of the top-level object.
func scanObject(text []byte) (object, error) {
	if !utf8.Valid(text) {
		return object{}, fmt.Errorf("%w: not UTF-8", ErrShape)
	}
	var whole json.RawMessage
	if err := json.Unmarshal(text, &whole); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return object{}, fmt.Errorf("%w: not JSON at byte %d", ErrShape, syntax.Offset)
		}
		return object{}, fmt.Errorf("%w: not JSON", ErrShape)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return object{}, fmt.Errorf("%w: not a JSON object", ErrShape)
	}
	o := object{lastEnd: int(dec.InputOffset())}
	seen := map[string]bool{}
	for dec.More() {
		m, err := scanMember(dec, text, o.lastEnd)
		if err != nil {
			return object{}, err
		}
		if seen[m.name] {
			return object{}, fmt.Errorf("%w: a field occurs twice", ErrShape)
		}
		seen[m.name] = true
		o.members = append(o.members, m)
		o.lastEnd = m.end
	}
	return o, nil
}

// scanMember reads the next member, which begins somewhere behind from.
func scanMember(dec *json.Decoder, text []byte, from int) (member, error) {
	broken := fmt.Errorf("%w: not JSON", ErrShape)
	token, err := dec.Token()
	name, ok := token.(string)
	if err != nil || !ok {
		return member{}, broken
	}
	m := member{name: name, space: from, keyEnd: int(dec.InputOffset())}
	if comma := bytes.IndexByte(text[from:m.keyEnd], ','); comma >= 0 && len(bytes.TrimSpace(text[from:from+comma])) == 0 {
		m.space = from + comma + 1
	}
	m.key = m.space + bytes.IndexByte(text[m.space:m.keyEnd], '"')
	var value json.RawMessage
	if err := dec.Decode(&value); err != nil {
		return member{}, broken
	}
	m.end = int(dec.InputOffset())
	m.value = m.end - len(value)
	if m.key < m.space || m.value < m.keyEnd || !bytes.Equal(text[m.value:m.end], value) {
		return member{}, broken
	}
	return m, nil
}
