package config

import "strings"

// Exec is a program of the operator's own that writes the credential to
// wherever it belongs.
type Exec struct {
	Program `yaml:",inline"`
	Reads   bool   `yaml:"reads" doc:"The program knows the verb get, and so the store can be read back."`
	Format  string `yaml:"format" jsonschema:"default=json,enum=json,enum=dotenv,enum=credentials,enum=template" doc:"What the program reads from its standard input, and prints for get: a JSON document, dotenv lines, an AWS credentials file, or a template."`
	Profile string `yaml:"profile" jsonschema:"default=default" doc:"The profile written, for format credentials only."`
	Shape   `yaml:",inline"`
	Adopt   bool `yaml:"adopt" doc:"Take over a place that holds what keyrotator did not write."`
}

func (e *Exec) complete(*Config, User) { e.Shape.complete(e.Format) }

// location is the command. A program that serves many users needs an argument
// that tells them apart: few programs go by KEYROTATOR_USER, and one that does
// not would overwrite one user's credential with another's.
func (e *Exec) location() string { return strings.Join(e.Command, " ") }

func (e *Exec) holdsSecret() bool { return e.Reads && holdsSecret(e.Format, e.Shape) }

func (e *Exec) check(c *checker, path string) {
	c.program(path, e.Program)
	c.profile(path, e.Format, e.Profile)
	c.shape(path, e.Format, e.Shape)
}
