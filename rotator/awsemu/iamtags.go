package awsemu

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// tagsPerUser is IAM's quota (AWS guide, "IAM and AWS STS quotas").
const tagsPerUser = 50

// tags reads Tags.member.N.Key and .Value.
func (q *request) tags() ([]tag, error) {
	var out []tag
	for n := 1; ; n++ {
		at := "Tags.member." + strconv.Itoa(n) + "."
		if !q.form.Has(at + "Key") {
			break
		}
		t := tag{q.form.Get(at + "Key"), q.form.Get(at + "Value")}
		if t.Key == "" || len(t.Key) > 128 || len(t.Value) > 256 || strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return nil, refuse(http.StatusBadRequest, "InvalidInput", "Tag key %q or its value is not allowed.", t.Key)
		}
		if slices.ContainsFunc(out, func(o tag) bool { return strings.EqualFold(o.Key, t.Key) }) {
			return nil, refuse(http.StatusBadRequest, "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		out = append(out, t)
	}
	if len(out) > tagsPerUser {
		return nil, errTooManyTags()
	}
	return out, nil
}

func errTooManyTags() error {
	return refuse(http.StatusConflict, "LimitExceeded", "The number of tags has reached the maximum limit.")
}

func (s *Server) tagUser(q *request) (any, error) {
	u, err := q.named()
	if err != nil {
		return nil, err
	}
	added, err := q.tags()
	if err != nil {
		return nil, err
	}
	tags := slices.Clone(u.tags)
	for _, t := range added {
		i := slices.IndexFunc(tags, func(o tag) bool { return strings.EqualFold(o.Key, t.Key) })
		if i < 0 {
			tags = append(tags, t)
		} else {
			tags[i] = t
		}
	}
	if len(tags) > tagsPerUser {
		return nil, errTooManyTags()
	}
	u.tags = tags
	return nil, nil
}

func (s *Server) untagUser(q *request) (any, error) {
	u, err := q.named()
	if err != nil {
		return nil, err
	}
	for n := 1; q.form.Has("TagKeys.member." + strconv.Itoa(n)); n++ {
		key := q.form.Get("TagKeys.member." + strconv.Itoa(n))
		u.tags = slices.DeleteFunc(slices.Clone(u.tags), func(t tag) bool { return strings.EqualFold(t.Key, key) })
	}
	return nil, nil
}

type listUserTagsResult struct {
	Tags        []tag `xml:"Tags>member"`
	IsTruncated bool
	Marker      string `xml:",omitempty"`
}

func (s *Server) listUserTags(q *request) (any, error) {
	u, err := q.named()
	if err != nil {
		return nil, err
	}
	from, to, marker, err := q.page(len(u.tags))
	if err != nil {
		return nil, err
	}
	return listUserTagsResult{u.tags[from:to], marker != "", marker}, nil
}
