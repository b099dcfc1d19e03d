package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The settings of a profile that matter. botocore still honours the older of
// the two names for a session token.
const (
	settingKeyID  = "aws_access_key_id"
	settingSecret = "aws_secret_access_key"
	settingToken  = "aws_session_token"
	settingOlder  = "aws_security_token"
)

// AWSFile is what NewAWSFile needs to know.
type AWSFile struct {
	// Profile is the profile's name; empty means default.
	Profile string
	// Config says that sections are headed as in ~/.aws/config, [profile NAME],
	// not as in ~/.aws/credentials, [NAME]. The default profile is [default] in
	// both.
	Config bool
}

// NewAWSFile makes the payload of an AWS credentials or config file. Only the
// lines of the two settings in the one profile are edited; other profiles,
// settings, comments and the order stay. A session token of the profile is
// removed, because readers would send it with the new key and be refused. A
// profile or a setting that occurs twice, is indented or continued, which AWS's
// SDKs read differently, is refused. The result is a ReadablePayload.
func NewAWSFile(f AWSFile) (Payload, error) {
	if f.Profile == "" {
		f.Profile = "default"
	}
	if strings.TrimSpace(f.Profile) != f.Profile || strings.ContainsAny(f.Profile, "[]\"'#;\r\n\t\x00") {
		return nil, fmt.Errorf("name an AWS profile: %q is not usable", f.Profile)
	}
	if f.Config && strings.Contains(f.Profile, " ") {
		return nil, fmt.Errorf("name an AWS profile: %q has a space, which a config file has to quote", f.Profile)
	}
	return awsFile{f}, nil
}

type awsFile struct{ AWSFile }

// Place implements Payload.
func (f awsFile) Place() string { return fmt.Sprintf("profile %q", f.Profile) }

// Trace implements Payload.
func (f awsFile) Trace(doc []byte) (string, error) {
	_, text, err := splitMark(doc)
	if err != nil {
		return "", fmt.Errorf("read AWS file: %w", err)
	}
	s, err := f.find(text)
	if err != nil {
		return "", fmt.Errorf("read AWS file: %w", err)
	}
	if id := s.value(text, settingKeyID); id != "" {
		return id, nil
	}
	return fingerprint(s.value(text, settingSecret)), nil
}

// Parse implements ReadablePayload. ErrShape for a profile with a session
// token, because its key is not one of an IAM user.
func (f awsFile) Parse(doc []byte) (Credential, error) {
	_, text, err := splitMark(doc)
	if err != nil {
		return Credential{}, fmt.Errorf("read AWS file: %w", err)
	}
	s, err := f.find(text)
	if err != nil {
		return Credential{}, fmt.Errorf("read AWS file: %w", err)
	}
	for _, token := range []string{settingToken, settingOlder} {
		if s.value(text, token) != "" {
			return Credential{}, fmt.Errorf("read AWS file: %w: %s has %s, so it holds temporary credentials", ErrShape, f.Place(), token)
		}
	}
	c, err := pair(settingKeyID, s.value(text, settingKeyID), settingSecret, s.value(text, settingSecret))
	if err != nil {
		return Credential{}, fmt.Errorf("read AWS file: %w", err)
	}
	return c, nil
}

// Render implements Payload.
func (f awsFile) Render(doc []byte, c Credential) ([]byte, error) {
	if !plain(c.KeyID()) || !plain(c.RevealSecret()) || strings.ContainsAny(c.KeyID()[:1]+c.RevealSecret()[:1], "#;") {
		return nil, errors.New("render AWS file: credential has characters that cannot be written")
	}
	mark, text, err := splitMark(doc)
	if err != nil {
		return nil, fmt.Errorf("render AWS file: %w", err)
	}
	s, err := f.find(text)
	if err != nil {
		return nil, fmt.Errorf("render AWS file: %w", err)
	}
	id, secret := settingKeyID+" = "+c.KeyID(), settingSecret+" = "+c.RevealSecret()
	if !s.exists {
		lines := []string{"[" + f.header() + "]", id, secret}
		if len(bytes.TrimSpace(text)) > 0 {
			lines = slices.Insert(lines, 0, "")
		}
		return slices.Concat(mark, text, addLines(text, lines...)), nil
	}
	var e edits
	behind := s.header
	var missing []string
	if at, ok := s.settings[settingKeyID]; ok {
		e.replace(at.value, at.end, []byte(pad(text, at)+c.KeyID()))
		behind = at.line
	} else {
		missing = append(missing, id)
	}
	if at, ok := s.settings[settingSecret]; ok {
		e.replace(at.value, at.end, []byte(pad(text, at)+c.RevealSecret()))
	} else {
		missing = append(missing, secret)
	}
	if len(missing) > 0 {
		e.replace(behind.next, behind.next, addLines(text[:behind.next], missing...))
	}
	for _, token := range []string{settingToken, settingOlder} {
		if at, ok := s.settings[token]; ok {
			e.replace(at.line.start, at.line.next, nil)
		}
	}
	return slices.Concat(mark, e.apply(text)), nil
}

