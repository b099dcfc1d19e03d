// Package exec probes a credential by a program of the operator's own.
//
// The program is run with the verb probe and the credential on its standard
// input (see package program); exit code 0 says that the consumer works. The
// verb check says, without a credential, whether a probe is possible.
package exec

import (
	"context"
	"errors"
	"fmt"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/program"
)

// Kind is how the configuration spells this kind of probe.
const Kind = "exec"

// Options says what New needs to know.
type Options struct {
	Program *program.Program
	// Payload is the shape of what the program reads.
	Payload store.Payload
	// User is the user, as "account/user", whose credential it is.
	User string
	// Consumer is what the configuration calls the consumer.
	Consumer string
}

// Probe runs a program. It is safe for concurrent use if the program is.
type Probe struct{ options Options }

// New makes a probe; it runs nothing.
func New(o Options) (*Probe, error) {
	if o.Program == nil || o.Payload == nil || o.User == "" || o.Consumer == "" {
		return nil, errors.New("make exec probe: program, payload, user and consumer are required")
	}
	return &Probe{o}, nil
}

// Describe names the program.
func (p *Probe) Describe() string { return Kind + ":" + p.options.Program.String() }

// Probe has the program try the credential.
func (p *Probe) Probe(ctx context.Context, c store.Credential) error {
	document, err := store.Merge(p.options.Payload, nil, c)
	if err != nil {
		return fmt.Errorf("probe consumer %s: %w", p.options.Consumer, err)
	}
	return p.run(ctx, program.Call{
		Verb: "probe", Stdin: document, Secrets: []string{c.RevealSecret()},
		Facts: map[string]string{"USER": p.options.User, "CONSUMER": p.options.Consumer, "KEY_ID": c.KeyID()},
	})
}

// Check asks the program whether it could.
func (p *Probe) Check(ctx context.Context) error {
	return p.run(ctx, program.Call{Verb: "check", Facts: map[string]string{"USER": p.options.User, "CONSUMER": p.options.Consumer}})
}

func (p *Probe) run(ctx context.Context, call program.Call) error {
	if _, err := p.options.Program.Run(ctx, call); err != nil {
		return fmt.Errorf("probe consumer %s: %w", p.options.Consumer, err)
	}
	return nil
}
