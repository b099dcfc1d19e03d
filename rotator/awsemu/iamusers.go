package awsemu

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

type userXML struct {
	Path       string
	UserName   string
	UserID     string `xml:"UserId"`
	Arn        string
	CreateDate string
	Tags       *tagList `xml:",omitempty"`
}

type tagList struct {
	Members []tag `xml:"member"`
}

func (u *user) xml(withTags bool) userXML {
	out := userXML{Path: u.path, UserName: u.name, UserID: u.id, Arn: u.arn(), CreateDate: xmlTime(u.created)}
	if withTags && len(u.tags) > 0 {
		out.Tags = &tagList{u.tags}
	}
	return out
}

// newUser adds a user to an account. The caller holds s.mu and has checked the name.
func (s *Server) newUser(a *account, name, path string) *user {
	u := &user{account: a, name: name, path: path, id: s.entityID(prefixUser), created: s.stamp().Truncate(time.Second)}
	a.users[name] = u
	s.changed(u)
	return u
}

type userResult struct{ User userXML }

func (s *Server) getUser(q *request) (any, error) {
	u, err := q.named()
	if err != nil {
		return nil, err
	}
	return userResult{u.xml(true)}, nil
}

func (s *Server) createUser(q *request) (any, error) {
	name, path := q.form.Get("UserName"), q.form.Get("Path")
	if err := checkName("userName", name); err != nil {
		return nil, err
	}
	if path == "" {
		path = "/"
	}
	if !strings.HasPrefix(path, "/") || !strings.HasSuffix(path, "/") || len(path) > 512 {
		return nil, errValidation(iam, "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.")
	}
	tags, err := q.tags()
	if err != nil {
		return nil, err
	}
	a := q.caller.account()
	for existing := range maps.Keys(a.users) {
		if strings.EqualFold(existing, name) {
			return nil, refuse(http.StatusConflict, "EntityAlreadyExists", "User with name %s already exists.", name)
		}
	}
	u := s.newUser(a, name, path)
	u.tags = tags
	return userResult{u.xml(true)}, nil
}

func (s *Server) deleteUser(q *request) (any, error) {
	u, err := q.named()
	if err != nil {
		return nil, err
	}
	if len(u.keys) > 0 {
		return nil, refuse(http.StatusConflict, "DeleteConflict", "Cannot delete entity, must delete access keys first.")
	}
	delete(u.account.users, u.name)
	return nil, nil
}

type listUsersResult struct {
	Users       []userXML `xml:"Users>member"`
	IsTruncated bool
	Marker      string `xml:",omitempty"`
}

// listUsers gives the users in the order of their names; tags are left out, as in AWS.
func (s *Server) listUsers(q *request) (any, error) {
	users := q.caller.account().byName(q.form.Get("PathPrefix"))
	from, to, marker, err := q.page(len(users))
	if err != nil {
		return nil, err
	}
	out := listUsersResult{IsTruncated: marker != "", Marker: marker}
	for _, u := range users[from:to] {
		out.Users = append(out.Users, u.xml(false))
	}
	return out, nil
}

// byName gives the users whose path begins with prefix, in the order of their names.
func (a *account) byName(prefix string) []*user {
	var users []*user
	for _, u := range a.users {
		if strings.HasPrefix(u.path, prefix) {
			users = append(users, u)
		}
	}
	slices.SortFunc(users, func(a, b *user) int { return strings.Compare(a.name, b.name) })
	return users
}
