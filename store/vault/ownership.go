package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/keyrotator/keyrotator/store"
)

var errMissing = errors.New("the secret does not exist; write it once, or set create")

// ownerOf returns whose a secret is, empty for nobody's. Our mark counts if it
// names the credential that is there; somebody else's counts in any case.
func (s *Store) ownerOf(now *state) (string, error) {
	trace, err := s.trace(now.fields)
	if err != nil {
		return "", s.wrap("read", err)
	}
	if now.fields == nil || now.mark.owner != s.options.Owner || now.mark.names(trace) {
		return now.mark.owner, nil
	}
	return "", nil
}

// judge tells whether the secret may be written; ErrForeign if it is not ours. One
// whose present version was deleted holds nothing that could be lost.
func (s *Store) judge(now *state) error {
	if !now.exists {
		if s.options.Create {
			return nil
		}
		return s.wrap("write", errMissing)
	}
	switch owner, err := s.ownerOf(now); {
	case err != nil:
		return err
	case owner == s.options.Owner:
		return nil
	case owner != "":
		return s.wrap("write", fmt.Errorf("%w: it is marked as that of %s; remove %q from its custom metadata if that is over", store.ErrForeign, owner, ownerKey))
	case s.options.Adopt || now.fields == nil:
		return nil
	}
	return s.wrap("write", fmt.Errorf("%w: this program did not write its credential; set adopt to take it over", store.ErrForeign))
}

// Check implements store.Checker. It asks Vault for the permissions that a Put
// needs; a token whose policies do not let it ask is taken to have them.
func (s *Store) Check(ctx context.Context) error {
	now, err := s.read(ctx)
	if err != nil {
		return err
	}
	if err := s.judge(now); err != nil {
		return err
	}
	return s.checkPermissions(ctx, now)
}

func (s *Store) checkPermissions(ctx context.Context, now *state) error {
	needed := map[string][]string{s.data(): {"read", "update"}, s.metadata(): {"patch"}}
	if !now.exists {
		// The mark comes first: to Vault, a secret that has metadata is updated.
		needed[s.metadata()] = []string{"read", "create", "patch"}
	}
	out, err := s.options.Client.do(ctx, func(l *api.Logical) (*api.Secret, error) {
		return l.WriteWithContext(ctx, "sys/capabilities-self", map[string]any{"paths": []string{s.data(), s.metadata()}})
	})
	if status(err) == 403 {
		return nil
	}
	if err != nil || out == nil {
		return s.wrap("check", refusal(err, "update on sys/capabilities-self"))
	}
	var missing []string
	for _, path := range []string{s.data(), s.metadata()} {
		if lacking := lacking(needed[path], out.Data[path]); lacking != nil {
			missing = append(missing, strings.Join(lacking, ", ")+" on "+path)
		}
	}
	if missing != nil {
		return s.wrap("check", fmt.Errorf("%w: allow %s", store.ErrDenied, strings.Join(missing, ", and ")))
	}
	return nil
}

// lacking lists the capabilities that a token does not have on a path.
func lacking(needed []string, answer any) []string {
	given, _ := answer.([]any)
	if slices.Contains(given, any("root")) {
		return nil
	}
	var missing []string
	for _, capability := range needed {
		if !slices.Contains(given, any(capability)) {
			missing = append(missing, capability)
		}
	}
	return missing
}
