package store

import (
	"errors"
	"fmt"
)

// Variable is one named value of a credential, as the places that hold
// variables rather than documents take it: CI systems, maps of a cluster or a
// vault. Its value may be the secret.
type Variable struct {
	Name  string
	value string
}

// RevealValue returns the value in the clear. Whoever calls it answers for
// where it goes: into a request to the store and nowhere else.
func (v Variable) RevealValue() string { return v.value }

// String shows the name alone.
func (v Variable) String() string { return v.Name + "=" + redacted }

// GoString hides the value from %#v.
func (v Variable) GoString() string { return "store.Variable{" + v.String() + "}" }

// Format hides the value from every verb.
func (v Variable) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, v.String()) }

// MarshalText hides the value from encoders.
func (v Variable) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Variables is how a credential becomes named values: one for each part that
// has a name, or a single one that holds a whole document.
//
// Places that take one variable at a time are not atomic. Of two variables the
// secret is written first and the id last, so that a reader who comes in
// between has the old id beside the new secret, which does not sign in, rather
// than a pair that seems whole; a single variable has no such moment.
type Variables struct {
	names  Names
	single string
	shape  Payload
}

// NewVariables writes each named part as a variable of its own.
func NewVariables(names Names) (Variables, error) {
	if _, err := names.parts(); err != nil {
		return Variables{}, err
	}
	return Variables{names: names}, nil
}

// NewSingleVariable writes one variable, whose value is a new document of the
// payload's shape.
func NewSingleVariable(name string, shape Payload) (Variables, error) {
	if name == "" || shape == nil {
		return Variables{}, errors.New("name the variable of a payload: name and shape are required")
	}
	return Variables{single: name, shape: shape}, nil
}

// Names lists the variables in the order in which they are to be written.
func (v Variables) Names() []string {
	if v.single != "" {
		return []string{v.single}
	}
	var names []string
	for _, name := range []string{v.names.Secret, v.names.SMTPPassword, v.names.KeyID, v.names.SMTPUser} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// Render returns the credential's variables in the order in which they are to
// be written: secrets before ids.
func (v Variables) Render(c Credential) ([]Variable, error) {
	if v.single != "" {
		document, err := Merge(v.shape, nil, c)
		if err != nil {
			return nil, err
		}
		return []Variable{{v.single, string(document)}}, nil
	}
	if c.KeyID() == "" || c.RevealSecret() == "" {
		return nil, errors.New("render credential: key id or secret is missing")
	}
	parts, err := v.names.parts()
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, p := range parts {
		values[p.name] = p.value(c)
	}
	var rendered []Variable
	for _, name := range v.Names() {
		rendered = append(rendered, Variable{name, values[name]})
	}
	return rendered, nil
}

// Trace names, without telling a secret, what the values found under the
// variables' names hold: the key id where one is shown, otherwise a hash. Absent
// values count as empty; it is empty when all are.
func (v Variables) Trace(values map[string]string) (string, error) {
	if v.single != "" {
		return v.shape.Trace([]byte(values[v.single]))
	}
	return v.names.trace(values), nil
}

// Readable reports whether Parse can give a credential back.
func (v Variables) Readable() bool {
	if v.single != "" {
		_, ok := v.shape.(ReadablePayload)
		return ok
	}
	return v.names.readable()
}

// Parse reads the credential from the values found under the variables' names;
// absent ones count as empty. ErrEmpty when there is none, ErrShape when there
// is half of one or something else.
func (v Variables) Parse(values map[string]string) (Credential, error) {
	if v.single == "" {
		return v.names.credential(values)
	}
	readable, ok := v.shape.(ReadablePayload)
	if !ok {
		return Credential{}, fmt.Errorf("%w: this shape cannot be read back", ErrShape)
	}
	if values[v.single] == "" {
		return Credential{}, ErrEmpty
	}
	return readable.Parse([]byte(values[v.single]))
}
