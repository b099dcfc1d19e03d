package secretsmanager

import (
	"bytes"
	"crypto/sha256"
	"strings"

	"github.com/google/uuid"
)

// AWS's own staging labels.
const (
	stageCurrent  = "AWSCURRENT"
	stagePending  = "AWSPENDING"
	stagePrevious = "AWSPREVIOUS"
)

// label begins the staging label that names the owner of the version written
// last.
const label = "keyrotator:"

// signed is how many of a version id's 16 bytes are hashed from the content;
// the others are the owner's signature on those.
const signed = 10

// version is one version of the secret; the zero value stands for a secret
// without one, or for no secret.
type version struct {
	arn, id  string
	stages   []string
	document []byte
	// binary says that the document was, and is to be, a SecretBinary.
	binary bool
}

// owner returns whom a version belongs to, as far as it can be told: the given
// user if they signed its id, else the one that a label names, else nobody.
func (v *version) owner(candidate string) string {
	if signedBy(v.id, candidate) {
		return candidate
	}
	return labelled(v.stages)
}

// labelled returns the owner that one of the labels names, empty for none.
func labelled(stages []string) string {
	for _, stage := range stages {
		if owner, ok := strings.CutPrefix(stage, label); ok {
			return owner
		}
	}
	return ""
}

// successor makes the version that replaces v. Its id, which is also the
// ClientRequestToken, depends on the key, on what was merged into and on the
// result: the same Put repeated is the same version, and a Put into something
// else is another one. The secret in the document cannot be searched for by the
// id, having far too much entropy.
func (v *version) successor(owner, keyID string, document []byte) *version {
	space := uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://github.com/keyrotator/keyrotator/store/secretsmanager"))
	hash := sha256.Sum256(document)
	name := strings.Join([]string{keyID, v.id, string(hash[:])}, "\x00")
	id := uuid.NewSHA1(space, []byte(name))
	copy(id[signed:], signature(id, owner))
	return &version{
		id:       id.String(),
		stages:   []string{stagePending, label + owner},
		document: document,
		binary:   v.binary,
	}
}

// signature derives the last bytes of a version id from its first ones and the
// owner. It proves nothing against malice (whoever may write the secret has
// won already); it tells our versions from others', to one in 2⁴⁸.
func signature(id uuid.UUID, owner string) []byte {
	hash := sha256.Sum256(append([]byte("keyrotator\x00"+owner+"\x00"), id[:signed]...))
	return hash[:len(id)-signed]
}

// signedBy reports whether an owner's store made the version id.
func signedBy(versionID, owner string) bool {
	id, err := uuid.Parse(versionID)
	return err == nil && id.Version() == 5 && bytes.Equal(id[signed:], signature(id, owner))
}
