package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// decoder walks a YAML tree into plain structs and goes on after an error, so
// that all of them are reported at once.
type decoder struct {
	*source
	env Env
}

// decode sets v from node. f carries the limits of a scalar.
func (d *decoder) decode(node ast.Node, v reflect.Value, f field, path string) {
	switch n := node.(type) {
	case *ast.AliasNode, *ast.AnchorNode, *ast.TagNode, *ast.MappingKeyNode:
		d.failAt(placeOf(n.GetToken()), path, "anchors, aliases, tags and complex keys are not supported", "write the value out; what users share belongs in a policy")
		d.bad[path] = true
		return
	case *ast.NullNode:
		d.bad[path] = true
		d.failKey(path, "has no value", "give it one, or remove the line")
		return
	}
	switch {
	case isScalar(v.Type()):
		d.decodeScalar(node, v, f, path)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillDefaults(v.Elem())
		d.decodeStruct(node, v.Elem(), path)
	case v.Kind() == reflect.Struct:
		d.decodeStruct(node, v, path)
	case v.Kind() == reflect.Map:
		d.decodeMap(node, v, path)
	case v.Kind() == reflect.Slice:
		d.decodeList(node, v, path)
	}
}

func isScalar(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64:
		return true
	}
	return t == secretType()
}

func (d *decoder) wrongShape(node ast.Node, t reflect.Type, path string) {
	d.failAt(placeOfNode(node), path, fmt.Sprintf("want %s, not %s", wanted(t), shapeOf(node)), "")
	d.bad[path] = true
}

func shapeOf(node ast.Node) string {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.BoolNode:
		return "true or false"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	}
	return "text"
}

// placeOfNode is where a reader would point: for a block mapping the library
// answers with its first colon.
func placeOfNode(node ast.Node) place {
	if entries := entriesOf(node); len(entries) > 0 && node.GetToken().Value != "{" {
		return placeOf(entries[0].Key.GetToken())
	}
	return placeOf(node.GetToken())
}

