package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// Program is a program of the operator's own that keyrotator runs.
type Program struct {
	Command     []string          `yaml:"command" jsonschema:"required" doc:"The program's absolute path, then its arguments. Its first argument is always the verb; these follow. They are visible to everybody on the machine."`
	Environment map[string]string `yaml:"environment" doc:"Variables for it, beside PATH, LANG and those that begin with KEYROTATOR_. Nothing else of keyrotator's own environment is passed on; write NAME: ${env:NAME} for what should be. No place for secrets."`
	Timeout     time.Duration     `yaml:"timeout" jsonschema:"default=20s" check:"positive" doc:"How long one run may take; then its whole process group is killed. At most limits.shutdown."`
}

func (c *checker) program(path string, p Program) {
	if at := path + ".command"; c.usable(at) {
		c.command(at, p.Command)
	}
	for _, name := range sortedKeys(p.Environment) {
		at := path + ".environment." + name
		switch {
		case !c.usable(at):
		case !variable.MatchString(name):
			c.failKey(at, fmt.Sprintf("%q is not a variable's name", name), "letters, digits and underscores")
		case strings.HasPrefix(name, "KEYROTATOR_"):
			c.failKey(at, "names that begin with KEYROTATOR_ are set by keyrotator", "")
		case strings.ContainsRune(p.Environment[name], 0):
			c.fail(at, "a variable cannot hold a zero byte", "")
		}
	}
	c.fitsAnEffect(path+".timeout", p.Timeout)
}

func (c *checker) command(at string, command []string) {
	if len(command) == 0 {
		c.fail(at, "is empty", "the program's absolute path, then its arguments")
		return
	}
	for i, word := range command {
		here := fmt.Sprintf("%s[%d]", at, i)
		switch {
		case !c.usable(here):
		case strings.ContainsRune(word, 0):
			c.fail(here, "an argument cannot hold a zero byte", "")
		case i == 0 && (!filepath.IsAbs(word) || strings.HasSuffix(word, "/")):
			c.fail(here, fmt.Sprintf("%q is not the absolute path of a program", word), "no PATH is searched and no shell is started")
		}
	}
}
