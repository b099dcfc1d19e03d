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
	if shared, ok := s.kind().(sharedPlace); ok {
		p.takeParts(path, s.Kind(), shared.parts())
	}
	if s.File == nil {
		return
	}
	file := filepath.Clean(s.File.Path)
	if form, taken := p.forms[file]; taken && form != s.File.Format {
		p.failKey(path, fmt.Sprintf("another store writes this file in format %s", form), "one format a file")
	}
	p.forms[file] = s.File.Format
}

// takeParts takes single values of a place that other stores may write to too.
func (p *places) takeParts(path, kind string, parts []string) {
	for _, part := range parts {
		location := kind + ":" + part
		if other, taken := p.owner[location]; taken && other != path {
			p.failKey(path, fmt.Sprintf("writes %s, which %s writes already", location, other), "two writers would overwrite each other")
			return
		}
		p.owner[location] = path
	}
}
