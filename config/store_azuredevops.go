package config

import (
	"regexp"
	"strings"
)

// AzureDevOps is variables of a variable group, or a service connection.
type AzureDevOps struct {
	Organization string           `yaml:"organization" jsonschema:"required" doc:"The organization's name, or the collection of an Azure DevOps Server."`
	Project      string           `yaml:"project" jsonschema:"required" doc:"The project's name or id."`
	Group        string           `yaml:"group" doc:"The variable group whose variables are written. It must exist. Either this or connection."`
	Connection   string           `yaml:"connection" doc:"The service connection that gets the key, of the type AWS, which the AWS Toolkit for Azure DevOps adds. It must exist."`
	Token        Secret           `yaml:"token" doc:"A personal access token, best read from a file: ${file:/etc/keyrotator/azuredevops-token}. Either this or entra."`
	Entra        AzureDevOpsEntra `yaml:"entra" doc:"The service principal of Microsoft Entra ID to sign in as, instead of a token."`
	URL          string           `yaml:"url" jsonschema:"default=https://dev.azure.com" doc:"Where Azure DevOps is: the URL of an Azure DevOps Server, without the collection."`
	CAFile       string           `yaml:"ca_file" doc:"Absolute path of certificates in PEM to trust beside the system's."`
	Variables    `yaml:",inline"`
	Adopt        bool `yaml:"adopt" doc:"Take over variables or a connection that exist and were not made by keyrotator. What is marked as another user's is refused all the same."`
}

// AzureDevOpsEntra is a service principal that is a user of the organization.
type AzureDevOpsEntra struct {
	Tenant       string `yaml:"tenant" doc:"The tenant's id or domain."`
	ClientID     string `yaml:"client_id" doc:"The application's id."`
	ClientSecret Secret `yaml:"client_secret" doc:"The application's secret, best read from a file: ${file:/etc/keyrotator/entra-secret}."`
	URL          string `yaml:"url" jsonschema:"default=https://login.microsoftonline.com" doc:"Where Microsoft Entra ID issues tokens."`
}

// Names of Azure DevOps: "Naming restrictions and conventions" and "Define
// variables" of its documentation, the latter also about prefixes that pipelines
// never see.
var (
	azureName     = regexp.MustCompile(`^[^\x00-\x1f\x7f/:\\~&%;@'"?<>|#$*}{,+=\[\]]{1,256}$`)
	azureTitle    = regexp.MustCompile(`^[^\x00-\x1f\x7f,*]{1,256}$`) // a comma parts names in a query, an asterisk stands for any
	azureVariable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)
	entraID       = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$`)
)

// azureReserved begin names that Azure DevOps keeps for itself, in any case.
func azureReserved() []string { return []string{"endpoint", "input", "secret", "path", "securefile"} }

func (a *AzureDevOps) complete(*Config, User) { a.Variables.complete() }

// place names the group or the connection. Azure DevOps tells no case apart.
func (a *AzureDevOps) place() string {
	place := strings.ToLower(hostOf(a.URL) + "/" + a.Organization + "/" + a.Project)
	if a.Connection != "" {
		return place + "/connection/" + strings.ToLower(a.Connection)
	}
	return place + "/group/" + strings.ToLower(a.Group)
}

func (a *AzureDevOps) location() string {
	if a.Connection != "" {
		return a.place()
	}
	return a.place() + "#" + strings.ToUpper(strings.Join(a.names(), ","))
}

func (a *AzureDevOps) parts() []string {
	if a.Connection != "" {
		return nil
	}
	parts := a.names()
	for i, name := range parts {
		parts[i] = a.place() + "#" + strings.ToUpper(name)
	}
	return parts
}

// holdsSecret is false, for Azure DevOps never tells a secret value.
func (a *AzureDevOps) holdsSecret() bool { return false }

func (a *AzureDevOps) check(c *checker, path string) {
	c.service(path, a.URL, a.CAFile)
	c.match(path+".organization", a.Organization, azureName, "an organization's name")
	c.match(path+".project", a.Project, azureName, "a project's name or id")
	switch c.onlyOne(path, []string{"group", "connection"}, "group: NAME of a variable group, or connection: NAME of a service connection") {
	case "group":
		c.match(path+".group", a.Group, azureTitle, "a variable group's name without comma and asterisk")
		c.variables(path, a.Variables, azureVariable, "a variable's name (letters, digits, dots and underscores; no digit first)")
		a.checkNames(c, path)
	case "connection":
		c.match(path+".connection", a.Connection, azureTitle, "a service connection's name without comma and asterisk")
		c.without(path, "with connection", "a connection has fields of its own for the key", "variable", "format", "profile", "fields", "template", "ses_region")
	}
	if c.onlyOne(path, []string{"token", "entra"}, "token: ${file:/etc/keyrotator/azuredevops-token}, or entra") == "entra" {
		a.Entra.check(c, path+".entra")
	}
	c.bearer(path+".token", a.Token)
}

// checkNames refuses names that pipelines never see, and names that are two to
// us and one to Azure DevOps.
func (a *AzureDevOps) checkNames(c *checker, path string) {
	if c.saidAbout(path+".fields") || c.saidAbout(path+".variable") {
		return
	}
	seen := map[string]string{}
	for _, name := range a.names() {
		lower := strings.ToLower(name)
		for _, prefix := range azureReserved() {
			if strings.HasPrefix(lower, prefix) {
				c.fail(path, `"`+name+`" begins with "`+prefix+`", so that pipelines do not see it`, "Azure DevOps keeps such names for itself")
			}
		}
		if other, taken := seen[lower]; taken {
			c.fail(path, `"`+other+`" and "`+name+`" are one name to Azure DevOps`, "")
		}
		seen[lower] = name
	}
}

func (e AzureDevOpsEntra) check(c *checker, path string) {
	if !c.usable(path) {
		return
	}
	for _, key := range []string{"tenant", "client_id", "client_secret"} {
		if !c.given(path + "." + key) {
			c.fail(path, "needs "+key, "")
		}
	}
	if at := path + ".tenant"; c.given(at) {
		c.match(at, e.Tenant, entraID, "a tenant's id or domain")
	}
	if at := path + ".client_id"; c.given(at) {
		c.match(at, e.ClientID, entraID, "an application's id")
	}
	c.bearer(path+".client_secret", e.ClientSecret)
	if at := path + ".url"; c.given(at) && c.usable(at) {
		if wrong := wrongEndpoint(e.URL); wrong != "" {
			c.spoil(at, wrong, "")
		}
	}
}
