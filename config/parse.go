package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	yaml "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxFile bounds the configuration file; five thousand users take about 2 MiB.
const maxFile = 8 << 20

// Load reads and checks the configuration file at path, with the process's
// environment. An error is either an *Error, which has everything that is wrong
// with the contents, or says why the file could not be read.
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, data, OSEnv())
}

// Parse checks the configuration in data and fills in the defaults. name is
// what findings call the file. An error is always an *Error. No input makes
// Parse panic.
func Parse(name string, data []byte, env Env) (*Config, error) {
	src := newSource(name, data)
	cfg := &Config{src: src}
	fillDefaults(reflect.ValueOf(cfg).Elem())
	if node, ok := src.readYAML(data); ok {
		d := &decoder{source: src, env: env}
		if node == nil {
			node = &ast.MappingNode{BaseNode: &ast.BaseNode{}, Start: &token.Token{Value: "{", Position: &token.Position{Line: 1, Column: 1}}}
		}
		d.decode(node, reflect.ValueOf(cfg).Elem(), field{}, "")
		cfg.complete()
		(&checker{source: src, cfg: cfg, gaps: map[string]time.Duration{}}).check()
	}
	if len(src.findings) > 0 {
		return nil, &Error{Findings: sortFindings(src.findings)}
	}
	cfg.print = fingerprint(data)
	return cfg, nil
}

// readYAML parses the text; nil for a file that holds nothing. False means that
// the text cannot be walked at all, and that the reason was recorded.
func (s *source) readYAML(data []byte) (node ast.Node, ok bool) {
	start := place{1, 1, 1}
	switch {
	case len(data) > maxFile:
		s.failAt(start, "", fmt.Sprintf("the file is larger than %d MiB", maxFile>>20), "")
		return nil, false
	case !utf8.Valid(data):
		s.failAt(start, "", "the file is not UTF-8 text", "")
		return nil, false
	}
	// The parser is not ours: whatever it trips over is an error of the file.
	defer func() {
		if r := recover(); r != nil {
			s.failAt(start, "", "the file cannot be read as YAML", "")
			node, ok = nil, false
		}
	}()
	tokens := lexer.Tokenize(strings.TrimPrefix(string(data), "\ufeff"))
	if t := tooDeep(tokens); t != nil {
		s.failAt(placeOf(t), "", "nested too deeply", "")
		return nil, false
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		s.syntaxError(err)
		return nil, false
	}
	return s.onlyDocument(file)
}

func (s *source) syntaxError(err error) {
	if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		s.failAt(placeOf(syntax.Token), "", "not valid YAML: "+syntax.Message, "")
		return
	}
	// The library's rendering holds an excerpt that is not masked.
	s.failAt(place{1, 1, 1}, "", "the file is not valid YAML", "")
}

func (s *source) onlyDocument(file *ast.File) (ast.Node, bool) {
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case body != nil:
			s.failAt(placeOfNode(doc.Body), "", "a second document begins here", "the file must hold a single YAML document")
			return nil, false
		default:
			body = doc.Body
		}
	}
	return body, true
}

const (
	maxDepth  = 50  // far above anything the configuration has
	maxColumn = 400 // block nesting is told from the indentation
)

// tooDeep returns the token at which the text nests more deeply than any
// configuration does. The parser is recursive and keeps a path for every node,
// so that a small hostile file would cost all memory.
func tooDeep(tokens token.Tokens) *token.Token {
	depth, line, onLine, refused := 0, 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, onLine = t.Position.Line, 0
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		case token.MappingKeyType, token.TagType, token.AnchorType:
			refused++
		case token.SequenceEntryType:
			onLine++
			if t.Position.Column > maxColumn {
				return t
			}
		case token.MappingValueType:
			if depth == 0 && indentation(t) > maxColumn {
				return t
			}
		}
		if max(depth, onLine, refused) > maxDepth {
			return t
		}
	}
	return nil
}

// indentation is the column at which the key before a colon begins.
func indentation(colon *token.Token) int {
	if colon.Prev == nil || colon.Prev.Position == nil {
		return 0
	}
	return colon.Prev.Position.Column
}
