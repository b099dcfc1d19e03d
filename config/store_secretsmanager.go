package config

import (
	"fmt"
	"strings"
)

// SecretsManager is a secret in AWS Secrets Manager. Account and Region are
// filled in from the user's account.
type SecretsManager struct {
	Secret  string `yaml:"secret" jsonschema:"required" doc:"The secret's name or ARN."`
	Region  string `yaml:"region" doc:"The secret's Region; by default the ARN's, else the account's."`
	Account string `yaml:"account" doc:"Name of another configured account that holds the secret; by default the user's own."`
	Format  string `yaml:"format" jsonschema:"default=json,enum=json,enum=dotenv,enum=credentials,enum=template" doc:"What is written: a JSON document, of which fields that are not ours are kept; dotenv lines; an AWS credentials file; or a template."`
	Profile string `yaml:"profile" jsonschema:"default=default" doc:"The profile written, for format credentials only."`
	Shape   `yaml:",inline"`
	Adopt   bool   `yaml:"adopt" doc:"Take over a secret that exists and was not made by keyrotator. One that holds a key which is not this user's is refused all the same."`
	Create  bool   `yaml:"create" doc:"Create the secret when it does not exist."`
	KMSKey  string `yaml:"kms_key" doc:"Id, ARN or alias of the KMS key for a secret that create makes; by default aws/secretsmanager."`
}

func (m *SecretsManager) complete(c *Config, u User) {
	if m.Account == "" {
		m.Account = u.Account()
	}
	if m.Region == "" {
		m.Region = c.Accounts[m.Account].Region
		if arn, ok := parseARN(m.Secret); ok {
			m.Region = arn.region
		}
	}
	m.Shape.complete(m.Format)
}

func (m *SecretsManager) location() string {
	return m.Account + "/" + m.Region + "/" + secretName(m.Secret)
}

// stages: a version may wait under AWSPENDING.
func (m *SecretsManager) stages() bool { return m.holdsSecret() }

func (m *SecretsManager) holdsSecret() bool { return holdsSecret(m.Format, m.Shape) }

func (m *SecretsManager) check(c *checker, path string) {
	if c.given(path+".account") && c.usable(path+".account") {
		c.knownAccount(path+".account", m.Account)
	}
	region := c.given(path+".region") && c.match(path+".region", m.Region, regionName, "a Region such as eu-west-1")
	if c.usable(path + ".secret") {
		m.checkSecret(c, path, region)
	}
	if c.given(path+".kms_key") && c.usable(path+".kms_key") {
		switch {
		case m.KMSKey == "":
			c.fail(path+".kms_key", "is empty", "")
		case !m.Create:
			c.failKey(path+".kms_key", "has no use without create", "a secret that exists keeps its key")
		}
	}
	c.profile(path, m.Format, m.Profile)
	c.shape(path, m.Format, m.Shape)
}

func (m *SecretsManager) checkSecret(c *checker, path string, regionGiven bool) {
	at := path + ".secret"
	parsed, isARN := parseARN(m.Secret)
	if !isARN {
		c.match(at, m.Secret, secretID, "a secret's name (1 to 512 letters, digits or /_+=.@-) or ARN")
		return
	}
	account, known := c.cfg.Accounts[m.Account]
	name, isSecret := strings.CutPrefix(parsed.resource, "secret:")
	switch {
	case parsed.service != "secretsmanager" || !isSecret || !secretID.MatchString(name) || !regionName.MatchString(parsed.region):
		c.fail(at, fmt.Sprintf("%q is not a secret's ARN", m.Secret), "like arn:aws:secretsmanager:eu-west-1:111122223333:secret:name-AbCdEf")
	case regionGiven && m.Region != parsed.region:
		c.fail(path+".region", fmt.Sprintf("the ARN says %s", parsed.region), "leave region out: the ARN has it")
	case known && c.usable(join("accounts", m.Account)+".id") && account.ID != parsed.account:
		c.fail(at, fmt.Sprintf("the secret is in account %s, not in %s, which is %q", parsed.account, account.ID, m.Account),
			"name the account that holds it: account: NAME")
	}
}

// secretSuffix is the length of the hyphen and six characters that Secrets
// Manager appends to a secret's name in its ARN.
const secretSuffix = 7

// secretName returns the name of a secret given by name or by ARN.
func secretName(secret string) string {
	parsed, ok := parseARN(secret)
	if !ok {
		return secret
	}
	name := strings.TrimPrefix(parsed.resource, "secret:")
	if cut := len(name) - secretSuffix; cut > 0 && name[cut] == '-' {
		return name[:cut]
	}
	return name
}
