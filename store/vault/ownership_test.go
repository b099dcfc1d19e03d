package vault_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/vault"
)

func TestAKeyPutThereByHandIsNotOurs(t *testing.T) {
	w := newWorld(t)
	s := open(t, w.pair(t))
	put(t, s, older)
	w.seed(t, map[string]any{"AWS_ACCESS_KEY_ID": "AKIAFOREIGN", "AWS_SECRET_ACCESS_KEY": "foreign/secret"})
	if _, err := s.Put(t.Context(), newer); !errors.Is(err, store.ErrForeign) {
		t.Errorf("put: %v, want ErrForeign", err)
	}
	if held, err := s.Get(t.Context()); err != nil || held.Owner != "" {
		t.Errorf("owner %q, %v", held.Owner, err)
	}
}

func TestASecretWithoutACredentialIsTakenOverOnlyWhenAllowed(t *testing.T) {
	w := newWorld(t)
	w.seed(t, map[string]any{"other": "value"})
	o := w.pair(t)
	if _, err := open(t, o).Put(t.Context(), newer); !errors.Is(err, store.ErrForeign) {
		t.Errorf("put: %v, want ErrForeign", err)
	}
	if custom := w.metadata(t)["custom_metadata"]; custom != nil {
		t.Errorf("it was marked: %v", custom)
	}
	o.Adopt = true
	put(t, open(t, o), newer)
}

func TestEditingOtherFieldsLeavesItOurs(t *testing.T) {
	w := newWorld(t)
	s := open(t, w.pair(t))
	put(t, s, older)
	w.seed(t, map[string]any{"AWS_ACCESS_KEY_ID": "AKIAOLDER", "AWS_SECRET_ACCESS_KEY": "older/secret", "note": "by hand"})
	if receipt := put(t, s, older); receipt.Changed {
		t.Error("the same credential was written again")
	}
	put(t, s, newer)
	if w.fields(t)["note"] != "by hand" {
		t.Errorf("the secret holds %v", w.fields(t))
	}
	if before, err := s.Previous(t.Context()); err != nil || !before.Equal(older) {
		t.Errorf("previous: %v, %v", before, err)
	}
}

func TestASecretOfAnotherUserCanBeHandedOver(t *testing.T) {
	w := newWorld(t)
	put(t, open(t, w.pair(t)), older)
	o := w.pair(t)
	o.Owner, o.Adopt = "prod/other", true
	s := open(t, o)
	if _, err := s.Put(t.Context(), newer); !errors.Is(err, store.ErrForeign) || !strings.Contains(err.Error(), owner) {
		t.Fatalf("put: %v, want ErrForeign with the owner's name", err)
	}
	w.call(t, "PATCH", "secret/metadata/"+w.path, map[string]any{"custom_metadata": map[string]any{"keyrotator": nil}})
	put(t, s, newer)
	if held, err := s.Get(t.Context()); err != nil || held.Owner != "prod/other" {
		t.Errorf("owner %q, %v", held.Owner, err)
	}
}

func TestAWriteInterruptedBehindTheMarkLeavesItOurs(t *testing.T) {
	w := newWorld(t)
	put(t, open(t, w.pair(t)), older)
	ctx, cancel := context.WithCancel(t.Context())
	w.transport.during("PUT", "secret/data/"+w.path, 1, cancel)
	interrupted := open(t, w.pair(t))
	if _, err := interrupted.Put(ctx, newer); !errors.Is(err, store.ErrAmbiguous) || !errors.Is(err, context.Canceled) {
		t.Fatalf("put: %v, want ErrAmbiguous and Canceled", err)
	}
	if held, err := interrupted.Get(t.Context()); err != nil || held.Owner != owner || !held.Credential.Equal(older) {
		t.Errorf("get: %v of %q, %v", held.Credential, held.Owner, err)
	}
	put(t, open(t, w.pair(t)), newest)
}

func TestACheckNamesTheMissingCapabilities(t *testing.T) {
	w := newWorld(t)
	for _, x := range []struct {
		name, policy string
		filled       bool
		want         []string
	}{
		{"reading alone", `path "secret/data/tests/*" { capabilities = ["read"] }`, true, []string{"update on secret/data/", "patch on secret/metadata/"}},
		{"no patch", `path "secret/data/tests/*" { capabilities = ["read", "update"] }`, true, []string{"allow patch on secret/metadata/"}},
		{
			"nothing to make it with", `path "secret/data/tests/*" { capabilities = ["read", "update"] }
path "secret/metadata/tests/*" { capabilities = ["read", "patch"] }`, false, []string{"allow create on secret/metadata/"},
		},
		{"no look at the metadata", `path "secret/data/tests/*" { capabilities = ["read", "update"] }`, false, []string{"allow read on secret/metadata/"}},
		{"no reading", `path "secret/metadata/tests/*" { capabilities = ["create", "read", "patch"] }`, true, []string{"allow read on secret/data/"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWorld(t)
			w.call(t, "PUT", "sys/policies/acl/narrow", map[string]any{"policy": x.policy})
			w.call(t, "POST", "auth/approle/role/narrow", map[string]any{"token_policies": "narrow", "token_ttl": "1h"})
			o := w.pair(t)
			if x.filled {
				put(t, open(t, o), older)
			}
			before := w.transport.count("PUT auth/approle/login")
			o.Client = w.client(t, w.roleLogin(t, "narrow"))
			s := open(t, o)
			_, put := s.Put(t.Context(), newer)
			if !errors.Is(put, store.ErrDenied) {
				t.Errorf("put: %v, want ErrDenied", put)
			}
			err := s.Check(t.Context())
			if !errors.Is(err, store.ErrDenied) {
				t.Errorf("check: %v, want ErrDenied", err)
			}
			for _, want := range x.want {
				if err == nil || !strings.Contains(err.Error(), want+w.path) {
					t.Errorf("check: %v, want a sentence with %q", err, want+w.path)
				}
			}
			if logins := w.transport.count("PUT auth/approle/login") - before; logins != 1 {
				t.Errorf("%d logins: a denied call is no reason for another one", logins)
			}
		})
	}
	// What the token may not ask, it is taken to have.
	w.call(t, "PUT", "sys/policies/acl/silent", map[string]any{"policy": policy + `path "sys/capabilities-self" { capabilities = ["deny"] }`})
	w.call(t, "POST", "auth/approle/role/silent", map[string]any{"token_policies": "silent", "token_ttl": "1h"})
	o := w.pair(t)
	o.Client = w.client(t, w.roleLogin(t, "silent"))
	if err := open(t, o).Check(t.Context()); err != nil {
		t.Errorf("check without leave to ask: %v", err)
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	for name, change := range map[string]func(*vault.Options){
		"no client":        func(o *vault.Options) { o.Client = nil },
		"no mount":         func(o *vault.Options) { o.Mount = "" },
		"no path":          func(o *vault.Options) { o.Path = "" },
		"no owner":         func(o *vault.Options) { o.Owner = "" },
		"neither form":     func(o *vault.Options) { o.Field, o.Payload = "", nil },
		"half a form":      func(o *vault.Options) { o.Payload = nil },
		"both forms":       func(o *vault.Options) { o.Variables = newWorld(t).pair(t).Variables },
		"an endless owner": func(o *vault.Options) { o.Owner = strings.Repeat("x", 513) },
	} {
		o := newWorld(t).document(t)
		change(&o)
		if _, err := vault.New(o); err == nil {
			t.Errorf("New accepts %s", name)
		}
	}
}
