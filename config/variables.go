package config

import (
	"fmt"
	"regexp"
)

// Variables is what every kind that holds named values can be told about them.
// Without Variable each field is a value of its own; with it, one value holds
// the whole credential in Format.
//
// A kind embeds it, calls complete, checker.variables and holdsSecret from its
// own methods, and answers parts with its place and each of names.
type Variables struct {
	Variable string `yaml:"variable" doc:"Write one variable of this name, which holds the whole credential in the given format, instead of one for each field. Whoever reads it never sees half of a pair."`
	Format   string `yaml:"format" jsonschema:"enum=json,enum=dotenv,enum=credentials,enum=template" doc:"What the one variable holds: a JSON document (the default), dotenv lines, an AWS credentials file, or a template. For variable only."`
	Profile  string `yaml:"profile" jsonschema:"default=default" doc:"The profile written, for format credentials only."`
	Shape    `yaml:",inline"`
}

// Single reports whether one variable holds the whole credential.
func (v Variables) Single() bool { return v.Variable != "" }

// complete names the variables. Fields of separate variables have the defaults
// of a document's.
func (v *Variables) complete() {
	if !v.Single() {
		v.Shape.complete(FormatDotenv)
		return
	}
	if v.Format == "" {
		v.Format = FormatJSON
	}
	v.Shape.complete(v.Format)
}

// names lists the variables that are written, secrets before ids.
func (v Variables) names() []string {
	if v.Single() {
		return []string{v.Variable}
	}
	var names []string
	for _, name := range []string{v.Fields.Secret, v.Fields.SMTPPassword, v.Fields.KeyID, v.Fields.SMTPUser} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// holdsSecret reports whether the values, where the service tells them, give
// the secret access key.
func (v Variables) holdsSecret() bool {
	if v.Single() {
		return holdsSecret(v.Format, v.Shape)
	}
	return holdsSecret(FormatDotenv, v.Shape)
}

// variables checks the names against what the service allows, which want puts
// into words.
func (c *checker) variables(path string, v Variables, allowed *regexp.Regexp, want string) {
	if at := path + ".variable"; c.given(at) {
		switch {
		case !c.usable(at):
		case v.Variable == "":
			c.fail(at, "is empty", "leave the key out for one variable a field")
		default:
			c.match(at, v.Variable, allowed, want)
			c.profile(path, v.Format, v.Profile)
			c.shape(path, v.Format, v.Shape)
		}
		return
	}
	for _, key := range []string{"format", "profile", "template"} {
		if at := path + "." + key; c.given(at) {
			c.failKey(at, "has no use without variable", "add variable: NAME to write one variable that holds the whole credential")
		}
	}
	c.fields(path, "", v.Shape)
	if at := path + ".ses_region"; c.given(at) {
		c.match(at, v.SESRegion, regionName, "a Region such as eu-west-1")
	}
	for _, f := range []struct{ key, name string }{
		{"key_id", v.Fields.KeyID}, {"secret", v.Fields.Secret}, {"smtp_user", v.Fields.SMTPUser}, {"smtp_password", v.Fields.SMTPPassword},
	} {
		if f.name != "" {
			c.match(path+".fields."+f.key, f.name, allowed, want)
		}
	}
}

// sharedPlace is a kind of store whose place holds values of several writers,
// told apart by name.
type sharedPlace interface {
	// parts names each value with its place, in the way that location does.
	// No two stores may write one of them.
	parts() []string
}

// partsOf puts a place before each variable's name.
func (v Variables) partsOf(place string) []string {
	names := v.names()
	for i, name := range names {
		names[i] = fmt.Sprintf("%s#%s", place, name)
	}
	return names
}
