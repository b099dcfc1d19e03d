package awsemu

import "fmt"

// PutSecret writes a secret string as a person in the console would: it makes the secret if need be and moves
// AWSCURRENT to a new version, whose id it returns.
func (s *Server) PutSecret(accountID, region, name, value string) (versionID string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.asAccount(accountID, region)
	if err != nil {
		return "", err
	}
	if checkSecretName(name) != nil {
		return "", fmt.Errorf("put secret %q: %w", name, ErrInvalid)
	}
	x, err := q.findLive(name)
	if err != nil {
		x = s.newSecret(q, name)
	}
	id := s.uuid()
	x.add(&version{id: id, created: q.at, text: &value}, []string{labelCurrent})
	return id, nil
}

// Secret reads the string that holds a label ("" means AWSCURRENT), together with its version's id. ErrUnknown when
// the secret or the label is not there.
func (s *Server) Secret(accountID, region, name, label string) (value, versionID string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.asAccount(accountID, region)
	if err != nil {
		return "", "", err
	}
	x, err := q.findLive(name)
	if err != nil {
		return "", "", fmt.Errorf("find secret %q: %w", name, ErrUnknown)
	}
	v, err := x.choose("", label)
	if err != nil || v.text == nil {
		return "", "", fmt.Errorf("find label %q of secret %q: %w", label, name, ErrUnknown)
	}
	return *v.text, v.id, nil
}

// asAccount makes a request of nobody, for the administration to look things up with. The caller holds s.mu.
func (s *Server) asAccount(accountID, region string) (*request, error) {
	a, err := s.account(accountID)
	if err != nil {
		return nil, err
	}
	return &request{region: region, at: s.stamp(), base: s.opt.Now(), caller: principal{user: &user{account: a}}}, nil
}
