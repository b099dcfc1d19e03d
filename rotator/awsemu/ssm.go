package awsemu

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	standardValue = 4096
	advancedValue = 8192
	keptHistory   = 100
	secureString  = "SecureString"
)

// parameter is one SSM parameter of one Region.
type parameter struct {
	name, arn, tier string
	tags            []tag
	history         []parameterVersion // oldest first, at most keptHistory
}

type parameterVersion struct {
	number   int64
	kind     string
	value    string
	modified time.Time
	by       string
}

func (p *parameter) newest() parameterVersion { return p.history[len(p.history)-1] }

// shown is the value as the API gives it: a SecureString stays closed unless decryption is asked for.
func (v parameterVersion) shown(arn string, decrypt bool) string {
	if v.kind != secureString || decrypt {
		return v.value
	}
	sum := sha256.Sum256([]byte(arn + strconv.FormatInt(v.number, 10)))
	return "AQICAH" + base64.StdEncoding.EncodeToString(sum[:])
}

func (q *request) parameters() map[string]*parameter {
	a := q.caller.account()
	if a.parameters[q.region] == nil {
		a.parameters[q.region] = map[string]*parameter{}
	}
	return a.parameters[q.region]
}

func errSSM(code, format string, args ...any) error {
	return refuse(http.StatusBadRequest, code, format, args...)
}

// findParameter looks a parameter up by name or ARN.
func (q *request) findParameter(id string) (*parameter, error) {
	name := id
	if _, rest, ok := strings.Cut(id, ":parameter"); ok && strings.HasPrefix(id, "arn:") {
		name = rest
		if strings.Count(rest, "/") == 1 && q.parameters()[name] == nil {
			name = rest[1:]
		}
	}
	p := q.parameters()[name]
	if p == nil {
		return nil, errSSM("ParameterNotFound", "Parameter %s not found.", id)
	}
	return p, nil
}

type parameterOutput struct {
	Name, Type       string
	Value            string `json:",omitempty"`
	Version          int64
	LastModifiedDate json.Number
	ARN              string
	DataType         string
	Tier             string `json:",omitempty"`
	LastModifiedUser string `json:",omitempty"`
}

func (p *parameter) output(v parameterVersion, decrypt bool) parameterOutput {
	return parameterOutput{
		Name: p.name, Type: v.kind, Value: v.shown(p.arn, decrypt), Version: v.number,
		LastModifiedDate: epoch(v.modified), ARN: p.arn, DataType: "text",
	}
}

// getParameter takes NAME, NAME:VERSION or an ARN.
func (s *Server) getParameter(q *request) (any, error) {
	var in struct {
		Name           string
		WithDecryption bool
	}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	name, selector := in.Name, ""
	if !strings.HasPrefix(name, "arn:") {
		name, selector, _ = strings.Cut(name, ":")
	}
	p, err := q.findParameter(name)
	if err != nil {
		return nil, err
	}
	v := p.newest()
	if selector != "" {
		i := slices.IndexFunc(p.history, func(v parameterVersion) bool { return strconv.FormatInt(v.number, 10) == selector })
		if i < 0 {
			return nil, errSSM("ParameterVersionNotFound", "Systems Manager could not find version %s of %s.", selector, name)
		}
		v = p.history[i]
	}
	return map[string]parameterOutput{"Parameter": p.output(v, in.WithDecryption)}, nil
}

type putParameterInput struct {
	Name, Value, Type, Tier string
	Overwrite               bool
	Tags                    []tag
}

func (s *Server) putParameter(q *request) (any, error) {
	var in putParameterInput
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	p := q.parameters()[in.Name]
	switch {
	case p != nil && !in.Overwrite:
		return nil, errSSM("ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
	case p == nil && in.Type == "":
		return nil, errValidation(ssm, "A parameter type is required when you create a parameter.")
	case p == nil:
		p = &parameter{
			name: in.Name, tags: in.Tags, tier: "Standard",
			arn: "arn:aws:ssm:" + q.region + ":" + q.caller.account().id + ":parameter/" + strings.TrimPrefix(in.Name, "/"),
		}
		q.parameters()[in.Name] = p
	}
	if in.Tier != "" {
		p.tier = in.Tier
	}
	v := parameterVersion{number: 1, kind: in.Type, value: in.Value, modified: q.at, by: q.caller.arn()}
	if len(p.history) > 0 {
		last := p.newest()
		v.number = last.number + 1
		if v.kind == "" {
			v.kind = last.kind
		}
	}
	p.history = append(p.history, v)
	p.history = p.history[max(0, len(p.history)-keptHistory):]
	return map[string]any{"Version": v.number, "Tier": p.tier}, nil
}

// check holds the input to the API model. A value is never repeated in an error.
func (in *putParameterInput) check() error {
	limit := standardValue
	if in.Tier == "Advanced" {
		limit = advancedValue
	}
	switch {
	case in.Name == "" || strings.ContainsFunc(in.Name, func(c rune) bool { return !letterOrDigit(c) && !strings.ContainsRune("_.-/", c) }):
		return errValidation(ssm, "Parameter name: can't be empty and can only include letters, numbers and the symbols _.-/")
	case in.Value == "":
		return errValidation(ssm, "1 validation error detected: Value at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1")
	case len(in.Value) > limit:
		return errValidation(ssm, "Standard tier parameters support a maximum parameter value of %d characters, advanced ones of %d.", standardValue, advancedValue)
	case !slices.Contains([]string{"", "Standard", "Advanced", "Intelligent-Tiering"}, in.Tier):
		return errConstraint(ssm, "tier", in.Tier, "Member must satisfy enum value set: [Standard, Advanced, Intelligent-Tiering]")
	case !slices.Contains([]string{"", "String", "StringList", secureString}, in.Type):
		return errSSM("UnsupportedParameterType", "The parameter type %s is not supported.", in.Type)
	case in.Overwrite && len(in.Tags) > 0:
		return errValidation(ssm, "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag.")
	}
	return nil
}

func (s *Server) deleteParameter(q *request) (any, error) {
	var in struct{ Name string }
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	p, err := q.findParameter(in.Name)
	if err != nil {
		return nil, err
	}
	delete(q.parameters(), p.name)
	return nil, nil
}

func (s *Server) getParameterHistory(q *request) (any, error) {
	var in struct {
		Name           string
		WithDecryption bool
	}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	p, err := q.findParameter(in.Name)
	if err != nil {
		return nil, err
	}
	out := []parameterOutput{}
	for _, v := range p.history {
		one := p.output(v, in.WithDecryption)
		one.LastModifiedUser = v.by
		out = append(out, one)
	}
	return map[string]any{"Parameters": out}, nil
}

// describeParameters pages through all parameters by name, without their values. Filters are not emulated: it
// refuses them rather than ignore them.
func (s *Server) describeParameters(q *request) (any, error) {
	var in struct {
		MaxResults                *int
		NextToken                 string
		Filters, ParameterFilters []json.RawMessage
	}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	if len(in.Filters)+len(in.ParameterFilters) > 0 {
		return nil, errSSM("InvalidFilterKey", "The emulator knows no filters.")
	}
	names := slices.Sorted(maps.Keys(q.parameters()))
	from, to, next, err := tokenPage(len(names), in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	list := []parameterOutput{}
	for _, name := range names[from:to] {
		p := q.parameters()[name]
		one := p.output(p.newest(), false)
		one.Value, one.Tier, one.LastModifiedUser = "", p.tier, p.newest().by
		list = append(list, one)
	}
	out := map[string]any{"Parameters": list}
	if next != "" {
		out["NextToken"] = next
	}
	return out, nil
}