// pad returns the space that an empty value needs before it is filled.
func pad(text []byte, at setting) string {
	if at.value == at.end && text[at.value-1] == '=' {
		return " "
	}
	return ""
}

// header returns what the section's brackets hold.
func (f awsFile) header() string {
	if f.Config && f.Profile != "default" {
		return "profile " + f.Profile
	}
	return f.Profile
}

// isHeader reports whether a section headed like this is the profile's.
func (f awsFile) isHeader(inside string) bool {
	fields := strings.Fields(inside)
	if !f.Config {
		return strings.TrimSpace(inside) == f.Profile
	}
	if len(fields) == 2 && fields[0] == "profile" {
		return strings.Trim(fields[1], `"'`) == f.Profile
	}
	return f.Profile == "default" && len(fields) == 1 && fields[0] == "default"
}

// section is where a profile lies in a file.
type section struct {
	exists   bool
	header   line
	settings map[string]setting
}

// setting is one line NAME = value; value to end is the value without space
// and comment.
type setting struct {
	line       line
	value, end int
}

// value returns a setting's value, empty if it is absent.
func (s section) value(text []byte, name string) string {
	at, ok := s.settings[name]
	if !ok {
		return ""
	}
	return string(text[at.value:at.end])
}

// find looks the profile up.
func (f awsFile) find(text []byte) (section, error) {
	lines, err := splitLines(text)
	if err != nil {
		return section{}, err
	}
	s := section{settings: map[string]setting{}}
	inside, after := false, ""
	for _, l := range lines {
		content := text[l.start:l.end]
		trimmed := bytes.TrimSpace(content)
		switch {
		case len(trimmed) == 0 || trimmed[0] == '#' || trimmed[0] == ';':
			continue
		case content[0] == '[':
			end := bytes.IndexByte(content, ']')
			if end < 0 {
				return section{}, fmt.Errorf("%w: line %d: section without end", ErrShape, l.number)
			}
			header := string(content[1:end])
			inside, after = f.isHeader(header), ""
			if inside && (strings.TrimSpace(header) != header || bytes.IndexByte(content[end+1:], ']') >= 0) {
				// botocore takes the white space, and all up to the last
				// bracket, for part of the profile's name.
				return section{}, fmt.Errorf("%w: line %d: section is not plainly [%s]", ErrShape, l.number, f.header())
			}
			if inside && s.exists {
				return section{}, fmt.Errorf("%w: %s occurs twice, in lines %d and %d", ErrShape, f.Place(), s.header.number, l.number)
			}
			if inside {
				s.exists, s.header = true, l
			}
		case trimmed[0] == '[' && (inside || f.isHeader(string(bytes.Trim(trimmed, "[]")))):
			return section{}, fmt.Errorf("%w: line %d: section is indented", ErrShape, l.number)
		case inside:
			if after, err = s.add(text, l, after); err != nil {
				return section{}, err
			}
		}
	}
	return s, nil
}

// add notes a line of the profile if it is one of the settings that matter.
// after is the setting that the line before belongs to, empty if it does not
// matter; add returns the same for this line.
func (s section) add(text []byte, l line, after string) (string, error) {
	content := text[l.start:l.end]
	indented := content[0] == ' ' || content[0] == '\t'
	if indented && after != "" {
		return "", fmt.Errorf("%w: line %d: value of %s goes on", ErrShape, l.number, after)
	}
	separator := bytes.IndexAny(content, "=:")
	if separator < 0 {
		return "", nil
	}
	name := strings.ToLower(string(bytes.TrimSpace(content[:separator])))
	if !slices.Contains([]string{settingKeyID, settingSecret, settingToken, settingOlder}, name) {
		return "", nil
	}
	if indented || content[separator] == ':' {
		return "", fmt.Errorf("%w: line %d: %s has to stand at the line's start with =", ErrShape, l.number, name)
	}
	if earlier, twice := s.settings[name]; twice {
		return "", fmt.Errorf("%w: %s occurs twice, in lines %d and %d", ErrShape, name, earlier.line.number, l.number)
	}
	value, end := trimValue(text, l.start+separator+1, l.end, "#;")
	s.settings[name] = setting{line: l, value: value, end: end}
	return name, nil
}
