package ssm

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxDescription is the limit of a description's length in characters (API
// model, ParameterDescription).
const maxDescription = 1024

// mark is what the end of a version's description says of who wrote it.
type mark struct {
	owner, keyID, print string
}

// String renders the mark. None of its parts may have spaces, which the names of
// accounts, users and keys have not (IAM's are letters, digits and +=,.@_-).
func (m mark) String() string {
	return fmt.Sprintf("[keyrotator %s %s %s]", m.owner, m.keyID, m.print)
}

// marked splits a description into what people wrote and our mark.
var marked = regexp.MustCompile(`^((?s:.*?))\s*\[keyrotator (\S+) (\S+) ([0-9a-f]{32})\]$`)

// parseMark reads the mark at the end of a description.
func parseMark(description string) (mark, bool) {
	found := marked.FindStringSubmatch(description)
	if found == nil {
		return mark{}, false
	}
	return mark{owner: found[2], keyID: found[3], print: found[4]}, true
}

// describe puts the mark in place of an older one, behind what people wrote. The
// description is left with the mark alone where both are too long for it.
func (m mark) describe(description string) string {
	text := description
	if found := marked.FindStringSubmatch(description); found != nil {
		text = found[1]
	}
	whole := strings.TrimLeft(text+" "+m.String(), " ")
	if utf8.RuneCountInString(whole) > maxDescription {
		return m.String()
	}
	return whole
}

// fingerprint is a hash of what a mark is about. A secret cannot be searched for
// by it, having far too much entropy; a key id is none. It is empty for nothing.
func fingerprint(owner, content string) string {
	if content == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("keyrotator/ssm\x00" + owner + "\x00" + content))
	return hex.EncodeToString(sum[:16])
}
