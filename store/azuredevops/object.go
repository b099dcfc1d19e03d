package azuredevops

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
)

// object is a group, a connection, or a part of one, as Azure DevOps sent it.
// What we do not know stays in it as it is, and is sent back.
type object map[string]json.RawMessage

// errOdd says that an object is not as documented. What it is like is not said:
// it may hold values.
var errOdd = errors.New("an object of Azure DevOps is not as documented")

// text returns a member that is a text; empty where it is absent or null.
func (o object) text(member string) string {
	var text string
	if json.Unmarshal(o[member], &text) != nil {
		return ""
	}
	return text
}

// part returns a member that is an object, an empty one where it is absent or
// null.
func (o object) part(member string) (object, error) {
	part := object{}
	if len(o[member]) == 0 {
		return part, nil
	}
	if err := json.Unmarshal(o[member], &part); err != nil {
		return nil, errOdd
	}
	if part == nil { // it was null
		part = object{}
	}
	return part, nil
}

// parts returns a member that is a list of objects.
func (o object) parts(member string) ([]object, error) {
	var parts []object
	if len(o[member]) > 0 && json.Unmarshal(o[member], &parts) != nil {
		return nil, errOdd
	}
	return parts, nil
}

// set replaces a member.
func (o object) set(member string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return errors.New("encode object") // the cause may quote a value
	}
	o[member] = text
	return nil
}

// descriptions are the object's own and that of the project, which has one of
// its own in the references by which an object is shared between projects.
func (o object) descriptions(references, project string) (string, error) {
	texts := []string{o.text("description")}
	shared, err := o.parts(references)
	if err != nil {
		return "", err
	}
	for _, reference := range shared {
		if reference.of(project) {
			texts = append(texts, reference.text("description"))
		}
	}
	return strings.Join(texts, "\n"), nil
}

// mark writes the owner's mark into the descriptions.
func (o object) mark(references, project, owner string, names []string) error {
	shared, err := o.parts(references)
	if err != nil {
		return err
	}
	for _, reference := range shared {
		if reference.of(project) {
			if err := reference.set("description", withMark(reference.text("description"), owner, names)); err != nil {
				return err
			}
		}
	}
	if shared != nil {
		if err := o.set(references, shared); err != nil {
			return err
		}
	}
	return o.set("description", withMark(o.text("description"), owner, names))
}

// of reports whether a reference is the project's, by name or id.
func (o object) of(project string) bool {
	part, err := o.part("projectReference")
	return err == nil && (strings.EqualFold(part.text("name"), project) || strings.EqualFold(part.text("id"), project))
}

// copied returns the object, whose members may be replaced.
func (o object) copied() object { return maps.Clone(o) }
