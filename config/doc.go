// Package config reads the configuration file.
//
// It is strict: an unknown key, a value of the wrong kind, or a section that
// this release does not have is an error, never ignored, because a misspelt
// grace would otherwise cut a key too early. All errors are found in one pass,
// each with its file, line, column, an excerpt with a caret and, where there is
// a near name, a suggestion; see Error.
//
// The types here are plain data in the words of the file. The struct tags carry
// what the loader, the JSON Schema and the reference in docs/configuration.md
// have in common: `yaml` is the key, `doc` its description, and `jsonschema`
// whether it is required, its default, its least and greatest value, and the
// words it may be. One source, so none of the three can drift.
//
// config knows nothing of the rotation cycle; cmd turns these types into the
// core's.
package config

//go:generate go test -run "TestSchemaIsFresh|TestReferenceIsFresh" . -update
