package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/keyrotator/keyrotator/store"
)

// The paths of a secret in the API of KV version 2.
func (s *Store) data() string     { return s.options.Mount + "/data/" + s.options.Path }
func (s *Store) metadata() string { return s.options.Mount + "/metadata/" + s.options.Path }

// state is a secret as it was found.
type state struct {
	// exists says that Vault knows the path, be there a version or not.
	exists bool
	// version is the newest one, zero for none: what check-and-set compares.
	version int
	// fields is nil when there is nothing to be read: no version, or one that was
	// deleted or destroyed.
	fields map[string]any
	mark   mark
}

// read fetches the secret's present version.
func (s *Store) read(ctx context.Context) (*state, error) {
	out, err := s.get(ctx, s.data(), nil)
	if err != nil {
		return nil, s.wrap("read", refusal(err, "read on "+s.data()))
	}
	if out == nil {
		return s.readMetadata(ctx)
	}
	now, err := parseVersion(out.Data)
	if err != nil {
		return nil, s.wrap("read", err)
	}
	return now, nil
}

// readMetadata tells a secret without a version from one that Vault knows nothing
// of.
func (s *Store) readMetadata(ctx context.Context) (*state, error) {
	out, err := s.get(ctx, s.metadata(), nil)
	if err != nil {
		return nil, s.wrap("read", refusal(err, "read on "+s.metadata()))
	}
	if out == nil {
		return &state{}, s.checkEngine(ctx)
	}
	custom, _ := out.Data["custom_metadata"].(map[string]any)
	version, err := integer(out.Data["current_version"])
	if err != nil {
		return nil, s.wrap("read", err)
	}
	return &state{exists: true, version: version, mark: parseMark(custom)}, nil
}

// checkEngine sees to it that the engine is KV version 2. With version 1 the paths
// used here would be those of other secrets. A secret that was read has proven it.
func (s *Store) checkEngine(ctx context.Context) error {
	out, err := s.get(ctx, "sys/internal/ui/mounts/"+s.options.Mount, nil)
	if err != nil {
		return s.wrap("read", fmt.Errorf("find out which engine is mounted at %q: %w", s.options.Mount, refusal(err, "something below that mount; does it exist?")))
	}
	if out == nil {
		return s.wrap("read", fmt.Errorf("nothing is mounted at %q", s.options.Mount))
	}
	options, _ := out.Data["options"].(map[string]any)
	if kind := out.Data["type"]; kind != "kv" || options["version"] != "2" {
		return s.wrap("read", fmt.Errorf("what is mounted at %q is not the KV engine's version 2, which has check-and-set; enable versioning", s.options.Mount))
	}
	return nil
}

// parseVersion understands the answer to a read, which for a deleted version has
// metadata alone.
func parseVersion(data map[string]any) (*state, error) {
	about, _ := data["metadata"].(map[string]any)
	version, err := integer(about["version"])
	if err != nil {
		return nil, errors.New("the answer names no version; is the engine KV version 2?")
	}
	custom, _ := about["custom_metadata"].(map[string]any)
	fields, _ := data["data"].(map[string]any)
	return &state{exists: true, version: version, fields: fields, mark: parseMark(custom)}, nil
}

// announce writes the mark for the fields that are about to be written.
func (s *Store) announce(ctx context.Context, now *state, fields map[string]any) error {
	next, err := s.trace(fields)
	if err != nil {
		return s.wrap("mark", err)
	}
	present, err := s.trace(now.fields)
	if err != nil {
		return s.wrap("mark", err)
	}
	if !now.exists {
		// A patch needs something to patch. What is sent is the default, for a
		// call without a setting would make nothing.
		if _, err := s.options.Client.do(ctx, func(l *api.Logical) (*api.Secret, error) {
			return l.WriteWithContext(ctx, s.metadata(), map[string]any{"max_versions": 0})
		}); err != nil {
			return s.wrap("mark", lost(ctx, err, "create on "+s.metadata()))
		}
	}
	_, err = s.options.Client.do(ctx, func(l *api.Logical) (*api.Secret, error) {
		return l.JSONMergePatch(ctx, s.metadata(), map[string]any{"custom_metadata": now.mark.announce(s.options.Owner, next, present, now.version)})
	})
	if status(err) == http.StatusNotFound {
		return s.wrap("mark", store.ErrConflict) // somebody has deleted all of it
	}
	if err != nil {
		return s.wrap("mark", lost(ctx, err, "patch on "+s.metadata()))
	}
	return nil
}

// write makes the version after the one given. ErrConflict, and nothing changed,
// when there is a newer one.
func (s *Store) write(ctx context.Context, version int, fields map[string]any) (int, error) {
	out, err := s.options.Client.do(ctx, func(l *api.Logical) (*api.Secret, error) {
		return l.WriteWithContext(ctx, s.data(), map[string]any{"data": fields, "options": map[string]any{"cas": version}})
	})
	if outdated(err) {
		return 0, s.wrap("write", store.ErrConflict)
	}
	if err != nil {
		return 0, s.wrap("write", lost(ctx, err, "update on "+s.data()))
	}
	written := 0
	if out != nil {
		written, err = integer(out.Data["version"])
	}
	if written == 0 || err != nil {
		return 0, s.wrap("write", fmt.Errorf("%w: the answer names no version", store.ErrAmbiguous))
	}
	return written, nil
}

// get reads a path; nil when there is nothing.
func (s *Store) get(ctx context.Context, path string, parameters map[string][]string) (*api.Secret, error) {
	return s.options.Client.do(ctx, func(l *api.Logical) (*api.Secret, error) {
		return l.ReadWithDataWithContext(ctx, path, parameters)
	})
}

// outdated reports whether Vault refused a write because of its check-and-set
// parameter. Its answer has no code but this sentence (KV engine's source,
// validateCheckAndSetOption).
func outdated(err error) bool {
	answer, ok := errors.AsType[*api.ResponseError](err)
	return ok && answer.StatusCode == http.StatusBadRequest &&
		strings.Contains(strings.Join(answer.Errors, "\n"), "check-and-set parameter did not match")
}

// integer reads a number as Vault's answers have it.
func integer(value any) (int, error) {
	number, ok := value.(json.Number)
	if !ok {
		return 0, errors.New("the answer has no number where one was expected")
	}
	return strconv.Atoi(number.String())
}
