package awsemu

import (
	"encoding/base64"
	"strconv"
	"strings"
)

const (
	defaultPage = 100
	maxPage     = 1000
)

// errConstraint is the answer to a parameter outside the API model, in the words of AWS's model validation.
func errConstraint(service, member, value, rule string) error {
	return errValidation(service, "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", value, member, rule)
}

// checkName holds a user, role or session name to the API model.
func checkName(member, name string) error {
	if len(name) < 1 || len(name) > 128 {
		return errConstraint(iam, member, name, "Member must have length between 1 and 128")
	}
	if strings.ContainsFunc(name, func(c rune) bool { return !letterOrDigit(c) && !strings.ContainsRune("_+=,.@-", c) }) {
		return errValidation(iam, `The specified value for %s is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-`, member)
	}
	return nil
}

func checkKeyID(id string) error {
	if len(id) < 16 || len(id) > 128 || strings.ContainsFunc(id, func(c rune) bool { return !letterOrDigit(c) && c != '_' }) {
		return errConstraint(iam, "accessKeyId", id, `Member must be 16 to 128 characters of the regular expression pattern: [\w]+`)
	}
	return nil
}

func letterOrDigit(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// page reads MaxItems (1–1000, default 100) and Marker, and gives the part [from, to) of total rows together with
// the marker of the next page, empty on the last.
func (q *request) page(total int) (from, to int, next string, err error) {
	size := defaultPage
	if text := q.form.Get("MaxItems"); text != "" {
		if size, err = strconv.Atoi(text); err != nil || size < 1 || size > maxPage {
			return 0, 0, "", errConstraint(iam, "maxItems", text, "Member must have value between 1 and 1000")
		}
	}
	if marker := q.form.Get("Marker"); marker != "" {
		text, err := base64.RawURLEncoding.DecodeString(marker)
		if err == nil {
			from, err = strconv.Atoi(string(text))
		}
		if err != nil || from < 0 {
			return 0, 0, "", errValidation(iam, "Invalid Marker")
		}
	}
	from = min(from, total)
	to = min(from+size, total)
	if to < total {
		next = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(to)))
	}
	return from, to, next, nil
}
