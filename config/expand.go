package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxIncluded bounds a file that ${file:…} reads.
const maxIncluded = 64 << 10

// Env is what ${env:…} and ${file:…} read from. A nil function has nothing.
type Env struct {
	// LookupEnv returns an environment variable and whether it is set.
	LookupEnv func(name string) (string, bool)
	// ReadFile returns the contents of a file.
	ReadFile func(path string) ([]byte, error)
}

// OSEnv reads the process's environment and this machine's files.
func OSEnv() Env { return Env{LookupEnv: os.LookupEnv, ReadFile: os.ReadFile} }

// expand replaces ${env:NAME} and ${file:/path} and turns $${ into ${. Its
// second result says whether anything was replaced. Errors name the variable or
// the file, never what is in it. What was inserted is not expanded again.
func (e Env) expand(text string) (string, bool, error) {
	var b strings.Builder
	replaced := false
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			b.WriteString(text)
			return b.String(), replaced, nil
		}
		if i > 0 && text[i-1] == '$' {
			b.WriteString(text[:i-1] + "${")
			text = text[i+2:]
			continue
		}
		inner, rest, closed := strings.Cut(text[i+2:], "}")
		if !closed {
			return "", false, errors.New("${ has no closing brace; write $${ for a literal ${")
		}
		value, err := e.resolve(inner)
		if err != nil {
			return "", false, err
		}
		b.WriteString(text[:i] + value)
		text, replaced = rest, true
	}
}

func (e Env) resolve(inner string) (string, error) {
	scheme, name, _ := strings.Cut(inner, ":")
	switch scheme {
	case "env":
		return e.variable(name)
	case "file":
		return e.file(name)
	}
	return "", fmt.Errorf("${%s} is neither ${file:/path} nor ${env:NAME}; write $${ for a literal ${", inner)
}

func (e Env) variable(name string) (string, error) {
	if name == "" {
		return "", errors.New("${env:} names no environment variable")
	}
	if e.LookupEnv != nil {
		if value, ok := e.LookupEnv(name); ok {
			return value, nil
		}
	}
	return "", fmt.Errorf("environment variable %q is not set", name)
}

// file reads a file without its one final line break, which editors add.
func (e Env) file(path string) (string, error) {
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("${file:%s} is not an absolute path", path)
	}
	if e.ReadFile == nil {
		return "", fmt.Errorf("file %q does not exist", path)
	}
	data, err := e.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("file %q does not exist", path)
	case errors.Is(err, fs.ErrPermission):
		return "", fmt.Errorf("file %q may not be read by this user", path)
	case err != nil:
		return "", fmt.Errorf("file %q cannot be read", path)
	case len(data) > maxIncluded:
		return "", fmt.Errorf("file %q is larger than %d bytes", path, maxIncluded)
	}
	text := strings.TrimSuffix(string(data), "\n")
	return strings.TrimSuffix(text, "\r"), nil
}
