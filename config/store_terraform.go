package config

import (
	"fmt"
	"regexp"
	"strings"
)

// Terraform is variables of HCP Terraform or Terraform Enterprise.
type Terraform struct {
	Organization string `yaml:"organization" jsonschema:"required" doc:"The organization that holds the workspace or the variable set."`
	Workspace    string `yaml:"workspace" doc:"Name of the workspace."`
	VariableSet  string `yaml:"variable_set" doc:"Name of the variable set whose variables are written, instead of a workspace's."`
	Category     string `yaml:"category" jsonschema:"default=env,enum=env,enum=terraform" doc:"Whether the variables are of the run's environment, or inputs of the Terraform configuration. Variables of one name and another category are left alone."`
	Token        Secret `yaml:"token" jsonschema:"required" doc:"The token of a team or a user, best read from a file: ${file:/etc/keyrotator/terraform-token}."`
	URL          string `yaml:"url" jsonschema:"default=https://app.terraform.io" doc:"Where people see HCP Terraform or Terraform Enterprise."`
	CAFile       string `yaml:"ca_file" doc:"Absolute path of certificates in PEM to trust beside the system's."`
	Variables    `yaml:",inline"`
	Adopt        bool `yaml:"adopt" doc:"Take over variables that exist and were not made by keyrotator. One that is marked as another user's is refused all the same."`
}

// Names of HCP Terraform, from the pages "Organizations", "Create workspaces"
// and "Manage variables" of its documentation.
var (
	terraformName     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,90}$`)
	terraformVariable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,127}$`)
)

func (t *Terraform) complete(*Config, User) { t.Variables.complete() }

// place names what holds the variables.
func (t *Terraform) place() string {
	place := hostOf(t.URL) + "/" + t.Organization + "/workspaces/" + t.Workspace
	if t.VariableSet != "" {
		place = hostOf(t.URL) + "/" + t.Organization + "/varsets/" + t.VariableSet
	}
	return place + "/" + t.Category
}

func (t *Terraform) location() string { return t.place() + "#" + strings.Join(t.names(), ",") }

func (t *Terraform) parts() []string { return t.partsOf(t.place()) }

// holdsSecret is false, for HCP Terraform never tells a sensitive value.
func (t *Terraform) holdsSecret() bool { return false }

func (t *Terraform) check(c *checker, path string) {
	c.service(path, t.URL, t.CAFile)
	if at := path + ".url"; c.given(at) && c.usable(at) && strings.Contains(hostOf(t.URL), "/") {
		c.fail(at, "must have no path", "like https://terraform.example.com")
	}
	c.match(path+".organization", t.Organization, terraformName, "an organization's name")
	switch c.onlyOne(path, []string{"workspace", "variable_set"}, "workspace: NAME, or variable_set: NAME") {
	case "workspace":
		c.match(path+".workspace", t.Workspace, terraformName, "a workspace's name (letters, digits, - and _; 90 at most)")
	case "variable_set":
		if at := path + ".variable_set"; c.usable(at) && strings.TrimSpace(t.VariableSet) == "" {
			c.fail(at, "is empty", "")
		}
	}
	c.bearer(path+".token", t.Token)
	if t.Category == "terraform" {
		c.variables(path, t.Variables, terraformVariable, "the name of an input variable")
	} else {
		c.variables(path, t.Variables, variable, "the name of an environment variable")
	}
	t.checkLines(c, path)
}

// checkLines refuses documents that an environment variable cannot hold, which
// the service would only do when the first credential is written.
func (t *Terraform) checkLines(c *checker, path string) {
	at := path + ".format"
	if !t.Single() || t.Category != "env" || !c.usable(at) || t.Format != FormatDotenv && t.Format != FormatCredentials {
		return
	}
	c.failKey(at, fmt.Sprintf("has several lines in format %s, and an environment variable of HCP Terraform holds one", t.Format),
		"write two variables; or a document of format json or template; or set category: terraform")
}
