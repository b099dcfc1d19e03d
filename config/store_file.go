package config

import (
	"path/filepath"
	"strconv"
)

// File is a file on this machine, replaced atomically.
type File struct {
	Path    string `yaml:"path" jsonschema:"required" doc:"Its absolute path. The folder must exist."`
	Format  string `yaml:"format" jsonschema:"default=credentials,enum=json,enum=dotenv,enum=credentials,enum=template" doc:"What is written: an AWS credentials file, of which other profiles and comments are kept; a JSON document, of which fields that are not ours are kept; dotenv lines; or a template."`
	Profile string `yaml:"profile" jsonschema:"default=default" doc:"The profile written, for format credentials only."`
	Mode    string `yaml:"mode" jsonschema:"default=0600" doc:"The file's permissions in octal; others may never read it."`
	Shape   `yaml:",inline"`
	Adopt   bool `yaml:"adopt" doc:"Take over a file or profile that exists and was not made by keyrotator. One that holds a key which is not this user's is refused all the same."`
}

func (f *File) complete(*Config, User) { f.Shape.complete(f.Format) }

func (f *File) location() string {
	location := filepath.Clean(f.Path)
	if f.Format == FormatCredentials {
		location += "#" + f.Profile
	}
	return location
}

func (f *File) holdsSecret() bool { return holdsSecret(f.Format, f.Shape) }

func (f *File) check(c *checker, path string) {
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
