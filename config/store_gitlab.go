package config

import (
	"fmt"
	"regexp"
	"strings"
)

// GitLab is CI/CD variables of a project or a group.
type GitLab struct {
	Project          string `yaml:"project" doc:"Path or number of the project."`
	Group            string `yaml:"group" doc:"Path or number of the group whose variables are written, instead of a project's."`
	EnvironmentScope string `yaml:"environment_scope" jsonschema:"default=*" doc:"The environments that see the variables, such as production or review/*. For groups it needs GitLab Premium."`
	Visibility       string `yaml:"visibility" jsonschema:"default=masked,enum=visible,enum=masked,enum=hidden" doc:"Who sees the value of a variable that is made: all who may see variables (visible), the same but not in job logs (masked), or nobody once it is saved (hidden). A variable that exists keeps what it has. With hidden nothing is read back."`
	Protected        bool   `yaml:"protected" doc:"Only jobs of protected branches and tags see a variable that is made."`
	Type             string `yaml:"type" jsonschema:"default=env_var,enum=env_var,enum=file" doc:"Whether a variable that is made holds its value, or the path of a file with it."`
	Token            Secret `yaml:"token" jsonschema:"required" doc:"A project, group or personal access token of scope api, best read from a file: ${file:/etc/keyrotator/gitlab-token}."`
	URL              string `yaml:"url" jsonschema:"default=https://gitlab.com" doc:"Where people see GitLab."`
	CAFile           string `yaml:"ca_file" doc:"Absolute path of certificates in PEM to trust beside the system's."`
	Variables        `yaml:",inline"`
	Adopt            bool `yaml:"adopt" doc:"Take over variables that exist and were not made by keyrotator. One that is marked as another user's is refused all the same."`
}

// Names of GitLab, from its pages "Reserved project and group names" and
// "GitLab CI/CD variables".
var (
	gitlabProject  = regexp.MustCompile(`^([0-9]+|[A-Za-z0-9_.][A-Za-z0-9_.-]*(/[A-Za-z0-9_.][A-Za-z0-9_.-]*)+)$`)
	gitlabGroup    = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_.-]*(/[A-Za-z0-9_.][A-Za-z0-9_.-]*)*$`)
	gitlabVariable = regexp.MustCompile(`^[A-Za-z0-9_]{1,255}$`)
	gitlabScope    = regexp.MustCompile(`^[A-Za-z0-9_/${}. *-]{1,255}$`)
)

func (g *GitLab) complete(*Config, User) { g.Variables.complete() }

// place names what holds the variables. GitLab tells no case apart in paths.
func (g *GitLab) place() string {
	place := hostOf(g.URL) + "/" + strings.ToLower(g.Project)
	if g.Group != "" {
		place = hostOf(g.URL) + "/groups/" + strings.ToLower(g.Group)
	}
	if g.EnvironmentScope != "*" {
		place += "@" + g.EnvironmentScope
	}
	return place
}

func (g *GitLab) location() string { return g.place() + "#" + strings.Join(g.names(), ",") }

func (g *GitLab) parts() []string { return g.partsOf(g.place()) }

// holdsSecret is false for what GitLab tells nobody.
func (g *GitLab) holdsSecret() bool { return g.Visibility != "hidden" && g.Variables.holdsSecret() }

func (g *GitLab) check(c *checker, path string) {
	c.service(path, g.URL, g.CAFile)
	switch c.onlyOne(path, []string{"project", "group"}, "project: acme/web, or group: acme") {
	case "project":
		c.match(path+".project", g.Project, gitlabProject, "a project's path such as acme/web, or its number")
	case "group":
		c.match(path+".group", g.Group, gitlabGroup, "a group's path such as acme/team, or its number")
	}
	c.match(path+".environment_scope", g.EnvironmentScope, gitlabScope, "an environment scope (letters, digits, spaces or -_/${}.*)")
	c.bearer(path+".token", g.Token)
	c.variables(path, g.Variables, gitlabVariable, "a variable's name (1 to 255 letters, digits and underscores)")
	g.checkMask(c, path)
}

// checkMask refuses documents that GitLab cannot mask, which it would only do
// when the first credential is written.
func (g *GitLab) checkMask(c *checker, path string) {
	at := path + ".format"
	if !g.Single() || g.Format == FormatTemplate || g.Visibility == "visible" || !c.usable(at) || !c.usable(path+".visibility") {
		return
	}
	c.failKey(at, fmt.Sprintf("holds spaces or line breaks in format %s, and GitLab masks no value with them", g.Format),
		`write two variables; or one of format template such as "{{.KeyID}}:{{.Secret}}"; or set visibility: visible`)
}
