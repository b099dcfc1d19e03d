package ssm

import (
	"fmt"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/keyrotator/keyrotator/store"
)

// The limits of a value in bytes (API reference, PutParameter, Value and Tier).
const (
	maxStandard = 4096
	maxAdvanced = 8192
)

// slot is one parameter that the store writes.
type slot struct {
	name string
	// open says that the value is no secret: a key id may lie in a String.
	open bool
}

// slotsOf lists the parameters in the order in which they are to be written.
func slotsOf(o Options) ([]slot, error) {
	if o.Payload != nil {
		return []slot{{name: o.Parameter}}, nil
	}
	const id = "AKIAIOSFODNN7EXAMPLE"
	probe, err := o.Variables.Render(store.NewCredential(id, "secret"))
	if err != nil {
		return nil, err
	}
	var slots []slot
	for _, v := range probe {
		slots = append(slots, slot{name: v.Name, open: v.RevealValue() == id})
	}
	return slots, nil
}

// entry is what the history tells of one version without its value.
type entry struct {
	version              int64
	description, pattern string
	key                  string
	tier                 types.ParameterTier
}

// state is a parameter as it was found at one version, which is zero when it
// does not exist.
type state struct {
	slot    slot
	version int64
	kind    types.ParameterType
	value   string
	// base is the document that the credential is merged into: value, or what
	// our own version has overwritten.
	base string
	// history has this version and those before it, the newest first.
	history []entry
}

// now is what the history tells of the version itself; the zero value when it
// tells nothing.
func (p *state) now() entry {
	if len(p.history) == 0 || p.history[0].version != p.version {
		return entry{}
	}
	return p.history[0]
}

// keyBefore returns the key id that the owner's marks name before the present
// one, as far back as they reach.
func (p *state) keyBefore(owner, present string) string {
	for _, e := range p.history {
		if m, ok := parseMark(e.description); ok && m.owner == owner && m.keyID != present {
			return m.keyID
		}
	}
	return ""
}

func countMissing(states []*state) int {
	missing := 0
	for _, p := range states {
		if p.version == 0 {
			missing++
		}
	}
	return missing
}

// render returns the value that each parameter is to hold.
func (s *Store) render(states []*state, c store.Credential) ([]string, error) {
	var values []string
	if s.options.Payload != nil {
		document, err := store.Merge(s.options.Payload, []byte(states[0].base), c)
		if err != nil {
			return nil, err
		}
		values = append(values, string(document))
	} else {
		variables, err := s.options.Variables.Render(c)
		if err != nil {
			return nil, err
		}
		for _, v := range variables {
			values = append(values, v.RevealValue())
		}
	}
	for i, value := range values {
		if err := s.fits(states[i], value); err != nil {
			return nil, fmt.Errorf("%s: %w", states[i].slot.name, err)
		}
	}
	return values, nil
}

// fits refuses what AWS would refuse, before several parameters are half
// written.
func (s *Store) fits(p *state, value string) error {
	standard := s.tier(p) == types.ParameterTierStandard && p.now().tier != types.ParameterTierAdvanced
	switch {
	case !utf8.ValidString(value):
		return fmt.Errorf("%w: the value is not valid UTF-8", store.ErrShape)
	case len(value) > maxAdvanced:
		return fmt.Errorf("%w: the value has more than %d bytes", store.ErrShape, maxAdvanced)
	case len(value) > maxStandard && standard:
		return fmt.Errorf("%w: the value has more than %d bytes, which takes the tier advanced or intelligent", store.ErrShape, maxStandard)
	}
	return nil
}

// tier is the one to ask for: as configured, else as it is; empty leaves the
// choice to the account's default.
func (s *Store) tier(p *state) types.ParameterTier {
	if s.options.Tier != "" {
		return types.ParameterTier(s.options.Tier)
	}
	return p.now().tier
}

// print is the hash of what a mark is about, empty where nothing is: of a
// document the credential alone, so that a person may edit the rest of it.
func (s *Store) print(owner, value string) string {
	if s.options.Payload == nil {
		return fingerprint(owner, value)
	}
	trace, err := s.options.Payload.Trace([]byte(value))
	if err != nil {
		return "" // what cannot be understood is not ours
	}
	return fingerprint(owner, trace)
}

// values maps the parameters' names to what they hold.
func values(states []*state) map[string]string {
	found := map[string]string{}
	for _, p := range states {
		found[p.slot.name] = p.value
	}
	return found
}

// parse reads the credential out of the parameters.
func (s *Store) parse(states []*state) (store.Credential, error) {
	var c store.Credential
	var err error
	if readable, ok := s.options.Payload.(store.ReadablePayload); ok {
		c, err = readable.Parse([]byte(states[0].value))
	} else {
		c, err = s.options.Variables.Parse(values(states))
	}
	if err != nil {
		return store.Credential{}, s.wrap("read", err)
	}
	return c, nil
}

// location is the Region and a parameter's name, or several.
func (s *Store) location(name string) string { return s.options.Region + ":" + name }
