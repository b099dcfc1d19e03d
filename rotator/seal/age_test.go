package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/seal"
	"github.com/keyrotator/keyrotator/store"
)

// canarySecret must be in no error and no file.
const canarySecret = "wJalrXUtnFEMI/K7MDENG/canary"

var (
	alice      = rotator.User{Account: "prod", Name: "alice"}
	bob        = rotator.User{Account: "prod", Name: "bob"}
	credential = store.NewCredential("AKIAIOSFODNN7EXAMPLE", canarySecret)
)

func open(t *testing.T, path string, options seal.Options) *seal.Age {
	t.Helper()
	a, err := seal.OpenAge(path, options)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// fresh makes an identity file and returns its path and sealer.
func fresh(t *testing.T) (string, *seal.Age) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "identity")
	return path, open(t, path, seal.Options{Create: true})
}

func sealed(t *testing.T, a *seal.Age, user rotator.User) []byte {
	t.Helper()
	text, err := a.Seal(t.Context(), user, credential)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSealedBytesOpenForTheirUserOnly(t *testing.T) {
	_, a := fresh(t)
	text := sealed(t, a, alice)
	if bytes.Contains(text, []byte(canarySecret)) || bytes.Contains(text, []byte(credential.KeyID())) {
		t.Fatal("the sealed bytes show what is in them")
	}
	got, err := a.Unseal(t.Context(), alice, text)
	if err != nil || !got.Equal(credential) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, user := range []rotator.User{bob, {Account: "test", Name: "alice"}, {}} {
		if got, err := a.Unseal(t.Context(), user, text); !errors.Is(err, seal.ErrNotOpened) || !got.IsZero() {
			t.Errorf("for %s: %v, %v, want ErrNotOpened", user, got, err)
		}
	}
	_, other := fresh(t)
	if _, err := other.Unseal(t.Context(), alice, text); !errors.Is(err, seal.ErrNotOpened) {
		t.Errorf("with another identity: %v, want ErrNotOpened", err)
	}
}

func TestNothingIsSealedForNobody(t *testing.T) {
	_, a := fresh(t)
	for name, c := range map[string]store.Credential{
		"no credential": {}, "no secret": store.NewCredential("AKIA", ""), "no key": store.NewCredential("", canarySecret),
	} {
		if _, err := a.Seal(t.Context(), alice, c); err == nil || strings.Contains(err.Error(), canarySecret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := a.Seal(t.Context(), rotator.User{Account: "prod"}, credential); err == nil || strings.Contains(err.Error(), canarySecret) {
		t.Errorf("no user: %v", err)
	}
}

func TestAnyChangedByteIsNoticed(t *testing.T) {
	_, a := fresh(t)
	text := sealed(t, a, alice)
	for i := range text {
		bad := bytes.Clone(text)
		bad[i] ^= 1
		if _, err := a.Unseal(t.Context(), alice, bad); !errors.Is(err, seal.ErrNotOpened) {
			t.Fatalf("byte %d changed: %v, want ErrNotOpened", i, err)
		}
		if _, err := a.Unseal(t.Context(), alice, text[:i]); !errors.Is(err, seal.ErrNotOpened) {
			t.Fatalf("cut at byte %d: %v, want ErrNotOpened", i, err)
		}
	}
}

func TestContentOfAnotherProgramIsRefusedWithoutShowingIt(t *testing.T) {
	path, a := fresh(t)
	for name, text := range map[string]string{
		"no JSON":      canarySecret,
		"a newer form": fmt.Sprintf(`{"version":2,"account":"prod","name":"alice","key":"AKIA","secret":%q}`, canarySecret),
		"no secret":    `{"version":1,"account":"prod","name":"alice","key":"AKIA"}`,
	} {
		_, err := a.Unseal(t.Context(), alice, encryptTo(t, path, text))
		if !errors.Is(err, seal.ErrNotOpened) || strings.Contains(err.Error(), canarySecret[:8]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// encryptTo seals any text for the first identity of the file.
func encryptTo(t *testing.T, path, text string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	identities, err := age.ParseIdentities(f)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, identities[0].(*age.X25519Identity).Recipient())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func FuzzUnseal(f *testing.F) {
	path := filepath.Join(f.TempDir(), "identity")
	a, err := seal.OpenAge(path, seal.Options{Create: true})
	if err != nil {
		f.Fatal(err)
	}
	good, err := a.Seal(f.Context(), alice, credential)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte("age-encryption.org/v1\n-> X25519 AAAA\n\n--- \n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := a.Unseal(t.Context(), alice, text)
		if err == nil && !bytes.Equal(text, good) {
			t.Errorf("opened bytes that were never sealed: %v", got)
		}
		if err != nil && (!errors.Is(err, seal.ErrNotOpened) || strings.Contains(err.Error(), canarySecret)) {
			t.Errorf("got %v, want ErrNotOpened without the secret", err)
		}
	})
}
