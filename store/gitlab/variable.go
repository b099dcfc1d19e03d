package gitlab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	sdk "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/keyrotator/keyrotator/store"
)

const (
	// maxDescription is how long a variable's description may be, in characters
	// (GitLab Docs, "Project-level CI/CD variables API").
	maxDescription = 255
	// maxKeyID is how long an access key id may be (IAM's API reference).
	maxKeyID = 128
	// maxValue is how long a value may be, in characters (GitLab Docs, "GitLab
	// CI/CD variables").
	maxValue = 10_000
	// leastMasked is how long a masked value must be (same page, "Mask a CI/CD
	// variable").
	leastMasked = 8
)

// expandedMask is what a masked value may be made of where GitLab expands
// variables in it (same page).
var expandedMask = regexp.MustCompile(`^[A-Za-z0-9_+=/@:.~-]*$`)

// variable is what GitLab tells of one (GitLab Docs, "Project-level CI/CD
// variables API"). The SDK's type cannot tell a missing description from an
// empty one, nor a hidden value from one.
type variable struct {
	Value       *string         `json:"value"` // nil when hidden
	Masked      bool            `json:"masked"`
	Raw         bool            `json:"raw"`
	Description json.RawMessage `json:"description"` // nil on servers before 16.2
}

func (v *variable) description() string {
	var text string
	if json.Unmarshal(v.Description, &text) != nil {
		return "" // absent, or null
	}
	return text
}

func (v *variable) mark() store.Mark { return store.ParseMark(v.description()) }

// empty reports whether there is nothing to lose: no value, and no mark.
func (v *variable) empty() bool { return v.Value != nil && *v.Value == "" && v.mark() == store.Mark{} }

// fits says why GitLab would refuse a value, which its own message does not.
func (s *Store) fits(v store.Variable, found *variable) error {
	value := v.RevealValue()
	masked, raw := s.visible != Visible, true
	if found != nil {
		masked, raw = found.Masked, found.Raw
	}
	wrong := ""
	switch {
	case utf8.RuneCountInString(value) > maxValue:
		return fmt.Errorf("%w: %s is longer than %d characters", store.ErrShape, v.Name, maxValue)
	case !masked:
	case utf8.RuneCountInString(value) < leastMasked:
		wrong = fmt.Sprintf("is shorter than %d characters", leastMasked)
	case strings.ContainsFunc(value, unicode.IsSpace):
		wrong = "holds a space or a line break"
	case !raw && !expandedMask.MatchString(value):
		wrong = "holds other characters than letters, digits and _+=/@:.~-, and GitLab is to expand variables in it"
	}
	if wrong == "" {
		return nil
	}
	return fmt.Errorf("%w: GitLab cannot mask %s, since its value %s; use a template without them, or set visibility: visible (in GitLab, for a variable that exists)",
		store.ErrShape, v.Name, wrong)
}

// place is a project or a group, with an environment scope.
type place struct {
	client      *sdk.Client
	host        string
	collection  string // projects or groups
	id          string // path or number
	scope       string
	description string // for people
}

func newPlace(o Options) (place, error) {
	p := place{collection: "projects", id: strings.Trim(o.Project, "/"), scope: o.EnvironmentScope, description: "the project " + o.Project}
	if o.Project == "" {
		p.collection, p.id, p.description = "groups", strings.Trim(o.Group, "/"), "the group "+o.Group
	}
	if (o.Project == "") == (o.Group == "") || p.id == "" {
		return place{}, errors.New("a project or a group is required")
	}
	if p.scope == "" {
		p.scope = "*"
	}
	address := o.URL
	if address == "" {
		address = "https://gitlab.com"
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return place{}, errors.New("the URL is none such as https://gitlab.example.com")
	}
	p.host = strings.ToLower(u.Host) + strings.TrimSuffix(u.Path, "/")
	caller := *o.HTTP
	caller.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p.client, err = sdk.NewClient(o.Token, sdk.WithBaseURL(address), sdk.WithHTTPClient(&caller), sdk.WithoutRetries(), sdk.WithUserAgent("keyrotator"))
	return p, err
}