func entriesOf(node ast.Node) []*ast.MappingValueNode {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

func isMapping(node ast.Node) bool {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

func (d *decoder) decodeStruct(node ast.Node, v reflect.Value, path string) {
	if !isMapping(node) {
		d.wrongShape(node, v.Type(), path)
		return
	}
	fields := fieldsOf(v.Type())
	seen := map[string]bool{}
	misspelt := map[string]bool{}
	for _, entry := range entriesOf(node) {
		name, ok := d.key(entry, path, seen)
		if !ok {
			continue
		}
		f, known := findField(fields, name)
		if !known {
			misspelt[d.unknownKey(entry, v.Type(), name, path)] = true
			continue
		}
		d.decode(entry.Value, v.FieldByIndex(f.index), f, join(path, name))
	}
	for _, f := range fields {
		if missing := join(path, f.name); f.required && !seen[f.name] {
			d.bad[missing] = true
			if misspelt[f.name] {
				continue // said once, where it is misspelt
			}
			d.failAt(d.locateContainer(path, node), path, fmt.Sprintf("lacks the key %q", f.name), f.name+": "+f.doc)
		}
	}
}

// locateContainer points at the key of a mapping, not at its first entry.
func (d *decoder) locateContainer(path string, node ast.Node) place {
	if at, ok := d.keys[path]; ok {
		return at
	}
	if path == "" {
		return place{1, 1, 1}
	}
	return placeOfNode(node)
}

// key reads an entry's key, records the places of the entry, and refuses keys
// that are written twice or are not plain words.
func (d *decoder) key(entry *ast.MappingValueNode, path string, seen map[string]bool) (string, bool) {
	at := placeOf(entry.Key.GetToken())
	var name string
	switch k := entry.Key.(type) {
	case *ast.StringNode:
		name = k.Value
	case *ast.IntegerNode, *ast.BoolNode, *ast.FloatNode:
		name = k.GetToken().Value
	default:
		d.failAt(at, path, "a key must be a plain word", "merge keys, anchors, tags and complex keys are not supported")
		return "", false
	}
	if seen[name] {
		d.failAt(at, join(path, name), fmt.Sprintf("the key %q is written twice", name), "")
		return "", false
	}
	seen[name] = true
	full := join(path, name)
	d.keys[full] = at
	if entry.Value != nil && isScalarNode(entry.Value) {
		d.values[full] = placeOf(entry.Value.GetToken())
	} else {
		d.values[full] = at
	}
	return name, true
}

func isScalarNode(node ast.Node) bool {
	switch node.(type) {
	case *ast.StringNode, *ast.LiteralNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return true
	}
	return false
}

// unknownKey refuses a key and returns the one that was probably meant.
func (d *decoder) unknownKey(entry *ast.MappingValueNode, t reflect.Type, name, path string) string {
	at := placeOf(entry.Key.GetToken())
	if slices.Contains(notYet(t), name) {
		d.failAt(at, path, fmt.Sprintf("this release does not have %q yet", name), "remove it, or use a release that has it")
		return ""
	}
	known := fieldNames(fieldsOf(t))
	meant := nearest(name, known)
	hint := didYouMean(meant)
	if meant == "" {
		slices.Sort(known)
		hint = "known keys: " + strings.Join(known, ", ")
	}
	d.failAt(at, path, fmt.Sprintf("unknown key %q", name), hint)
	return meant
}

func (d *decoder) decodeMap(node ast.Node, v reflect.Value, path string) {
	if !isMapping(node) {
		d.wrongShape(node, v.Type(), path)
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	seen := map[string]bool{}
	for _, entry := range entriesOf(node) {
		name, ok := d.key(entry, path, seen)
		if !ok {
			continue
		}
		value := reflect.New(v.Type().Elem()).Elem()
		if value.Kind() == reflect.Struct {
			fillDefaults(value)
		}
		d.decode(entry.Value, value, field{}, join(path, name))
		v.SetMapIndex(reflect.ValueOf(name), value)
	}
}

func (d *decoder) decodeList(node ast.Node, v reflect.Value, path string) {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		d.wrongShape(node, v.Type(), path)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(list.Values), len(list.Values)))
	for i, item := range list.Values {
		full := fmt.Sprintf("%s[%d]", path, i)
		d.keys[full] = placeOfNode(item)
		d.values[full] = placeOfNode(item)
		target := v.Index(i)
		if target.Kind() == reflect.Struct {
			fillDefaults(target)
		}
		d.decode(item, target, field{}, full)
	}
}

func (d *decoder) decodeScalar(node ast.Node, v reflect.Value, f field, path string) {
	text, quoted, ok := scalarText(node)
	_, isBool := node.(*ast.BoolNode)
	switch {
	case !ok, isBool && v.Kind() != reflect.Bool:
		d.wrongShape(node, v.Type(), path)
		return
	case quoted && (v.Kind() == reflect.Bool || v.Kind() == reflect.Int):
		d.spoil(path, fmt.Sprintf("want %s, not %q", wanted(v.Type()), text), "write it without quotes")
		return
	}
	expanded, replaced, err := d.env.expand(text)
	if err != nil {
		d.spoil(path, err.Error(), "")
		return
	}
	if replaced {
		d.expanded[path] = expanded
	}
	if err := setText(v, f, expanded); err != nil {
		hint := ""
		if word, ok := errors.AsType[wordError](err); ok {
			hint = didYouMean(nearest(word.word, word.words))
		}
		d.spoil(path, err.Error(), hint)
	}
}

// scalarText returns a scalar as it was written. A number is text where text is
// wanted: account ids are rarely quoted.
func scalarText(node ast.Node) (text string, quoted, ok bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		origin := strings.TrimSpace(n.Token.Origin)
		return n.Value, strings.HasPrefix(origin, `"`) || strings.HasPrefix(origin, "'"), true
	case *ast.LiteralNode:
		return n.Value.Value, true, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, false, true
	}
	return "", false, false
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
