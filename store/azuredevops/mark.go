package azuredevops

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A mark is a bracket in a description, such as
//
//	[keyrotator prod/ci-deployer: AWS_SECRET_ACCESS_KEY AWS_ACCESS_KEY_ID]
//
// It names the owner and, in a variable group, the owner's variables, so that
// several users can share a group. A connection has one credential and its mark
// no names.
var (
	markPattern = regexp.MustCompile(`\[keyrotator ([\w.=,@+-]+/[\w.=,@+-]+)(?:: ([^\[\]]*))?\]`)
	ownerOf     = regexp.MustCompile(`^[\w.=,@+-]+/[\w.=,@+-]+$`)
	nameOf      = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)
)

// validOwner reports whether an owner can be written into a mark and be read
// from it.
func validOwner(owner string) bool { return ownerOf.MatchString(owner) }

// validName reports the same of a variable's name. Azure DevOps allows letters,
// digits, dots and underscores ("Define variables" of its documentation).
func validName(name string) bool { return nameOf.MatchString(name) }

// marks are the variables' names in upper case by their owner; a connection's
// owner has none.
type marks map[string][]string

// readMarks reads the marks of a description.
func readMarks(description string) marks {
	read := marks{}
	for _, found := range markPattern.FindAllStringSubmatch(description, -1) {
		read.add(found[1], strings.Fields(found[2]))
	}
	return read
}

// add adds to what belongs to an owner.
func (m marks) add(owner string, names []string) {
	all := m[owner]
	for _, name := range names {
		if name = strings.ToUpper(name); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	m[owner] = all
}

// owner names whose a variable is, empty for nobody's.
func (m marks) owner(name string) string {
	for _, owner := range slices.Sorted(maps.Keys(m)) {
		if slices.Contains(m[owner], strings.ToUpper(name)) {
			return owner
		}
	}
	return ""
}

// withMark returns the description with the names added to the owner's mark,
// which stands behind what is there already.
func withMark(description, owner string, names []string) string {
	own := marks{}
	own.add(owner, readMarks(description)[owner])
	own.add(owner, names)
	rest := markPattern.ReplaceAllStringFunc(description, func(mark string) string {
		if markPattern.FindStringSubmatch(mark)[1] == owner {
			return ""
		}
		return mark
	})
	mark := fmt.Sprintf("[keyrotator %s]", owner)
	if len(own[owner]) > 0 {
		mark = fmt.Sprintf("[keyrotator %s: %s]", owner, strings.Join(own[owner], " "))
	}
	return strings.TrimLeft(strings.TrimRight(rest, " ")+" "+mark, " ")
}
