package awsemu

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The administration's own refusals: the emulated API's are on the wire.
var (
	// ErrUnknown says that an account, user, role, key or secret does not exist.
	ErrUnknown = errors.New("does not exist")
	// ErrExists says that a name is taken.
	ErrExists = errors.New("exists already")
	// ErrInvalid says that a name or a number breaks AWS's rules.
	ErrInvalid = errors.New("is not valid")
)

// AdminUser is the name of the IAM user behind Admin. It is an ordinary user in lists and in the credential report.
const AdminUser = "emulator-admin"

// CreateAccount adds an AWS account with a twelve-digit id.
func (s *Server) CreateAccount(id string) error {
	if len(id) != 12 || strings.Trim(id, "0123456789") != "" {
		return fmt.Errorf("create account %q: %w", id, ErrInvalid)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accounts[id] != nil {
		return fmt.Errorf("create account %q: %w", id, ErrExists)
	}
	s.accounts[id] = &account{
		id: id, created: s.stamp().Truncate(time.Second),
		users: map[string]*user{}, roles: map[string]*role{},
		allow: map[string][]string{}, deny: map[string][]string{},
		secrets: map[string]map[string]*secret{}, parameters: map[string]map[string]*parameter{},
	}
	return nil
}

// Admin gives an account's administrator: an active, settled key of the user AdminUser, who may do everything that is
// not denied to that name. The first call makes the user, later ones give the same key, as long as it is there.
func (s *Server) Admin(accountID string) (keyID, secretKey string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(accountID)
	if err != nil {
		return "", "", err
	}
	u := a.users[AdminUser]
	if u == nil {
		u = s.newUser(a, AdminUser, "/")
		u.admin = true
	}
	for _, k := range u.keys {
		if !k.dead() {
			return k.id, k.secret, nil
		}
	}
	k := s.newKey(u)
	u.settle()
	return k.id, k.secret, nil
}

// User is what the administration tells of an IAM user.
type User struct {
	Account, Name, ARN string
	ID                 string // AIDA…, another one for a recreated user of the same name
	Created            time.Time
}

// CreateUser adds an IAM user with path "/", who may do nothing but sign in until Allow.
func (s *Server) CreateUser(accountID, name string) (User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(accountID)
	if err != nil {
		return User{}, err
	}
	if checkName("userName", name) != nil {
		return User{}, fmt.Errorf("create user %q: %w", name, ErrInvalid)
	}
	if a.users[name] != nil {
		return User{}, fmt.Errorf("create user %q: %w", name, ErrExists)
	}
	u := s.newUser(a, name, "/")
	return User{accountID, u.name, u.arn(), u.id, u.created}, nil
}

// DeleteUser removes a user together with its keys, as a person in the console would.
func (s *Server) DeleteUser(accountID, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(accountID, name)
	if err != nil {
		return err
	}
	for len(u.keys) > 0 {
		s.removeKey(u.keys[0])
	}
	delete(u.account.users, name)
	return nil
}

// Allow lets a user do more. Actions look like "iam:CreateAccessKey" and may hold * and ? ("iam:*AccessKey*"). They
// apply to every resource of the account.
func (s *Server) Allow(accountID, principal string, actions ...string) error {
	return s.policy(accountID, principal, actions, func(a *account) map[string][]string { return a.allow })
}

// Deny forbids actions to a user or to a role's sessions, by name, administrators included. A deny wins over Allow.
// sts:GetCallerIdentity cannot be denied.
func (s *Server) Deny(accountID, principal string, actions ...string) error {
	return s.policy(accountID, principal, actions, func(a *account) map[string][]string { return a.deny })
}

// ClearPolicy takes back every Allow and Deny of a principal.
func (s *Server) ClearPolicy(accountID, principal string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(accountID)
	if err != nil {
		return err
	}
	delete(a.allow, principal)
	delete(a.deny, principal)
	return nil
}

func (s *Server) policy(accountID, principal string, actions []string, part func(*account) map[string][]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(accountID)
	if err != nil {
		return err
	}
	if a.users[principal] == nil && a.roles[principal] == nil {
		return fmt.Errorf("set policy of %q: %w", principal, ErrUnknown)
	}
	part(a)[principal] = append(part(a)[principal], actions...)
	return nil
}

// account finds an account. The caller holds s.mu.
func (s *Server) account(id string) (*account, error) {
	a := s.accounts[id]
	if a == nil {
		return nil, fmt.Errorf("find account %q: %w", id, ErrUnknown)
	}
	return a, nil
}

// user finds a user. The caller holds s.mu.
func (s *Server) user(accountID, name string) (*user, error) {
	a, err := s.account(accountID)
	if err != nil {
		return nil, err
	}
	u := a.users[name]
	if u == nil {
		return nil, fmt.Errorf("find user %q: %w", name, ErrUnknown)
	}
	return u, nil
}
