package awsemu

import "slices"

type parameterTags struct {
	ResourceType, ResourceId string //nolint:revive // AWS's spelling
	Tags                     []tag
	TagKeys                  []string
}

// tagged reads a tagging call and finds its parameter, by name.
func (q *request) tagged() (parameterTags, *parameter, error) {
	var in parameterTags
	if err := q.decode(&in); err != nil {
		return in, nil, err
	}
	if in.ResourceType != "Parameter" {
		return in, nil, errSSM("InvalidResourceType", "%s is not a valid resource type.", in.ResourceType)
	}
	p, err := q.findParameter(in.ResourceId)
	if err != nil {
		return in, nil, errSSM("InvalidResourceId", "The resource %s does not exist.", in.ResourceId)
	}
	return in, p, nil
}

func (s *Server) tagParameter(q *request) (any, error) {
	in, p, err := q.tagged()
	if err != nil {
		return nil, err
	}
	for _, t := range in.Tags {
		p.tags = append(slices.DeleteFunc(slices.Clone(p.tags), func(o tag) bool { return o.Key == t.Key }), t)
	}
	return nil, nil
}

func (s *Server) untagParameter(q *request) (any, error) {
	in, p, err := q.tagged()
	if err != nil {
		return nil, err
	}
	p.tags = slices.DeleteFunc(slices.Clone(p.tags), func(t tag) bool { return slices.Contains(in.TagKeys, t.Key) })
	return nil, nil
}

func (s *Server) listParameterTags(q *request) (any, error) {
	_, p, err := q.tagged()
	if err != nil {
		return nil, err
	}
	return map[string]any{"TagList": slices.Concat([]tag{}, p.tags)}, nil
}
