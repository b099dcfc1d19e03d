package awsemu

import (
	"fmt"
	"slices"
	"time"
)

// Role describes a role for CreateRole.
type Role struct {
	Account, Name string
	// ExternalID must be given by whoever assumes the role; empty asks for none.
	ExternalID string
	// Trusted are ARNs of users and roles, account ids (or their :root ARNs), or "*".
	Trusted []string
	// MaxSession is the longest session, from 1 to 12 hours; zero means AWS's default of one hour.
	MaxSession time.Duration
}

// CreateRole adds a role and gives its ARN. Its sessions may do everything in its account that Deny does not forbid.
func (s *Server) CreateRole(spec Role) (arn string, err error) {
	if spec.MaxSession == 0 {
		spec.MaxSession = time.Hour
	}
	if checkName("roleName", spec.Name) != nil || spec.MaxSession < time.Hour || spec.MaxSession > 12*time.Hour {
		return "", fmt.Errorf("create role %q: %w", spec.Name, ErrInvalid)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(spec.Account)
	if err != nil {
		return "", err
	}
	if a.roles[spec.Name] != nil {
		return "", fmt.Errorf("create role %q: %w", spec.Name, ErrExists)
	}
	r := &role{
		account: a, name: spec.Name, id: s.entityID(prefixRole), externalID: spec.ExternalID,
		trusted: slices.Clone(spec.Trusted), maxSession: spec.MaxSession,
	}
	a.roles[r.name] = r
	return r.arn(), nil
}
