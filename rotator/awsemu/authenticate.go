package awsemu

import (
	"crypto/subtle"
	"net/http"
	"path"
	"slices"
	"strings"
)

// authenticate finds out who signed, or sets q.refusal. Wrong signatures are told from dead keys the way AWS does:
// a key id that may not sign in is "invalid", whatever its signature is worth.
func (s *Server) authenticate(r *http.Request, q *request) {
	if q.refusal != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q.base, q.at = s.opt.Now(), s.stamp()
	if k := s.keys[q.sig.keyID]; k != nil {
		s.authenticateKey(r, q, k)
	} else {
		s.authenticateSession(r, q)
	}
	if q.refusal != nil {
		return
	}
	q.call.Account, q.call.Principal = q.caller.account().id, q.caller.arn()
	if q.service == iam && q.call.User == "" && q.caller.user != nil && ownUser(q.operation) {
		q.call.User = q.caller.user.name
	}
}

// ownUser names the calls in which an empty UserName means the caller.
func ownUser(operation string) bool {
	return slices.Contains([]string{"CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey", "ListAccessKeys", "GetUser"}, operation)
}

func (s *Server) authenticateKey(r *http.Request, q *request, k *accessKey) {
	q.key = k
	q.call.Account, q.call.Owner = k.user.account.id, k.user.name
	right := k.secret != "" && q.sig.matches(r, q.body, k.secret)
	alive := k.alive(q.base)
	if k.dead() && !alive && s.faultKeepsAlive(q) {
		alive = true
	}
	if right && s.opt.CountInactiveUse && k.dead() && !alive {
		s.recordUse(k, q.service, usedRegion(q))
	}
	switch {
	case !alive || q.sig.token != "":
		q.refusal = errUnknownKey(q.service)
	case !s.fresh(q):
	case !right:
		q.refusal = errSignature(q.service, wrongSignature)
	case s.faultFlaps(q, k):
		q.refusal = errUnknownKey(q.service)
	default:
		k.successes++
		q.caller = principal{user: k.user}
		s.recordUse(k, q.service, usedRegion(q))
	}
}

// usedRegion is the Region of a last use: IAM lives in us-east-1, however the client signed.
func usedRegion(q *request) string {
	if q.service == iam {
		return "us-east-1"
	}
	return q.region
}

func (s *Server) authenticateSession(r *http.Request, q *request) {
	t := s.sessions[q.sig.keyID]
	switch {
	case t == nil || subtle.ConstantTimeCompare([]byte(t.token), []byte(q.sig.token)) != 1:
		q.refusal = errUnknownKey(q.service)
	case !q.at.Before(t.expires):
		q.refusal = errExpiredToken(q.service)
	case !s.fresh(q):
	case !q.sig.matches(r, q.body, t.secret):
		q.refusal = errSignature(q.service, wrongSignature)
	default:
		q.caller = principal{session: t}
	}
}

// fresh refuses a signature whose date is more than fifteen minutes off, or a pre-signed request after its expiry.
func (s *Server) fresh(q *request) bool {
	signed := q.sig.at
	switch {
	case q.sig.query && q.at.After(signed.Add(q.sig.expires)):
		q.refusal = errRequestExpired(q.service)
	case !q.sig.query && signed.Before(q.at.Add(-maxSkew)):
		q.refusal = errSignature(q.service, signatureTooOld(signed, q.at))
	case signed.After(q.at.Add(maxSkew)):
		q.refusal = errSignature(q.service, signatureTooNew(signed, q.at))
	default:
		return true
	}
	return false
}

// allowed is all there is of policies: administrators and roles may do what is not denied to them, users only what
// Allow named. A deny always wins. Actions may hold the wildcards of path.Match.
func allowed(p principal, action string) bool {
	a, name := p.account(), p.name()
	if covers(a.deny[name], action) {
		return false
	}
	return p.session != nil || p.user.admin || covers(a.allow[name], action)
}

func covers(patterns []string, action string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(action))
		return err == nil && ok
	})
}
