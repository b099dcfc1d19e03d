package config

import (
	"fmt"
	"path/filepath"
)

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
