// Package exec reloads a consumer by a program of the operator's own.
//
// The program is run with the verb reload; it learns in KEYROTATOR_USER,
// KEYROTATOR_CONSUMER and KEYROTATOR_KEY_ID for whom and for which key, and is
// given no secret: that lies in the consumer's store already. With exit code 0
// the reload is complete or, if the program waits, begun; then the verb
// reloaded asks whether it is complete (0) or not yet (16, with what is missing
// on standard output). The verb check says whether a reload would work, and
// changes nothing.
package exec

import (
	"context"
	"errors"
	"fmt"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/program"
)

// Kind is how the configuration spells this kind of reload.
const Kind = "exec"

// Options says what New needs to know.
type Options struct {
	Program *program.Program
	// User is the user, as "account/user", whose consumer is reloaded.
	User string
	// Consumer is what the configuration calls the consumer.
	Consumer string
	// Waits says that a reload goes on after the program has ended, and that
	// the program knows the verb reloaded.
	Waits bool
}

// Reloader is a consumer that a program reloads. It is safe for concurrent use
// if the program is.
type Reloader struct{ options Options }

// New makes a reloader; it runs nothing.
func New(o Options) (*Reloader, error) {
	if o.Program == nil || o.User == "" || o.Consumer == "" {
		return nil, errors.New("make exec reload: program, user and consumer are required")
	}
	return &Reloader{o}, nil
}

// Describe names the program.
func (r *Reloader) Describe() string { return Kind + ":" + r.options.Program.String() }

// Reload begins the reload for a key. An error that wraps store.ErrAmbiguous
// says that it may have begun all the same; reloading again is up to the
// program, which learns the key's id.
func (r *Reloader) Reload(ctx context.Context, key string) error {
	_, err := r.run(ctx, "reload", key)
	if errors.Is(err, program.ErrFailed) {
		err = fmt.Errorf("%w: %w", store.ErrAmbiguous, err)
	}
	return err
}

// Reloaded reports whether the reload for this key is complete, and what is
// missing. Without Waits it always is.
func (r *Reloader) Reloaded(ctx context.Context, key string) (bool, string, error) {
	if !r.options.Waits {
		return true, "", nil
	}
	out, err := r.run(ctx, "reloaded", key)
	if errors.Is(err, program.ErrPending) {
		detail := store.Screen(out)
		if detail == "" {
			detail = r.options.Program.String() + " says that it is not complete yet"
		}
		return false, detail, nil
	}
	return err == nil, "", err
}

// Check asks the program whether a reload would work.
func (r *Reloader) Check(ctx context.Context) error {
	_, err := r.run(ctx, "check", "")
	return err
}

func (r *Reloader) run(ctx context.Context, verb, key string) ([]byte, error) {
	facts := map[string]string{"USER": r.options.User, "CONSUMER": r.options.Consumer}
	if key != "" {
		facts["KEY_ID"] = key
	}
	out, err := r.options.Program.Run(ctx, program.Call{Verb: verb, Facts: facts})
	if err != nil {
		err = fmt.Errorf("reload consumer %s: %w", r.options.Consumer, err)
	}
	return out, err
}
