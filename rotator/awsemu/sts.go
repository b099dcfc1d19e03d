package awsemu

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

type callerIdentity struct {
	Arn     string
	UserID  string `xml:"UserId"`
	Account string
}

// getCallerIdentity needs no permission, and no policy can forbid it (API reference of GetCallerIdentity).
func (s *Server) getCallerIdentity(q *request) (any, error) {
	return callerIdentity{q.caller.arn(), q.caller.id(), q.caller.account().id}, nil
}

type accessKeyInfo struct{ Account string }

// getAccessKeyInfo reads the account out of any key id, living or dead, known or not.
func (s *Server) getAccessKeyInfo(q *request) (any, error) {
	id := q.form.Get("AccessKeyId")
	if err := checkKeyID(id); err != nil {
		return nil, err
	}
	account, ok := accountOf(id)
	if !ok {
		return nil, errValidation(sts, "Invalid Access Key ID: %s", id)
	}
	return accessKeyInfo{account}, nil
}

const (
	defaultSession = time.Hour
	minSession     = 15 * time.Minute
	chainedSession = time.Hour
)

type assumedCredentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

type assumedRoleUser struct {
	AssumedRoleID string `xml:"AssumedRoleId"`
	Arn           string
}

type assumeRoleResult struct {
	Credentials     assumedCredentials
	AssumedRoleUser assumedRoleUser
}

func (s *Server) assumeRole(q *request) (any, error) {
	arn, name := q.form.Get("RoleArn"), q.form.Get("RoleSessionName")
	if len(name) < 2 || len(name) > 64 || checkName("roleSessionName", name) != nil {
		return nil, errConstraint(sts, "roleSessionName", name, `Member must be 2 to 64 characters of the regular expression pattern: [\w+=,.@-]*`)
	}
	r := s.roleByARN(arn)
	if r == nil || !r.admits(q.caller, q.form.Get("ExternalId")) {
		return nil, refuse(http.StatusForbidden, "AccessDenied", "User: %s is not authorized to perform: sts:AssumeRole on resource: %s", q.caller.arn(), arn)
	}
	length, err := sessionLength(q, r)
	if err != nil {
		return nil, err
	}
	t := &session{
		id: s.keyID(prefixSession, r.account.id), secret: s.secretKey(), role: r, name: name,
		token:   base64.StdEncoding.EncodeToString(s.random(192)),
		expires: q.at.Add(length).Truncate(time.Second),
	}
	s.sessions[t.id] = t
	who := principal{session: t}
	return assumeRoleResult{
		assumedCredentials{t.id, t.secret, t.token, xmlTime(t.expires)},
		assumedRoleUser{who.id(), who.arn()},
	}, nil
}

// sessionLength reads DurationSeconds: 15 minutes up to the role's maximum, at most an hour from one role to another.
func sessionLength(q *request, r *role) (time.Duration, error) {
	length := defaultSession
	if text := q.form.Get("DurationSeconds"); text != "" {
		n, err := strconv.Atoi(text)
		length = time.Duration(n) * time.Second
		if err != nil || length < minSession || n > 43_200 {
			return 0, errConstraint(sts, "durationSeconds", text, "Member must have value between 900 and 43200")
		}
	}
	if q.caller.session != nil && length > chainedSession {
		return 0, errValidation(sts, "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	if length > r.maxSession {
		return 0, errValidation(sts, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return length, nil
}

// roleByARN finds a role of any account. The caller holds s.mu.
func (s *Server) roleByARN(arn string) *role {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || s.accounts[parts[4]] == nil {
		return nil
	}
	r := s.accounts[parts[4]].roles[strings.TrimPrefix(parts[5], "role/")]
	if r == nil || r.arn() != arn {
		return nil
	}
	return r
}

// admits checks both sides: the role trusts the caller, and the caller may call sts:AssumeRole. A caller of the
// role's own account that the trust names by its ARN needs no permission of its own, unless it is denied.
func (r *role) admits(p principal, externalID string) bool {
	const action = "sts:AssumeRole"
	if r.externalID != "" && r.externalID != externalID {
		return false
	}
	if covers(p.account().deny[p.name()], action) {
		return false
	}
	named := slices.Contains(r.trusted, p.trustARN())
	account := p.account().id
	trusted := named || slices.Contains(r.trusted, "*") || slices.Contains(r.trusted, account) ||
		slices.Contains(r.trusted, "arn:aws:iam::"+account+":root")
	return trusted && (allowed(p, action) || named && p.account() == r.account)
}

// trustARN is how a trust policy names a principal: sessions by their role.
func (p principal) trustARN() string {
	if p.user != nil {
		return p.user.arn()
	}
	return p.session.role.arn()
}
