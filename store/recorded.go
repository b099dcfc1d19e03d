package store

import "context"

type recordedKey struct{}

// WithRecorded returns a context that tells a store whether this program has
// written the place before, as far as the journal records. Only stores whose
// service keeps no mark beside a value need it: to them, what exists and is not
// recorded is foreign.
func WithRecorded(ctx context.Context, recorded bool) context.Context {
	return context.WithValue(ctx, recordedKey{}, recorded)
}

// Recorded reports whether the journal records that this program has written
// the place. It is false where nobody said so.
func Recorded(ctx context.Context) bool {
	recorded, _ := ctx.Value(recordedKey{}).(bool)
	return recorded
}
