package config

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"text/template/parse"
)

// maxTemplate is what a secret in Secrets Manager may hold.
const maxTemplate = 65536

func (c *checker) store(path string, s Store) {
	if !c.usable(path) || !c.given(path) {
		return
	}
	if s.SecretsManager != nil && s.File != nil {
		c.failKey(path, "has two kinds", "exactly one kind a store; a second store is a second consumer")
		return
	}
	switch {
	case s.SecretsManager != nil:
		c.secretsManager(path+".secretsmanager", s.SecretsManager)
	case s.File != nil:
		c.file(path+".file", s.File)
	case !c.saidAbout(path):
		c.fail(path, "names no kind", "one of secretsmanager, file")
	}
}

// saidAbout reports whether something at a path or below it was refused already.
func (c *checker) saidAbout(path string) bool {
	for _, f := range c.findings {
		if f.Path == path || strings.HasPrefix(f.Path, path+".") {
			return true
		}
	}
	return false
}

func (c *checker) secretsManager(path string, m *SecretsManager) {
	if !c.usable(path) {
		return
	}
	if c.given(path+".account") && c.usable(path+".account") {
		c.knownAccount(path+".account", m.Account)
	}
	region := c.given(path+".region") && c.match(path+".region", m.Region, regionName, "a Region such as eu-west-1")
	if c.usable(path + ".secret") {
		c.secret(path, region, m)
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

func (c *checker) secret(path string, regionGiven bool, m *SecretsManager) {
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

func (c *checker) file(path string, f *File) {
	if !c.usable(path) {
		return
	}
	if c.usable(path + ".path") {
		c.absolute(path+".path", f.Path)
	}
	if at := path + ".mode"; c.match(at, f.Mode, fileMode, `permissions such as "0600"`) {
		mode, _ := strconv.ParseUint(f.Mode, 8, 32) // the pattern leaves nothing to fail
		switch {
		case mode&0o600 != 0o600:
			c.fail(at, "must let the owner read and write", "0600 or 0640")
		case mode&0o137 != 0:
			c.fail(at, "may let the group read, and nothing more", "0600 or 0640")
		}
	}
	c.profile(path, f.Format, f.Profile)
	c.shape(path, f.Format, f.Shape)
}

func (c *checker) profile(path, format, profile string) {
	at := path + ".profile"
	if !c.given(at) || !c.usable(path+".format") {
		return
	}
	if format != FormatCredentials {
		c.failKey(at, fmt.Sprintf("has no use with format %s", format), "")
		return
	}
	c.match(at, profile, profileName, "a profile's name")
}

func (c *checker) shape(path, format string, s Shape) {
	if !c.usable(path + ".format") {
		return
	}
	document := format == FormatJSON || format == FormatDotenv
	if c.given(path+".fields") && !document {
		c.failKey(path+".fields", fmt.Sprintf("has no use with format %s", format), "fields name the values of json and dotenv")
	} else if document {
		c.fields(path, format, s)
	}
	c.template(path, format, s.Template)
	if at := path + ".ses_region"; c.given(at) && c.usable(at) {
		if format == FormatCredentials {
			c.failKey(at, "has no use with format credentials", "an SMTP password is not an AWS credential; use json, dotenv or template")
			return
		}
		c.match(at, s.SESRegion, regionName, "a Region such as eu-west-1")
	}
}

func (c *checker) fields(path, format string, s Shape) {
	names := map[string]string{}
	for _, f := range []struct{ key, name string }{
		{"key_id", s.Fields.KeyID}, {"secret", s.Fields.Secret}, {"smtp_user", s.Fields.SMTPUser}, {"smtp_password", s.Fields.SMTPPassword},
	} {
		at := path + ".fields." + f.key
		if !c.usable(at) {
			continue
		}
		if c.given(at) && f.name == "" {
			c.fail(at, "is empty", "leave the key out for its usual name")
			continue
		}
		if f.name == "" {
			continue
		}
		if format == FormatDotenv {
			c.match(at, f.name, variable, "a variable's name")
		}
		if strings.HasPrefix(f.key, "smtp_") && s.SESRegion == "" && c.usable(path+".ses_region") {
			c.failKey(at, "needs ses_region", "an SMTP password is derived for one Region")
		}
		if other, taken := names[f.name]; taken {
			c.fail(at, fmt.Sprintf("%q is the name of %s too", f.name, other), "")
		}
		names[f.name] = f.key
	}
}

func (c *checker) template(path, format, text string) {
	at := path + ".template"
	switch {
	case !c.usable(at):
	case format != FormatTemplate && c.given(at):
		c.failKey(at, fmt.Sprintf("has no use with format %s", format), "add format: template")
	case format != FormatTemplate:
	case strings.TrimSpace(text) == "":
		c.fail(at, "format template needs a template", `like "{{.KeyID}}:{{.Secret}}"`)
	case len(text) > maxTemplate:
		c.fail(at, fmt.Sprintf("is longer than %d bytes", maxTemplate), "")
	default:
		tree := parse.New("template")
		// Which functions there are is the store's business, not the file's.
		tree.Mode = parse.SkipFuncCheck
		if _, err := tree.Parse(text, "", "", map[string]*parse.Tree{}); err != nil {
			c.fail(at, "is not a Go template", "check its braces and actions")
		}
	}
}

// places remembers who writes where, since two writers would overwrite each
// other without end.
type places struct {
	*checker
	owner map[string]string // location → path of the store
	forms map[string]string // file → its format
}

func newPlaces(c *checker) *places {
	return &places{checker: c, owner: map[string]string{}, forms: map[string]string{}}
}

func (p *places) take(path string, s Store) {
	if s.Kind() == "" || p.saidAbout(path) || !p.usable(path) {
		return
	}
	location := s.Location()
	if other, taken := p.owner[location]; taken {
		p.failKey(path, fmt.Sprintf("is the place that %s writes to already", other), "two writers would overwrite each other")
		return
	}
	p.owner[location] = path
	if s.File == nil {
		return
	}
	file := filepath.Clean(s.File.Path)
	if form, taken := p.forms[file]; taken && form != s.File.Format {
		p.failKey(path, fmt.Sprintf("another store writes this file in format %s", form), "one format a file")
	}
	p.forms[file] = s.File.Format
}
