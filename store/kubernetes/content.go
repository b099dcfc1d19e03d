package kubernetes

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/keyrotator/keyrotator/store"
)

// content is what of a Secret's data the credential takes: one key a part, or
// a single key that holds a document.
type content struct {
	variables store.Variables
	key       string
	payload   store.Payload
}

func (o Options) content() (content, error) {
	c := content{o.Variables, o.Key, o.Payload}
	document, parts := o.Key != "" && o.Payload != nil, len(o.Variables.Names()) > 0
	if document == parts || (o.Key != "") != (o.Payload != nil) {
		return content{}, errors.New("make kubernetes store: either variables, or one key and its payload")
	}
	return c, nil
}

// names lists the keys that are written.
func (c content) names() []string {
	if c.payload != nil {
		return []string{c.key}
	}
	return c.variables.Names()
}

// render returns the keys that hold the credential. Of a document, what is not
// the credential's stays as it is in data.
func (c content) render(data map[string][]byte, credential store.Credential) (map[string][]byte, error) {
	if c.payload != nil {
		document, err := store.Merge(c.payload, data[c.key], credential)
		return map[string][]byte{c.key: document}, err
	}
	rendered, err := c.variables.Render(credential)
	values := make(map[string][]byte, len(rendered))
	for _, v := range rendered {
		values[v.Name] = []byte(v.RevealValue())
	}
	return values, err
}

// trace names, without telling a secret, what data holds in the credential's
// place: the key id where one can be told, otherwise a hash. Empty for nothing.
func (c content) trace(data map[string][]byte) (string, error) {
	if c.payload != nil {
		return c.payload.Trace(data[c.key])
	}
	if credential, err := c.variables.Parse(c.strings(data)); err == nil {
		return credential.KeyID(), nil
	}
	hash, empty := sha256.New(), true
	for _, name := range c.names() {
		empty = empty && len(data[name]) == 0
		_, _ = hash.Write([]byte(name + "\x00" + string(data[name]) + "\x00")) // a hash takes everything
	}
	if empty {
		return "", nil
	}
	return "sha256:" + hex.EncodeToString(hash.Sum(nil)), nil
}

// parse reads the credential. ErrEmpty when there is none.
func (c content) parse(data map[string][]byte) (store.Credential, error) {
	if c.payload == nil {
		return c.variables.Parse(c.strings(data))
	}
	if len(data[c.key]) == 0 {
		return store.Credential{}, store.ErrEmpty
	}
	readable, ok := c.payload.(store.ReadablePayload)
	if !ok {
		return store.Credential{}, store.ErrShape
	}
	return readable.Parse(data[c.key])
}

// readable reports whether parse can give the credential back.
func (c content) readable() bool {
	if c.payload == nil {
		return c.variables.Readable()
	}
	_, ok := c.payload.(store.ReadablePayload)
	return ok
}

func (c content) strings(data map[string][]byte) map[string]string {
	values := map[string]string{}
	for _, name := range c.names() {
		values[name] = string(data[name])
	}
	return values
}
