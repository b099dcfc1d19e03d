package config

import (
	"encoding/pem"
	"fmt"
	"regexp"
	"strings"
)

// GitHub is secrets of GitHub Actions.
type GitHub struct {
	Repository   string    `yaml:"repository" doc:"The repository, as OWNER/NAME."`
	Environment  string    `yaml:"environment" doc:"An environment of the repository, whose secrets are written instead of the repository's own. It must exist."`
	Organization string    `yaml:"organization" doc:"The organization whose secrets are written, instead of a repository's."`
	Visibility   string    `yaml:"visibility" jsonschema:"default=private,enum=all,enum=private,enum=selected" doc:"Which repositories see a secret of the organization that is made: all, private and internal ones, or selected ones. A secret that exists keeps who sees it."`
	Repositories []string  `yaml:"repositories" doc:"Names of the organization's repositories that see a secret that is made, for visibility selected."`
	Token        Secret    `yaml:"token" doc:"A personal access token, best read from a file: ${file:/etc/keyrotator/github-token}. Either this or app."`
	App          GitHubApp `yaml:"app" doc:"The GitHub App to sign in as, instead of a token."`
	URL          string    `yaml:"url" jsonschema:"default=https://github.com" doc:"Where people see GitHub: the URL of a GitHub Enterprise Server, or https://NAME.ghe.com."`
	CAFile       string    `yaml:"ca_file" doc:"Absolute path of certificates in PEM to trust beside the system's."`
	Variables    `yaml:",inline"`
	Adopt        bool `yaml:"adopt" doc:"Take over secrets that exist and were not made by keyrotator."`
}

// GitHubApp is a GitHub App that is installed where the secrets are.
type GitHubApp struct {
	ID           string `yaml:"id" doc:"The App's client id or its number."`
	PrivateKey   Secret `yaml:"private_key" doc:"Its private key in PEM, best read from a file: ${file:/etc/keyrotator/github-app.pem}."`
	Installation int    `yaml:"installation" jsonschema:"minimum=1" doc:"The number of its installation; by default the one for the repository or organization."`
}

// Names of GitHub: "Secrets reference" of its documentation, and what its
// pages for new repositories and organizations take.
var (
	githubRepository = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}/[A-Za-z0-9_.-]{1,100}$`)
	githubName       = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`)
	githubOwner      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)
)

const githubPrefix = "GITHUB_"

func (g *GitHub) complete(*Config, User) { g.Variables.complete() }

// place names what holds the secrets. GitHub tells no case apart.
func (g *GitHub) place() string {
	place := hostOf(g.URL) + "/" + strings.ToLower(g.Repository)
	switch {
	case g.Organization != "":
		place = hostOf(g.URL) + "/orgs/" + strings.ToLower(g.Organization)
	case g.Environment != "":
		place += "/environments/" + strings.ToLower(g.Environment)
	}
	return place
}

func (g *GitHub) location() string {
	return g.place() + "#" + strings.ToUpper(strings.Join(g.names(), ","))
}

func (g *GitHub) parts() []string {
	parts := g.names()
	for i, name := range parts {
		parts[i] = g.place() + "#" + strings.ToUpper(name)
	}
	return parts
}

// holdsSecret is false, for GitHub never tells a value.
func (g *GitHub) holdsSecret() bool { return false }

func (g *GitHub) check(c *checker, path string) {
	c.service(path, g.URL, g.CAFile)
	switch c.onlyOne(path, []string{"repository", "organization"}, "repository: OWNER/NAME, or organization: NAME") {
	case "repository":
		c.match(path+".repository", g.Repository, githubRepository, "a repository such as acme/web")
		if at := path + ".environment"; c.given(at) && c.usable(at) && strings.TrimSpace(g.Environment) == "" {
			c.fail(at, "is empty", "leave the key out for the repository's own secrets")
		}
		c.without(path, "without organization", "", "visibility", "repositories")
	case "organization":
		c.match(path+".organization", g.Organization, githubOwner, "an organization's name")
		c.without(path, "with organization", "environments belong to a repository", "environment")
		g.checkVisibility(c, path)
	}
	if c.onlyOne(path, []string{"token", "app"}, "token: ${file:/etc/keyrotator/github-token}, or app") == "app" {
		g.App.check(c, path+".app")
	}
	c.bearer(path+".token", g.Token)
	c.variables(path, g.Variables, variable, "a secret's name (letters, digits and underscores; no digit first)")
	g.checkNames(c, path)
}

func (g *GitHub) checkVisibility(c *checker, path string) {
	at := path + ".repositories"
	if !c.usable(path+".visibility") || !c.usable(at) {
		return
	}
	switch {
	case g.Visibility != "selected":
		c.without(path, "with visibility "+g.Visibility, "add visibility: selected", "repositories")
	case len(g.Repositories) == 0:
		c.fail(path+".visibility", "needs repositories", "name those that are to see the secrets: repositories: [web, api]")
	}
	for i, name := range g.Repositories {
		c.match(fmt.Sprintf("%s[%d]", at, i), name, githubName, "a repository's name without its owner")
	}
}

// checkNames refuses names that are two to us and one to GitHub, or GitHub's own.
func (g *GitHub) checkNames(c *checker, path string) {
	if c.saidAbout(path+".fields") || c.saidAbout(path+".variable") {
		return
	}
	seen := map[string]string{}
	for _, name := range g.names() {
		upper := strings.ToUpper(name)
		if strings.HasPrefix(upper, githubPrefix) {
			c.fail(path, fmt.Sprintf("%q begins with %s, which GitHub reserves", name, githubPrefix), "")
		}
		if other, taken := seen[upper]; taken {
			c.fail(path, fmt.Sprintf("%q and %q are one name to GitHub", other, name), "")
		}
		seen[upper] = name
	}
}

func (a GitHubApp) check(c *checker, path string) {
	if !c.usable(path) {
		return
	}
	for _, key := range []string{"id", "private_key"} {
		if !c.given(path + "." + key) {
			c.fail(path, "needs "+key, "")
		}
	}
	if at := path + ".id"; c.given(at) && c.usable(at) && strings.TrimSpace(a.ID) == "" {
		c.fail(at, "is empty", "")
	}
	if at := path + ".private_key"; c.given(at) && c.usable(at) {
		if block, _ := pem.Decode([]byte(a.PrivateKey.RevealSecretText())); block == nil {
			c.fail(at, "is no key in PEM", "use the file that GitHub handed out: ${file:/etc/keyrotator/github-app.pem}")
		}
	}
}
