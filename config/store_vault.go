package config

import (
	"regexp"
	"strings"
)

// Vault is a secret of the KV engine, version 2, of HashiCorp Vault or OpenBao.
type Vault struct {
	URL        string          `yaml:"url" jsonschema:"required" doc:"The server's URL, such as https://vault.example.com:8200."`
	Namespace  string          `yaml:"namespace" doc:"The namespace, where there are any."`
	CAFile     string          `yaml:"ca_file" doc:"Absolute path of certificates in PEM to trust beside the system's."`
	AppRole    VaultAppRole    `yaml:"approle" doc:"Log in with AppRole. Exactly one of approle, kubernetes and token_file is given."`
	Kubernetes VaultKubernetes `yaml:"kubernetes" doc:"Log in with the token of this pod's service account."`
	TokenFile  string          `yaml:"token_file" doc:"Absolute path of a file that holds a token, such as the sink of a Vault agent. It is read again when the token has died."`
	Mount      string          `yaml:"mount" jsonschema:"default=secret" doc:"Where the KV engine is mounted."`
	Path       string          `yaml:"path" jsonschema:"required" doc:"The secret's path in the engine, without data/."`
	Variables  `yaml:",inline"`
	Adopt      bool `yaml:"adopt" doc:"Take over a secret that exists and was not made by keyrotator. One that holds a key which is not this user's is refused all the same."`
	Create     bool `yaml:"create" doc:"Create the secret when it does not exist."`
}

// VaultAppRole is a login with AppRole.
type VaultAppRole struct {
	Mount    string `yaml:"mount" jsonschema:"default=approle" doc:"Where the method is mounted below auth/."`
	RoleID   string `yaml:"role_id" doc:"The role's id."`
	SecretID Secret `yaml:"secret_id" doc:"A secret id, best read from a file: ${file:/etc/keyrotator/vault-secret-id}."`
}

// VaultKubernetes is a login with a service account of Kubernetes.
type VaultKubernetes struct {
	Mount     string `yaml:"mount" jsonschema:"default=kubernetes" doc:"Where the method is mounted below auth/."`
	Role      string `yaml:"role" doc:"The role of the method."`
	TokenFile string `yaml:"token_file" jsonschema:"default=/var/run/secrets/kubernetes.io/serviceaccount/token" doc:"Absolute path of the service account's token; name a projected one whose audience the role asks for."`
}

var (
	// vaultPath leaves out what Vault would read as something else: a slash at an
	// end or doubled, and what a URL takes apart.
	vaultPath  = regexp.MustCompile(`^[\w.@:+=~-]+(/[\w.@:+=~-]+)*$`)
	vaultField = regexp.MustCompile(`^[^\s"\\]{1,128}$`)
)

func (v *Vault) complete(*Config, User) { v.Variables.complete() }

// location is the secret: one is written by one user alone, whatever its fields.
func (v *Vault) location() string {
	place := []string{hostOf(v.URL)}
	if namespace := strings.Trim(v.Namespace, "/"); namespace != "" {
		place = append(place, namespace)
	}
	return strings.Join(append(place, v.Mount, v.Path), "/")
}

func (v *Vault) holdsSecret() bool { return v.Variables.holdsSecret() }

func (v *Vault) check(c *checker, path string) {
	c.service(path, v.URL, v.CAFile)
	for _, part := range []struct{ key, text string }{{"namespace", strings.Trim(v.Namespace, "/")}, {"mount", v.Mount}, {"path", v.Path}} {
		if at := path + "." + part.key; c.given(at) {
			c.match(at, part.text, vaultPath, "a path such as team/app, without a slash at its ends")
		}
	}
	if first, _, _ := strings.Cut(v.Path, "/"); c.usable(path+".path") && (first == "data" || first == "metadata") {
		c.fail(path+".path", "begins with "+first+", which the API puts there", "give the path as the command line has it: vault kv get -mount="+v.Mount+" PATH")
	}
	switch c.onlyOne(path, []string{"approle", "kubernetes", "token_file"}, "token_file: /run/vault/token, or approle, or kubernetes") {
	case "approle":
		v.AppRole.check(c, path+".approle")
	case "kubernetes":
		v.Kubernetes.check(c, path+".kubernetes")
	case "token_file":
		if at := path + ".token_file"; c.usable(at) {
			c.absolute(at, v.TokenFile)
		}
	}
	c.variables(path, v.Variables, vaultField, "a field's name, without spaces and quotes")
}

func (a VaultAppRole) check(c *checker, path string) {
	if !c.usable(path) {
		return
	}
	c.needs(path, "role_id", "secret_id")
	c.match(path+".mount", a.Mount, vaultPath, "a path below auth/")
	if at := path + ".role_id"; c.given(at) && c.usable(at) && strings.TrimSpace(a.RoleID) == "" {
		c.fail(at, "is empty", "")
	}
	c.bearer(path+".secret_id", a.SecretID)
}

func (k VaultKubernetes) check(c *checker, path string) {
	if !c.usable(path) {
		return
	}
	c.needs(path, "role")
	c.match(path+".mount", k.Mount, vaultPath, "a path below auth/")
	if at := path + ".role"; c.given(at) && c.usable(at) && strings.TrimSpace(k.Role) == "" {
		c.fail(at, "is empty", "")
	}
	if at := path + ".token_file"; c.given(at) && c.usable(at) {
		c.absolute(at, k.TokenFile)
	}
}

// needs refuses a section that lacks one of the keys.
func (c *checker) needs(path string, keys ...string) {
	for _, key := range keys {
		if !c.given(path + "." + key) {
			c.fail(path, "needs "+key, "")
		}
	}
}
