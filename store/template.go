package store

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"text/template"
)

// templateData is what a template sees.
type templateData struct {
	// KeyID and Secret are the access key id and the secret access key.
	KeyID, Secret string
}

// SMTPPassword derives the SES SMTP password for a Region.
func (d templateData) SMTPPassword(region string) string { return SMTPPassword(d.Secret, region) }

// Template makes the payload of a whole document rendered from a Go template.
// The template sees .KeyID, .Secret and .SMTPPassword "eu-west-1", and beside
// the language's own functions json (a quoted JSON value) and base64. It
// replaces whatever the document held, and it cannot be read back. What cannot
// be parsed or evaluated is an error here already, not at the first rotation.
func Template(text string) (Payload, error) {
	t, err := template.New("payload").Option("missingkey=error").Funcs(template.FuncMap{
		"json": func(v any) (string, error) {
			out, err := json.Marshal(v)
			return string(out), err
		},
		"base64": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	}).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("parse template: %w", err)
	}
	shape := templateShape{t}
	// The trial run has no secret in it, so its error may be shown in full.
	if err := t.Execute(&boundedBuffer{}, templateData{"AKIAEXAMPLE", "example"}); err != nil {
		return nil, fmt.Errorf("evaluate template: %w", err)
	}
	return shape, nil
}

type templateShape struct{ template *template.Template }

// Place implements Payload.
func (templateShape) Place() string { return "template" }

// Trace implements Payload.
func (templateShape) Trace(doc []byte) (string, error) {
	if len(bytes.TrimSpace(doc)) == 0 {
		return "", nil
	}
	return fingerprint(string(doc)), nil
}

// Render implements Payload.
func (s templateShape) Render(_ []byte, c Credential) ([]byte, error) {
	var out boundedBuffer
	if err := s.template.Execute(&out, templateData{c.KeyID(), c.RevealSecret()}); err != nil {
		// The cause is left out: it may quote what the template was given.
		return nil, errors.New("evaluate template: it failed for this credential")
	}
	return out.buffer.Bytes(), nil
}

// boundedBuffer refuses to grow beyond MaxDocument.
type boundedBuffer struct{ buffer bytes.Buffer }

// Write implements io.Writer.
func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.buffer.Len()+len(p) > MaxDocument {
		return 0, fmt.Errorf("%w: more than %d bytes", ErrShape, MaxDocument)
	}
	return b.buffer.Write(p)
}
