package rotator

import "context"

// Reloader makes a consumer take the credential that its store holds, and
// tells when it has. A restart may take longer than one step, so beginning and
// ending are two calls.
type Reloader interface {
	// Describe names what is reloaded, such as "rollout:ci/deployment/runner".
	// It holds no secret and is constant.
	Describe() string
	// Reload begins the reload for a key, by its id, whose secret is in the store already.
	// It is idempotent for the same key where the service allows: repeating it
	// after a lost answer begins no second restart.
	Reload(ctx context.Context, key string) error
	// Reloaded reports whether the reload for this key is complete and the
	// consumer healthy; detail says what is still missing, for people. An error
	// means unknown. A kind whose Reload returns only when all is done always
	// answers true.
	Reloaded(ctx context.Context, key string) (done bool, detail string, err error)
}
