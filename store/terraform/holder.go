package terraform

import (
	"context"
	"fmt"

	sdk "github.com/hashicorp/go-tfe"

	"github.com/keyrotator/keyrotator/store"
)

// pageSize is the most that a list gives at once ("Pagination" in the API's
// documentation).
const pageSize = 100

// variable is one of either holder.
type variable struct {
	id, key, value, description, category string
	hcl, sensitive                        bool
}

// holder is what variables belong to. The API has the same calls for both, and
// the SDK types of its own for each.
type holder interface {
	// path names the holder, unique on its host.
	path() string
	// permission is what writing needs, in the words of "HCP Terraform
	// permissions" in the documentation.
	permission() string
	// find returns the holder's id.
	find(context.Context) (string, error)
	list(ctx context.Context, id string) ([]variable, error)
	create(ctx context.Context, id string, v variable) error
	// update sends the value and the description; whatever is not sent stays.
	update(ctx context.Context, id string, v variable) error
	mayWrite(context.Context) error
}

// secretly is the setting of a variable that is to become sensitive. One that
// is so already refuses to be told again.
func secretly(v variable) *bool {
	if v.sensitive {
		return nil
	}
	return new(true)
}

// workspace holds variables of its runs.
type workspace struct {
	client             *sdk.Client
	organization, name string
}

func (w workspace) path() string { return w.organization + "/workspaces/" + w.name }

func (workspace) permission() string { return `"Read and write variables" in the workspace` }

func (w workspace) find(ctx context.Context) (string, error) {
	told, err := w.client.Workspaces.Read(ctx, w.organization, w.name)
	if err != nil {
		return "", refusal(err, w)
	}
	return told.ID, nil
}

func (w workspace) list(ctx context.Context, id string) ([]variable, error) {
	var all []variable
	for page := (sdk.VariableListOptions{ListOptions: sdk.ListOptions{PageNumber: 1, PageSize: pageSize}}); ; {
		told, err := w.client.Variables.List(ctx, id, &page)
		if err != nil {
			return nil, refusal(err, w)
		}
		for _, v := range told.Items {
			all = append(all, variable{v.ID, v.Key, v.Value, v.Description, string(v.Category), v.HCL, v.Sensitive})
		}
		if told.Pagination == nil || told.NextPage == 0 {
			return all, nil
		}
		page.PageNumber = told.NextPage
	}
}

func (w workspace) create(ctx context.Context, id string, v variable) error {
	category := sdk.CategoryType(v.category)
	_, err := w.client.Variables.Create(ctx, id, sdk.VariableCreateOptions{
		Key: &v.key, Value: &v.value, Description: &v.description, Category: &category, HCL: new(false), Sensitive: new(true),
	})
	return err
}

func (w workspace) update(ctx context.Context, id string, v variable) error {
	_, err := w.client.Variables.Update(ctx, id, v.id, sdk.VariableUpdateOptions{Value: &v.value, Description: &v.description, Sensitive: secretly(v)})
	return err
}

func (w workspace) mayWrite(ctx context.Context) error {
	told, err := w.client.Workspaces.Read(ctx, w.organization, w.name)
	if err != nil {
		return refusal(err, w)
	}
	if told.Permissions != nil && !told.Permissions.CanUpdateVariable {
		return fmt.Errorf("%w: allow the token's team %s", store.ErrDenied, w.permission())
	}
	return nil
}

// variableSet holds variables of all workspaces that it is applied to.
type variableSet struct {
	client             *sdk.Client
	organization, name string
}

func (s variableSet) path() string { return s.organization + "/varsets/" + s.name }

func (variableSet) permission() string {
	return `"Manage all workspaces" or "Manage all projects" in the organization, or "Write" in the project that owns the variable set`
}

// find looks for the very name: the service searches for parts of names.
func (s variableSet) find(ctx context.Context) (string, error) {
	id := ""
	for page := (sdk.VariableSetListOptions{Query: s.name, ListOptions: sdk.ListOptions{PageNumber: 1, PageSize: pageSize}}); ; {
		told, err := s.client.VariableSets.List(ctx, s.organization, &page)
		if err != nil {
			return "", refusal(err, s)
		}
		for _, set := range told.Items {
			if set.Name != s.name {
				continue
			}
			if id != "" {
				return "", fmt.Errorf("two variable sets are called %q, as a project's may; give one another name", s.name)
			}
			id = set.ID
		}
		if told.Pagination == nil || told.NextPage == 0 {
			break
		}
		page.PageNumber = told.NextPage
	}
	if id == "" {
		return "", missing(s)
	}
	return id, nil
}

func (s variableSet) list(ctx context.Context, id string) ([]variable, error) {
	var all []variable
	for page := (sdk.VariableSetVariableListOptions{ListOptions: sdk.ListOptions{PageNumber: 1, PageSize: pageSize}}); ; {
		told, err := s.client.VariableSetVariables.List(ctx, id, &page)
		if err != nil {
			return nil, refusal(err, s)
		}
		for _, v := range told.Items {
			all = append(all, variable{v.ID, v.Key, v.Value, v.Description, string(v.Category), v.HCL, v.Sensitive})
		}
		if told.Pagination == nil || told.NextPage == 0 {
			return all, nil
		}
		page.PageNumber = told.NextPage
	}
}

func (s variableSet) create(ctx context.Context, id string, v variable) error {
	category := sdk.CategoryType(v.category)
	_, err := s.client.VariableSetVariables.Create(ctx, id, &sdk.VariableSetVariableCreateOptions{
		Key: &v.key, Value: &v.value, Description: &v.description, Category: &category, HCL: new(false), Sensitive: new(true),
	})
	return err
}

func (s variableSet) update(ctx context.Context, id string, v variable) error {
	_, err := s.client.VariableSetVariables.Update(ctx, id, v.id,
		&sdk.VariableSetVariableUpdateOptions{Value: &v.value, Description: &v.description, Sensitive: secretly(v)})
	return err
}

// mayWrite finds no fault: the service does not tell.
func (variableSet) mayWrite(context.Context) error { return nil }
