package ssm

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/keyrotator/keyrotator/store"
)

// ownerOf returns whose a parameter is, empty for nobody's. The newest mark in
// the history decides, for a person who edits the rest of a document leaves it
// behind; it counts if the parameter holds what it is about. A mark of somebody
// else on the very version counts in any case.
func (s *Store) ownerOf(p *state) string {
	for _, e := range p.history {
		m, ok := parseMark(e.description)
		if !ok {
			continue
		}
		if found := s.print(m.owner, p.value); found != "" && found == m.print {
			return m.owner
		}
		if e.version == p.version && m.owner != s.options.Owner {
			return m.owner
		}
		return ""
	}
	return ""
}

// commonOwner is the owner of all parameters that exist, another one's name
// where one of them is somebody else's, and empty where one is nobody's.
func (s *Store) commonOwner(states []*state) string {
	common := s.options.Owner
	for _, p := range states {
		if p.version == 0 {
			continue
		}
		switch owner := s.ownerOf(p); owner {
		case s.options.Owner:
		case "":
			common = ""
		default:
			return owner
		}
	}
	return common
}

// judge tells whether all parameters may be written; ErrForeign if one is not
// ours.
func (s *Store) judge(states []*state) error {
	for _, p := range states {
		if err := s.judgeOne(p); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) judgeOne(p *state) error {
	fault := s.fault(p)
	if fault == nil {
		return nil
	}
	return fmt.Errorf("write parameter %s: %w", s.location(p.slot.name), fault)
}

// fault says why a parameter may not be written, nil if it may.
func (s *Store) fault(p *state) error {
	if p.version == 0 {
		if s.options.Create {
			return nil
		}
		return errMissing
	}
	switch owner := s.ownerOf(p); {
	case owner == s.options.Owner:
	case owner != "":
		return fmt.Errorf("%w: it is marked as that of %s; if that is over, replace its description", store.ErrForeign, owner)
	case !s.options.Adopt:
		return fmt.Errorf("%w: this program did not write its value; set adopt to take it over", store.ErrForeign)
	}
	if p.kind != types.ParameterTypeSecureString && (!p.slot.open || p.kind != types.ParameterTypeString) {
		return fmt.Errorf("it is a %s, which is not encrypted, and AWS never changes a parameter's type: delete it, and have it made with create", p.kind)
	}
	if s.options.Tier == string(types.ParameterTierStandard) && p.now().tier == types.ParameterTierAdvanced {
		return errors.New("its tier is advanced, which AWS never takes back: configure the tier advanced, or none")
	}
	return nil
}

// Check implements store.Checker, by the calls that a Get makes. Permission to
// write cannot be asked for; that to read is used and so proven.
func (s *Store) Check(ctx context.Context) error {
	states, err := s.read(ctx)
	if err != nil {
		return err
	}
	if s.options.Payload != nil {
		if _, err := s.options.Payload.Trace([]byte(states[0].value)); err != nil {
			return s.wrap("check", err)
		}
	}
	return s.judge(states)
}
