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
	standardValue  = 4096
	advancedValue  = 8192
	keptHistory    = 100
	historyPage    = 50 // GetParameterHistory, MaxResults
	secureString   = "SecureString"
	defaultKey     = "alias/aws/ssm"
	maxDescription = 1024
	tierStandard   = "Standard"
	tierAdvanced   = "Advanced"
	tierEither     = "Intelligent-Tiering"
)

// parameter is one SSM parameter of one Region.
type parameter struct {
	name, arn string
	tags      []tag
	history   []parameterVersion // oldest first, at most keptHistory
}

type parameterVersion struct {
	number               int64
	kind, value          string
	description, pattern string
	key                  string // of a SecureString: the KMS key
	tier                 string
	modified             time.Time
	by                   string
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
	Description      string `json:",omitempty"`
	AllowedPattern   string `json:",omitempty"`
	KeyId            string `json:",omitempty"` //nolint:revive // AWS's spelling
}

func (p *parameter) output(v parameterVersion, decrypt bool) parameterOutput {
	return parameterOutput{
		Name: p.name, Type: v.kind, Value: v.shown(p.arn, decrypt), Version: v.number,
		LastModifiedDate: epoch(v.modified), ARN: p.arn, DataType: "text",
	}
}

// metadata is what the history and the description tell of a version, beside or instead of its value.
func (p *parameter) metadata(v parameterVersion, decrypt bool) parameterOutput {
	out := p.output(v, decrypt)
	out.Tier, out.LastModifiedUser, out.Description, out.AllowedPattern, out.KeyId = v.tier, v.by, v.description, v.pattern, v.key
	return out
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

// getParameterHistory pages through the kept versions, oldest first.
func (s *Server) getParameterHistory(q *request) (any, error) {
	var in struct {
		Name           string
		WithDecryption bool
		MaxResults     *int
		NextToken      string
	}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	p, err := q.findParameter(in.Name)
	if err != nil {
		return nil, err
	}
	size := historyPage
	if in.MaxResults != nil {
		size = *in.MaxResults
	}
	if size < 1 || size > historyPage {
		return nil, errConstraint(ssm, "maxResults", strconv.Itoa(size), "Member must have value between 1 and 50")
	}
	from, to, next, err := tokenPage(len(p.history), &size, in.NextToken)
	if err != nil {
		return nil, err
	}
	list := []parameterOutput{}
	for _, v := range p.history[from:to] {
		list = append(list, p.metadata(v, in.WithDecryption))
	}
	out := map[string]any{"Parameters": list}
	if next != "" {
		out["NextToken"] = next
	}
	return out, nil
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
		one := p.metadata(p.newest(), false)
		one.Value = ""
		list = append(list, one)
	}
	out := map[string]any{"Parameters": list}
	if next != "" {
		out["NextToken"] = next
	}
	return out, nil
}