// name tells places apart. GitLab tells no case apart in paths.
func (p place) name() string {
	name := p.host + "/" + strings.ToLower(p.id)
	if p.collection == "groups" {
		name = p.host + "/groups/" + strings.ToLower(p.id)
	}
	if p.scope != "*" {
		name += "@" + p.scope
	}
	return name
}

func (p place) filter() *sdk.VariableFilter { return &sdk.VariableFilter{EnvironmentScope: p.scope} }

// call makes one request below the place's variables. It reports the status,
// which is 0 when there was no answer.
func (p place) call(ctx context.Context, method, below string, body, into any) (int, error) {
	path := p.collection + "/" + sdk.PathEscape(p.id) + "/variables" + below
	request, err := p.client.NewRequest(method, path, body, []sdk.RequestOptionFunc{sdk.WithContext(ctx)})
	if err != nil {
		return 0, err
	}
	response, err := p.client.Do(request, into)
	if response == nil || response.Response == nil {
		return 0, err
	}
	return response.StatusCode, err
}

// get reads a variable, nil when GitLab knows none.
func (p place) get(ctx context.Context, name string) (*variable, error) {
	found := &variable{}
	status, err := p.call(ctx, http.MethodGet, "/"+url.PathEscape(name), sdk.GetProjectVariableOptions{Filter: p.filter()}, found)
	switch {
	case status == http.StatusNotFound:
		return nil, nil //nolint:nilnil // there is none, and that is no error
	case err != nil:
		return nil, p.refusal(status, err)
	}
	return found, nil
}

// exists asks whether the place is there, and may be read.
func (p place) exists(ctx context.Context) error {
	status, err := p.call(ctx, http.MethodGet, "", sdk.ListOptions{PerPage: 1}, nil)
	if err != nil {
		return p.refusal(status, err)
	}
	return nil
}

// mayWrite asks for the token's scopes. Tokens that cannot say are believed:
// the look at the variables has proven the rest.
func (p place) mayWrite(ctx context.Context) error {
	told, _, err := p.client.PersonalAccessTokens.GetSinglePersonalAccessToken(sdk.WithContext(ctx))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil || len(told.Scopes) == 0 || slices.Contains(told.Scopes, "api") || slices.Contains(told.Scopes, "granular") {
		return nil //nolint:nilerr // a kind of token that GitLab does not describe
	}
	return fmt.Errorf("%w: the token lacks the scope api; it may only %s", store.ErrDenied, strings.Join(told.Scopes, ", "))
}

// write gives a variable its value and our mark, in one call. It reports
// whether it had to.
func (s *Store) write(ctx context.Context, v store.Variable, found *variable, keyID string) (bool, error) {
	value, description := v.RevealValue(), ""
	if found != nil {
		description = found.description()
	}
	marked := store.Mark{Owner: s.owner, KeyID: keyID}.Into(description)
	if n := utf8.RuneCountInString(marked); n > maxDescription {
		return false, fmt.Errorf("%w: the description of %s would be %d characters long with our mark, and GitLab takes %d; shorten it",
			store.ErrShape, v.Name, n, maxDescription)
	}
	if found == nil {
		fresh := s.fresh
		fresh.Key, fresh.Value, fresh.Description = &v.Name, &value, &marked
		status, err := s.place.call(ctx, http.MethodPost, "", fresh, nil)
		return err == nil, s.place.lost(ctx, status, err)
	}
	if found.Value != nil && *found.Value == value && (marked == description || found.Description == nil) {
		return false, nil
	}
	change := sdk.UpdateProjectVariableOptions{Value: &value, Description: &marked, Filter: s.place.filter()}
	status, err := s.place.call(ctx, http.MethodPut, "/"+url.PathEscape(v.Name), change, nil)
	if status == http.StatusNotFound {
		return false, fmt.Errorf("%w: somebody removed %s", store.ErrConflict, v.Name)
	}
	return err == nil, s.place.lost(ctx, status, err)
}
