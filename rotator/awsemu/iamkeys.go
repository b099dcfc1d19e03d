package awsemu

import (
	"net/http"
	"slices"
	"time"
)

// keysPerUser is IAM's quota, Inactive keys included (AWS guide, "IAM and AWS STS quotas"; fwdcloudsec/granted#388).
const keysPerUser = 2

// named finds the user that a call is about; an empty UserName means the caller's own.
func (q *request) named() (*user, error) {
	name := q.form.Get("UserName")
	if name == "" {
		if q.caller.user == nil {
			return nil, errValidation(iam, "Must specify userName when calling with non-User credentials")
		}
		return q.caller.user, nil
	}
	if err := checkName("userName", name); err != nil {
		return nil, err
	}
	u := q.caller.account().users[name]
	if u == nil {
		return nil, errNoUser(name)
	}
	return u, nil
}

// namedKey finds the key that a call is about, among the user's own.
func (q *request) namedKey() (*accessKey, error) {
	u, err := q.named()
	if err != nil {
		return nil, err
	}
	id := q.form.Get("AccessKeyId")
	if err := checkKeyID(id); err != nil {
		return nil, err
	}
	k := u.key(id)
	if k == nil {
		return nil, errNoKey(id)
	}
	return k, nil
}

// newKey adds a key to a user, in the report's first free slot. The caller holds s.mu.
func (s *Server) newKey(u *user) *accessKey {
	taken := map[int]bool{}
	for _, k := range u.keys {
		taken[k.slot] = true
	}
	k := &accessKey{
		id: s.keyID(prefixKey, u.account.id), secret: s.secretKey(), user: u, status: Active,
		created: s.stamp().Truncate(time.Second),
	}
	for slot := 1; slot <= keysPerUser && k.slot == 0; slot++ {
		if !taken[slot] {
			k.slot = slot
		}
	}
	s.keys[k.id] = k
	u.keys = append(u.keys, k)
	s.changed(u)
	return k
}

// freshKey is newKey for the API: the key is refused until it has spread.
func (s *Server) freshKey(u *user) *accessKey {
	k := s.newKey(u)
	k.born = s.opt.Now()
	k.usableFrom = k.born.Add(s.span(s.opt.NewKeyDelay))
	return k
}

// setStatus changes a key's state; a key that dies works for a while yet. The caller holds s.mu.
func (s *Server) setStatus(k *accessKey, status Status) {
	if !k.dead() && status != Active {
		k.aliveUntil = s.opt.Now().Add(s.opt.DeadKeyGrace)
	}
	k.status = status
	s.changed(k.user)
}

// removeKey takes a key from its user. The caller holds s.mu.
func (s *Server) removeKey(k *accessKey) {
	if !k.dead() {
		k.aliveUntil = s.opt.Now().Add(s.opt.DeadKeyGrace)
	}
	k.deleted = true
	k.user.keys = slices.DeleteFunc(k.user.keys, func(x *accessKey) bool { return x == k })
	s.changed(k.user)
}

type createdKey struct {
	UserName        string
	AccessKeyID     string `xml:"AccessKeyId"`
	Status          Status
	SecretAccessKey string
	CreateDate      string
}

type createAccessKeyResult struct{ AccessKey createdKey }

func (s *Server) createAccessKey(q *request) (any, error) {
	u, err := q.named()
	if err != nil {
		return nil, err
	}
	if len(u.keys) >= keysPerUser && !q.race {
		return nil, refuse(http.StatusConflict, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: %d", keysPerUser)
	}
	k := s.freshKey(u)
	if q.race && len(u.keys) <= keysPerUser {
		s.freshKey(u) // the other runner's key, as in hashicorp/terraform-provider-aws#39693
	}
	return createAccessKeyResult{createdKey{u.name, k.id, k.status, k.secret, xmlTime(k.created)}}, nil
}

func (s *Server) updateAccessKey(q *request) (any, error) {
	status := Status(q.form.Get("Status"))
	if status != Active && status != Inactive {
		return nil, errConstraint(iam, "status", string(status), "Member must satisfy enum value set: [Active, Inactive]")
	}
	k, err := q.namedKey()
	if err != nil {
		return nil, err
	}
	s.setStatus(k, status)
	return nil, nil
}

func (s *Server) deleteAccessKey(q *request) (any, error) {
	k, err := q.namedKey()
	if err != nil {
		return nil, err
	}
	s.removeKey(k)
	return nil, nil
}

type keyMetadata struct {
	UserName    string
	AccessKeyID string `xml:"AccessKeyId"`
	Status      Status
	CreateDate  string
}

type listAccessKeysResult struct {
	Keys        []keyMetadata `xml:"AccessKeyMetadata>member"`
	IsTruncated bool
	Marker      string `xml:",omitempty"`
}

func (s *Server) listAccessKeys(q *request) (any, error) {
	u, err := q.named()
	if err != nil {
		return nil, err
	}
	rows := u.listed(s.listMoment(q, u))
	from, to, marker, err := q.page(len(rows))
	if err != nil {
		return nil, err
	}
	out := listAccessKeysResult{IsTruncated: marker != "", Marker: marker}
	for _, r := range rows[from:to] {
		out.Keys = append(out.Keys, keyMetadata{u.name, r.id, r.status, xmlTime(r.created)})
	}
	return out, nil
}

// listMoment draws how old a key list is.
func (s *Server) listMoment(q *request, u *user) time.Time {
	switch {
	case q.stale && q.staleFor > 0:
		return q.base.Add(-q.staleFor)
	case q.stale && len(u.past) > 1:
		return u.past[len(u.past)-2].from
	}
	return q.base.Add(-s.span([2]time.Duration{0, s.opt.ListLag}))
}

type lastUsed struct {
	LastUsedDate string `xml:",omitempty"`
	ServiceName  string
	Region       string
}

type getAccessKeyLastUsedResult struct {
	UserName          string
	AccessKeyLastUsed lastUsed
}

// getAccessKeyLastUsed answers for any key of the caller's account. A key that was never seen has no date, and N/A
// for Region and service (API model of GetAccessKeyLastUsed).
func (s *Server) getAccessKeyLastUsed(q *request) (any, error) {
	id := q.form.Get("AccessKeyId")
	if err := checkKeyID(id); err != nil {
		return nil, err
	}
	k := s.keys[id]
	if k == nil || k.deleted || k.user.account != q.caller.account() {
		return nil, errNoKey(id)
	}
	out := getAccessKeyLastUsedResult{UserName: k.user.name, AccessKeyLastUsed: lastUsed{ServiceName: "N/A", Region: "N/A"}}
	if seen := k.uses.visible(q.base); seen != nil {
		out.AccessKeyLastUsed = lastUsed{xmlTime(seen.at), seen.service, seen.region}
	}
	return out, nil
}
