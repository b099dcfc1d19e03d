package config

import (
	"regexp"
	"strings"
)

// Bitbucket is variables of Bitbucket Pipelines.
type Bitbucket struct {
	Workspace   string `yaml:"workspace" jsonschema:"required" doc:"The workspace's id, as in the address of its pages. Without repository its own variables are written."`
	Repository  string `yaml:"repository" doc:"The slug of the repository whose variables are written."`
	Environment string `yaml:"environment" doc:"A deployment environment of the repository, whose variables are written instead of the repository's own. It must exist."`
	Token       Secret `yaml:"token" jsonschema:"required" doc:"An access token of the repository, project or workspace, or an API token together with email; best read from a file: ${file:/etc/keyrotator/bitbucket-token}."`
	Email       string `yaml:"email" doc:"The address of the Atlassian account that an API token belongs to."`
	URL         string `yaml:"url" jsonschema:"default=https://api.bitbucket.org/2.0" doc:"Where the API of Bitbucket Cloud is."`
	CAFile      string `yaml:"ca_file" doc:"Absolute path of certificates in PEM to trust beside the system's."`
	Variables   `yaml:",inline"`
	Adopt       bool `yaml:"adopt" doc:"Take over variables that exist and were not made by keyrotator."`
}

// Names of Bitbucket Cloud: ids of workspaces and slugs of repositories are what
// its addresses hold.
var (
	bitbucketWorkspace  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,62}$`)
	bitbucketRepository = regexp.MustCompile(`^[A-Za-z0-9_.-]{0,61}[A-Za-z0-9_-]$`)
	emailAddress        = regexp.MustCompile(`^[^\s:@]+@[^\s:@]+$`) // without a colon, which ends the user's name in a header
)

func (v *Bitbucket) complete(*Config, User) { v.Variables.complete() }

// place names what holds the variables. Ids and slugs are in lower case.
func (v *Bitbucket) place() string {
	place := hostOf(v.URL) + "/" + strings.ToLower(v.Workspace) + "/" + strings.ToLower(v.Repository)
	switch {
	case v.Repository == "":
		return hostOf(v.URL) + "/workspaces/" + strings.ToLower(v.Workspace)
	case v.Environment != "":
		return place + "/environments/" + v.Environment
	}
	return place
}

func (v *Bitbucket) location() string { return v.place() + "#" + strings.Join(v.names(), ",") }

func (v *Bitbucket) parts() []string { return v.partsOf(v.place()) }

// holdsSecret is false, for Bitbucket never tells the value of a secured
// variable.
func (v *Bitbucket) holdsSecret() bool { return false }

func (v *Bitbucket) check(c *checker, path string) {
	c.service(path, v.URL, v.CAFile)
	c.bearer(path+".token", v.Token)
	if at := path + ".email"; c.given(at) {
		c.match(at, v.Email, emailAddress, "an e-mail address")
	}
	c.match(path+".workspace", v.Workspace, bitbucketWorkspace, "a workspace's id such as acme")
	if at := path + ".repository"; c.given(at) {
		c.match(at, v.Repository, bitbucketRepository, "a repository's slug such as web, without its workspace")
	}
	switch at := path + ".environment"; {
	case !c.given(at) || !c.usable(at):
	case !c.given(path + ".repository"):
		c.failKey(at, "has no use without repository", "environments belong to a repository")
	case strings.TrimSpace(v.Environment) == "":
		c.fail(at, "is empty", "leave the key out for the repository's own variables")
	}
	c.variables(path, v.Variables, variable, "a variable's name (letters, digits and underscores; no digit first)")
}
