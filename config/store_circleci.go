package config

import (
	"regexp"
	"strings"
)

// CircleCI is environment variables of CircleCI.
type CircleCI struct {
	Context      string `yaml:"context" doc:"The context to write to, by its id, or by its name together with organization."`
	Organization string `yaml:"organization" doc:"The organization that a context given by name belongs to: its slug, such as gh/acme, or its id."`
	Project      string `yaml:"project" doc:"The slug of the project to write to, instead of a context: gh/acme/app, bb/acme/app, or circleci/ORGANIZATION-ID/PROJECT-ID."`
	Token        Secret `yaml:"token" jsonschema:"required" doc:"A personal API token, best read from a file: ${file:/etc/keyrotator/circleci-token}."`
	URL          string `yaml:"url" jsonschema:"default=https://circleci.com" doc:"Where CircleCI is: the URL of a CircleCI server."`
	CAFile       string `yaml:"ca_file" doc:"Absolute path of certificates in PEM to trust beside the system's."`
	Variables    `yaml:",inline"`
	Adopt        bool `yaml:"adopt" doc:"Take over variables that exist and were not made by keyrotator."`
}

// Slugs and ids as the documentation of CircleCI's API, version 2, writes them.
var (
	circleID           = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	circleOrganization = regexp.MustCompile(`^[a-z]+/[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*$`)
	circleProject      = regexp.MustCompile(`^[a-z]+/[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*/[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*$`)
)

func (v *CircleCI) complete(*Config, User) { v.Variables.complete() }

// place names what holds the variables.
func (v *CircleCI) place() string {
	place := hostOf(v.URL) + "/"
	switch {
	case v.Project != "":
		return place + "project/" + v.Project
	case circleID.MatchString(v.Context):
		return place + "context/" + v.Context
	}
	return place + "context/" + v.Organization + "/" + v.Context
}

func (v *CircleCI) location() string { return v.place() + "#" + strings.Join(v.names(), ",") }

func (v *CircleCI) parts() []string { return v.partsOf(v.place()) }

// holdsSecret is false, for CircleCI never tells a value.
func (v *CircleCI) holdsSecret() bool { return false }

func (v *CircleCI) check(c *checker, path string) {
	c.service(path, v.URL, v.CAFile)
	c.bearer(path+".token", v.Token)
	switch at := path + ".organization"; c.onlyOne(path, []string{"context", "project"}, "context: ID, or project: gh/OWNER/REPOSITORY") {
	case "context":
		v.checkContext(c, path)
	case "project":
		c.match(path+".project", v.Project, circleProject, "a project's slug such as gh/acme/app")
		if c.given(at) {
			c.failKey(at, "has no use with project", "the project's slug names its organization")
		}
	}
	c.variables(path, v.Variables, variable, "a variable's name (letters, digits and underscores; no digit first)")
}

func (v *CircleCI) checkContext(c *checker, path string) {
	at, given := path+".organization", c.given(path+".organization")
	switch {
	case !c.usable(path + ".context"):
	case strings.TrimSpace(v.Context) == "":
		c.fail(path+".context", "is empty", "")
	case circleID.MatchString(v.Context) && given:
		c.failKey(at, "has no use with a context's id", "the id is known in all organizations")
	case !circleID.MatchString(v.Context) && !given:
		c.fail(path+".context", "is a name, which needs organization", "organization: gh/OWNER, or write the context's id")
	case given && c.usable(at) && !circleID.MatchString(v.Organization):
		c.match(at, v.Organization, circleOrganization, "an organization's slug such as gh/acme, or its id")
	}
}
