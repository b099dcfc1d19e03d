// Package seal turns credentials into bytes that only the holder of an
// identity can open, for the custody in the journal: it implements
// rotator.Sealer with age (age-encryption.org).
//
// The identity file lies beside the journal or, better, elsewhere: who has
// both can read every secret in custody, and who lost the identity has lost
// them all. It holds one identity or several. The first seals and all open,
// which is how an identity is changed: put a new one first, start the daemon
// once, whose Attend seals everything anew, then remove the old one.
package seal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

// Sentinels of this package.
var (
	// ErrNotOpened: the bytes were sealed for another identity or another user,
	// or are damaged.
	ErrNotOpened = errors.New("the sealed bytes do not open")
	// ErrWrongIdentity: the identity is not the one of this journal.
	ErrWrongIdentity = errors.New("the identity does not open what is in custody")
)

// sealedLimit bounds sealed bytes, in bytes; a sealed credential has about 500.
const sealedLimit = 64 << 10

// Age seals with age and X25519 identities. It is safe for concurrent use.
type Age struct {
	identities []*age.X25519Identity
}

var _ rotator.Sealer = (*Age)(nil)

// String tells the public key of the identity that seals.
func (a *Age) String() string { return "age identity " + a.identities[0].Recipient().String() }

// content is what is sealed: the credential and who it belongs to, so that
// bytes moved to another user's row do not open there.
type content struct {
	Version int    `json:"version"`
	Account string `json:"account"`
	Name    string `json:"name"`
	Key     string `json:"key"`
	Secret  string `json:"secret"`
}

const contentVersion = 1

// Seal implements rotator.Sealer.
func (a *Age) Seal(_ context.Context, user rotator.User, c store.Credential) ([]byte, error) {
	if user.Account == "" || user.Name == "" || c.KeyID() == "" || c.RevealSecret() == "" {
		return nil, fmt.Errorf("seal a credential of %q: user, key id or secret is empty", user.String())
	}
	text, err := json.Marshal(content{contentVersion, user.Account, user.Name, c.KeyID(), c.RevealSecret()}) //nolint:gosec // it is sealed next
	if err != nil {
		return nil, fmt.Errorf("seal a credential of %s: it cannot be encoded", user) // the cause may quote it
	}
	defer clear(text)
	sealed, err := a.encrypt(text)
	if err != nil {
		return nil, fmt.Errorf("seal a credential of %s: %w", user, err)
	}
	return sealed, nil
}

func (a *Age) encrypt(text []byte) ([]byte, error) {
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, a.identities[0].Recipient())
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return sealed.Bytes(), nil
}

// Unseal implements rotator.Sealer. It fails with ErrNotOpened; no error tells
// anything of the content but the user's own name.
func (a *Age) Unseal(_ context.Context, user rotator.User, sealed []byte) (store.Credential, error) {
	c, err := open(a.identities, sealed)
	switch {
	case err != nil:
		return store.Credential{}, fmt.Errorf("unseal a credential of %s: %w", user, err)
	case c.Account != user.Account || c.Name != user.Name:
		return store.Credential{}, fmt.Errorf("unseal a credential of %s: it was sealed for another user: %w", user, ErrNotOpened)
	}
	return store.NewCredential(c.Key, c.Secret), nil
}

// open decrypts and decodes. It hides the causes: they may quote the content.
func open(identities []*age.X25519Identity, sealed []byte) (content, error) {
	if len(sealed) > sealedLimit {
		return content{}, fmt.Errorf("%d bytes are too many: %w", len(sealed), ErrNotOpened)
	}
	keys := make([]age.Identity, len(identities))
	for i, identity := range identities {
		keys[i] = identity
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), keys...)
	if err != nil {
		if _, none := errors.AsType[*age.NoIdentityMatchError](err); none {
			return content{}, fmt.Errorf("no identity matches: %w", ErrNotOpened)
		}
		return content{}, fmt.Errorf("damaged: %w", ErrNotOpened)
	}
	text, err := io.ReadAll(r)
	defer clear(text)
	if err != nil {
		return content{}, fmt.Errorf("damaged: %w", ErrNotOpened)
	}
	var c content
	if err := json.Unmarshal(text, &c); err != nil {
		return content{}, fmt.Errorf("its content is of another program: %w", ErrNotOpened)
	}
	if c.Version != contentVersion || c.Key == "" || c.Secret == "" {
		return content{}, fmt.Errorf("its content is of form %d, this version knows %d: %w", c.Version, contentVersion, ErrNotOpened)
	}
	return c, nil
}
