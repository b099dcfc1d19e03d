package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/hook"
	"github.com/keyrotator/keyrotator/store/storetest"
	"github.com/keyrotator/keyrotator/store/webhook/webhooktest"
)

func payloads(t *testing.T) map[string]store.Payload {
	t.Helper()
	names := store.Names{KeyID: "AWS_ACCESS_KEY_ID", Secret: "AWS_SECRET_ACCESS_KEY"}
	document, err1 := store.JSON(names)
	dotenv, err2 := store.Dotenv(names)
	awsFile, err3 := store.NewAWSFile(store.AWSFile{Profile: "ci"})
	template, err4 := store.Template("id={{.KeyID}} secret={{.Secret}}\n")
	smtp, err5 := store.JSON(store.Names{SMTPUser: "user", SMTPPassword: "password", SMTPRegion: "eu-west-1"})
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	return map[string]store.Payload{"json": document, "dotenv": dotenv, "credentials": awsFile, "template": template, "json with SMTP": smtp}
}

// openAt makes a store at a receiver; edit changes its options.
func openAt(t *testing.T, r *webhooktest.Receiver, format string, payload store.Payload, edit func(*Options, *hook.Options)) *Store {
	t.Helper()
	o := Options{URL: r.URL + "/put", CheckURL: r.URL + "/check", SigningKeyID: webhooktest.SigningKeyID, Payload: payload, Format: format, Owner: storetest.Owner}
	h := hook.Options{Key: webhooktest.SigningKey, KeyID: webhooktest.SigningKeyID, Token: webhooktest.Token, Client: r.Client(), Pause: time.Millisecond, URLs: []string{o.URL, o.CheckURL}}
	if edit != nil {
		edit(&o, &h)
	}
	made, err := hook.New(h)
	if err != nil {
		t.Fatal(err)
	}
	o.Hook = made
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAReceiverConforms(t *testing.T) {
	for name, payload := range payloads(t) {
		for _, blind := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, blind %t", name, blind), func(t *testing.T) {
				storetest.Run(t, storetest.Harness{Payload: payload, WriteOnly: true, Unmarked: blind, NewPlace: func(t *testing.T) storetest.Place {
					return newPlace(t, strings.Fields(name)[0], payload, blind)
				}})
			})
		}
	}
}

func newPlace(t *testing.T, format string, payload store.Payload, blind bool) storetest.Place {
	t.Helper()
	r := webhooktest.New(t)
	r.Blind = blind
	return storetest.Place{
		Open: func(t *testing.T, owner string, adopt bool) store.Store {
			t.Helper()
			return openAt(t, r, format, payload, func(o *Options, _ *hook.Options) { o.Owner, o.Adopt = owner, adopt })
		},
		Seed: func(_ *testing.T, document []byte) {
			r.Mu.Lock()
			defer r.Mu.Unlock()
			r.Document, r.Owner = document, ""
		},
		Content: func(*testing.T) []byte {
			r.Mu.Lock()
			defer r.Mu.Unlock()
			return r.Document
		},
		Writes: func(*testing.T) int {
			r.Mu.Lock()
			defer r.Mu.Unlock()
			return r.Writes
		},
		LoseAnswer: func(_ *testing.T, n int) {
			r.Mu.Lock()
			defer r.Mu.Unlock()
			r.Lose = n
		},
	}
}

var credential = store.NewCredential("AKIAIOSFODNN7EXAMPLE", "canary/wJalrXUtnFEMI+K7MDENGbPxRfiC")

func TestARefusedWriteSaysWhatToDo(t *testing.T) {
	for _, x := range []struct {
		status int
		want   error
		says   string
	}{
		{http.StatusUnauthorized, store.ErrDenied, "signing key"},
		{http.StatusForbidden, store.ErrDenied, "signing key"},
		{http.StatusNotFound, hook.ErrRefused, "404"},
		{http.StatusConflict, store.ErrForeign, "adopt: true"},
		{http.StatusPreconditionFailed, store.ErrForeign, "adopt: true"},
		{http.StatusUnprocessableEntity, hook.ErrRefused, "422"},
	} {
		r := webhooktest.New(t)
		r.Status, r.Said = x.status, "got "+credential.RevealSecret()[7:20]
		s := openAt(t, r, "json", payloads(t)["json"], nil)
		_, err := s.Put(t.Context(), credential)
		checked := s.Check(t.Context())
		for _, err := range []error{err, checked} {
			if !errors.Is(err, x.want) || !strings.Contains(err.Error(), x.says) {
				t.Errorf("%d: %v", x.status, err)
			}
		}
		if strings.Contains(err.Error(), "wJalr") {
			t.Errorf("%d: the error shows the secret", x.status)
		}
		if len(r.IDs) != 2 {
			t.Errorf("%d: %d requests, want one for each", x.status, len(r.IDs))
		}
	}
}

func TestAReceiverKnowsUsByOurSignatureAndToken(t *testing.T) {
	for name, edit := range map[string]func(*Options, *hook.Options){
		"another key":         func(_ *Options, h *hook.Options) { h.Key = strings.Repeat("x", 32) },
		"an unknown key's id": func(_ *Options, h *hook.Options) { h.KeyID = "1" },
		"no token":            func(_ *Options, h *hook.Options) { h.Token = "" },
	} {
		t.Run(name, func(t *testing.T) {
			r := webhooktest.New(t)
			s := openAt(t, r, "json", payloads(t)["json"], edit)
			if _, err := s.Put(t.Context(), credential); !errors.Is(err, store.ErrDenied) || r.Document != nil {
				t.Errorf("put: %v", err)
			}
			if err := s.Check(t.Context()); !errors.Is(err, store.ErrDenied) {
				t.Errorf("check: %v", err)
			}
		})
	}
}

func TestACertificateThatNobodyVouchesForGetsNothing(t *testing.T) {
	r := webhooktest.New(t)
	s := openAt(t, r, "json", payloads(t)["json"], func(_ *Options, h *hook.Options) { h.Client = &http.Client{} })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := s.Check(ctx); err == nil || errors.Is(err, store.ErrAmbiguous) || !strings.Contains(err.Error(), "certificate") || len(r.IDs) != 0 {
		t.Errorf("check: %v", err)
	}
}

func TestWithoutACheckURLThePlaceIsAskedByOptions(t *testing.T) {
	for status, fine := range map[int]bool{0: true, 405: true, 501: true, 404: false, 403: false, 503: false} {
		r := webhooktest.New(t)
		r.Status = status
		s := openAt(t, r, "json", payloads(t)["json"], func(o *Options, _ *hook.Options) { o.CheckURL = "" })
		if err := s.Check(t.Context()); (err == nil) != fine || len(r.Methods) != 1 || r.Methods[0] != http.MethodOptions {
			t.Errorf("%d: %v after %q", status, err, r.Methods)
		}
	}
}

func TestTheSamePutHasTheSameIDWhoeverRepeatsIt(t *testing.T) {
	r := webhooktest.New(t)
	for _, c := range []store.Credential{credential, credential, store.NewCredential("AKIAOTHER", credential.RevealSecret())} {
		if _, err := openAt(t, r, "json", payloads(t)["json"], nil).Put(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.IDs) != 3 || r.IDs[0] != r.IDs[1] || r.IDs[1] == r.IDs[2] || strings.Contains(r.IDs[0], "canary") {
		t.Errorf("ids = %q", r.IDs)
	}
}
