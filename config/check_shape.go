package config

import (
	"fmt"
	"strings"
	"text/template/parse"
)

// maxTemplate is what a secret in Secrets Manager may hold.
const maxTemplate = 65536

// saidAbout reports whether something at a path or below it was refused already.
func (c *checker) saidAbout(path string) bool {
	for _, f := range c.findings {
		if f.Path == path || strings.HasPrefix(f.Path, path+".") {
			return true
		}
	}
	return false
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
