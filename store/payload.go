package store

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// MaxDocument is the largest document, in bytes, that a payload reads or
// writes. It is far above what any store holds (Secrets Manager: 65,536) and
// bounds what a hostile file can make us do.
const MaxDocument = 1 << 20

// ErrShape says that a document is not of the shape that the payload was
// configured for, or is one that readers would disagree about. It is never
// overwritten: a person has to look.
var ErrShape = errors.New("document has an unexpected shape")

// Payload is the shape a credential takes inside a document: a JSON object, a
// dotenv file, an AWS credentials file, whatever a template says. Payloads are
// immutable and safe for concurrent use. None of their errors shows content of
// the document.
type Payload interface {
	// Render returns doc with the credential in its place and everything else
	// byte for byte as it was. An empty doc makes a new document. ErrShape
	// when doc cannot be edited safely.
	Render(doc []byte, c Credential) ([]byte, error)
	// Trace names, without telling a secret, what doc holds in the
	// credential's place: the key id where the shape shows one, otherwise a
	// hash. Empty when the place is empty or doc is.
	Trace(doc []byte) (string, error)
	// Place names the part of a document that the credential takes, such as
	// `profile "ci"`. Payloads of different places can share a document.
	Place() string
}

// ReadablePayload is a payload that the credential can be read back from.
// Shapes that do not hold the raw secret (a template, SES SMTP alone) are not.
type ReadablePayload interface {
	Payload
	// Parse reads the credential. ErrEmpty when its place is empty, ErrShape
	// when it holds half a credential or something else.
	Parse(doc []byte) (Credential, error)
}

// Names says under which names the parts of a credential are written in a JSON
// object or a dotenv file. A part without a name is left out; without KeyID or
// Secret the payload cannot be read back.
type Names struct {
	// KeyID and Secret name the access key id and the secret access key.
	KeyID, Secret string
	// SMTPUser and SMTPPassword name the SES SMTP user, which is the key id,
	// and the password, which is derived from the secret for SMTPRegion.
	SMTPUser, SMTPPassword string
	// SMTPRegion is the AWS Region that the SMTP password is for; required
	// with SMTPPassword.
	SMTPRegion string
}

// Merge renders the credential into doc and proves, for a payload that can be
// read, that it reads back before anything is written anywhere.
func Merge(p Payload, doc []byte, c Credential) ([]byte, error) {
	if c.KeyID() == "" || c.RevealSecret() == "" {
		return nil, errors.New("render credential: key id or secret is missing")
	}
	out, err := p.Render(doc, c)
	if err != nil {
		return nil, err
	}
	if len(out) > MaxDocument {
		return nil, fmt.Errorf("render credential: %w: more than %d bytes", ErrShape, MaxDocument)
	}
	if r, ok := p.(ReadablePayload); ok {
		back, err := r.Parse(out)
		if err != nil {
			return nil, fmt.Errorf("read back rendered credential: %w", err)
		}
		if !back.Equal(c) {
			return nil, fmt.Errorf("read back rendered credential: %w: it differs", ErrShape)
		}
	}
	return out, nil
}

// part is one named value that a credential is written as.
type part struct {
	name  string
	value func(Credential) string
}

// parts lists what is to be written, in the order new documents get it.
func (n Names) parts() ([]part, error) {
	var parts []part
	add := func(name string, value func(Credential) string) {
		if name != "" {
			parts = append(parts, part{name, value})
		}
	}
	add(n.KeyID, Credential.KeyID)
	add(n.Secret, Credential.RevealSecret)
	add(n.SMTPUser, Credential.KeyID)
	add(n.SMTPPassword, func(c Credential) string { return SMTPPassword(c.RevealSecret(), n.SMTPRegion) })
	if n.Secret == "" && n.SMTPPassword == "" {
		return nil, errors.New("name the parts of a payload: neither the secret nor the SMTP password has a name")
	}
	if (n.SMTPPassword != "") != (n.SMTPRegion != "") {
		return nil, errors.New("name the parts of a payload: an SMTP password and its Region go together")
	}
	seen := map[string]bool{}
	for _, p := range parts {
		if seen[p.name] {
			return nil, fmt.Errorf("name the parts of a payload: %q names two parts", p.name)
		}
		seen[p.name] = true
	}
	return parts, nil
}

// readable reports whether a document under these names gives the credential
// back.
func (n Names) readable() bool { return n.KeyID != "" && n.Secret != "" }

// place renders the names for Payload.Place.
func (n Names) place(shape string) string {
	var names []string
	for _, name := range []string{n.KeyID, n.Secret, n.SMTPUser, n.SMTPPassword} {
		if name != "" {
			names = append(names, name)
		}
	}
	return shape + " " + strings.Join(names, ", ")
}

// trace turns the values found under the names into what Payload.Trace says.
// An absent value counts as empty.
func (n Names) trace(values map[string]string) string {
	for _, name := range []string{n.KeyID, n.SMTPUser} {
		if v := values[name]; name != "" && v != "" {
			return v
		}
	}
	return fingerprint(values[n.Secret] + values[n.SMTPPassword])
}

// credential pairs the values found under the names.
func (n Names) credential(values map[string]string) (Credential, error) {
	return pair(n.KeyID, values[n.KeyID], n.Secret, values[n.Secret])
}

// pair makes a credential of two values read under two names, of which both or
// none may be empty.
func pair(idName, id, secretName, secret string) (Credential, error) {
	switch {
	case id == "" && secret == "":
		return Credential{}, ErrEmpty
	case id == "":
		return Credential{}, fmt.Errorf("%w: %s is set but %s is not", ErrShape, secretName, idName)
	case secret == "":
		return Credential{}, fmt.Errorf("%w: %s is set but %s is not", ErrShape, idName, secretName)
	}
	return NewCredential(id, secret), nil
}

const byteOrderMark = "\xef\xbb\xbf"

// splitMark parts a byte order mark from the text behind it, which some
// editors put there and which has to stay.
func splitMark(doc []byte) (mark, text []byte, err error) {
	if len(doc) > MaxDocument {
		return nil, nil, fmt.Errorf("%w: more than %d bytes", ErrShape, MaxDocument)
	}
	if bytes.HasPrefix(doc, []byte(byteOrderMark)) {
		return doc[:len(byteOrderMark)], doc[len(byteOrderMark):], nil
	}
	return nil, doc, nil
}
