package vault

import (
	"context"
	"errors"
	"strconv"

	"github.com/keyrotator/keyrotator/store"
)

// lookBack bounds how many older versions are read; ten are what Vault keeps
// unless it is told otherwise (API documentation, max_versions).
const lookBack = 10

// Previous implements store.Historian by the secret's versions. Deleted ones and
// those with the same credential are passed over.
func (r Readable) Previous(ctx context.Context) (store.Credential, error) {
	now, err := r.read(ctx)
	if err != nil {
		return store.Credential{}, err
	}
	if now.fields == nil {
		return store.Credential{}, r.wrap("read previous", store.ErrEmpty)
	}
	present, err := r.parse(now)
	if err != nil {
		return store.Credential{}, err
	}
	for version := now.version - 1; version > max(0, now.version-1-lookBack); version-- {
		out, err := r.get(ctx, r.data(), map[string][]string{"version": {strconv.Itoa(version)}})
		if err != nil {
			return store.Credential{}, r.wrap("read previous", refusal(err, "read on "+r.data()))
		}
		if out == nil {
			break // older ones are gone, too
		}
		older, err := parseVersion(out.Data)
		if err != nil {
			return store.Credential{}, r.wrap("read previous", err)
		}
		c, err := r.parse(older)
		if errors.Is(err, store.ErrEmpty) || errors.Is(err, store.ErrShape) || err == nil && c.Equal(present) {
			continue
		}
		return c, err
	}
	return store.Credential{}, r.wrap("read previous", store.ErrEmpty)
}
