package document

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/config/suggest"
)

// FreePrefix begins keys of the file itself that mean nothing. People put there what they refer to by anchors.
const FreePrefix = "x-"

// Decode decodes the section into a pointer to a struct, which holds the defaults. It reports unknown keys and values
// that do not have the type of their field, and returns whether there are none. A missing section leaves the
// defaults.
//
// The YAML library is strict about unknown keys only as long as nothing in between decodes a yaml.Node, and gives no
// line for most errors. So the section is first checked key by key, as the library would check the whole.
func (s *Section) Decode(into any) bool {
	if s.node == nil || resolve(s.node).ShortTag() == nullTag {
		return true
	}
	s.check(s.node, reflect.TypeOf(into).Elem(), "")
	if s.failed {
		return false
	}
	if err := s.node.Decode(into); err != nil {
		s.Errorf("", "%s", redactedMessage(err))
	}
	return !s.failed
}

// Check reports unknown keys, and values that do not have the type of their field in the struct v. The content of
// fields of type yaml.Node is not checked.
func (s *Section) Check(v any) { s.check(s.node, reflect.TypeOf(v), "") }

// check reports what in n does not fit the type t, innermost problems first, and records the lines of the keys.
func (s *Section) check(n *yaml.Node, t reflect.Type, path string) {
	n = resolve(n)
	if n.ShortTag() == nullTag || t == reflect.TypeFor[yaml.Node]() {
		return
	}
	if t.Kind() == reflect.Interface {
		if err := n.Decode(new(any)); err != nil {
			s.Errorf(path, "%s", redactedMessage(err))
		}
		return
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	problems := len(s.doc.problems)
	switch n.Kind {
	case yaml.MappingNode:
		s.checkMapping(n, t, path)
	case yaml.SequenceNode:
		s.checkSequence(n, t, path)
	}
	if len(s.doc.problems) > problems {
		return
	}
	into := reflect.New(t)
	err := n.Decode(into.Interface())
	if err == nil && into.Elem().CanInt() && n.ShortTag() == "!!float" {
		err = &yaml.TypeError{} // the library would cut off the fraction
	}
	if err != nil {
		s.Errorf(path, "%s", s.doc.explain(err, n, t))
	}
}

func (s *Section) checkMapping(n *yaml.Node, t reflect.Type, path string) {
	known, others := Keys(t)
	first := map[string]int{}
	for _, p := range pairs(n) {
		key := p.key.Value
		at := strings.TrimPrefix(path+"."+key, ".")
		if line, twice := first[key]; twice {
			s.setLine(at, p.key.Line)
			s.Errorf(at, "is already set on line %d", line)
			continue
		}
		first[key] = p.key.Line
		s.setLine(at, p.key.Line)
		if s.title == "" && path == "" && strings.HasPrefix(key, FreePrefix) {
			continue
		}
		valueType := known[key]
		if valueType == nil {
			valueType = others
		}
		if valueType == nil {
			s.Errorf(at, "unknown key%s", suggest.DidYouMean(key, slices.Sorted(maps.Keys(known))))
			continue
		}
		s.check(p.value, valueType, at)
	}
}

func (s *Section) checkSequence(n *yaml.Node, t reflect.Type, path string) {
	itemType := reflect.TypeFor[any]()
	if t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
		itemType = t.Elem()
	}
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		s.setLine(at, item.Line)
		// The library silently leaves empty scalars out of lists.
		if resolve(item).ShortTag() == nullTag {
			s.Errorf(at, "is empty")
			continue
		}
		s.check(item, itemType, at)
	}
}

func (s *Section) setLine(path string, line int) {
	if s.lines == nil {
		s.lines = map[string]int{}
	}
	s.lines[path] = line
}

// Keys returns the YAML keys of t with the types of their values. others is the type of the values of all other keys;
// it is nil if no other key is allowed.
func Keys(t reflect.Type) (known map[string]reflect.Type, others reflect.Type) {
	known = map[string]reflect.Type{}
	tagged := false
	switch t.Kind() {
	case reflect.Map:
		return known, t.Elem()
	case reflect.Struct:
		for f := range t.Fields() {
			name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			tagged = tagged || name != "" || options != ""
			switch {
			case options == "inline":
				inner, rest := Keys(f.Type)
				maps.Copy(known, inner)
				if f.Type.Kind() == reflect.Map {
					others = rest
				}
			case name != "" && name != "-":
				known[name] = f.Type
			}
		}
	}
	if !tagged { // t decodes itself, or does not fit a mapping at all
		others = reflect.TypeFor[any]()
	}
	return known, others
}

// explain returns in one line why n does not fit t.
func (d *Document) explain(err error, n *yaml.Node, t reflect.Type) string {
	if _, ok := errors.AsType[*yaml.TypeError](err); ok {
		got := "a plain value" // which may be a secret
		switch {
		case n.Kind == yaml.MappingNode:
			got = "a mapping"
		case n.Kind == yaml.SequenceNode:
			got = "a list"
		case t.Kind() < reflect.Array: // a number or a bool is wanted, which no secret is
			got = strconv.Quote(n.Value)
		}
		text := fmt.Sprintf("want %s, got %s", d.describe(t), got)
		if n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle != 0 && d.describe(t) == "a string" {
			text += "; a text that begins with { needs quotes"
		}
		return text
	}
	if t.Kind() == reflect.Array && n.Kind == yaml.SequenceNode {
		return fmt.Sprintf("want %s, got a list of %d", d.describe(t), len(n.Content))
	}
	if badURL, ok := errors.AsType[*url.Error](err); ok {
		if strings.Contains(n.Value, "@") {
			return "not a valid URL; special characters in a password are written as in %23 for #" // the reason may show it
		}
		return "not a valid URL: " + badURL.Err.Error()
	}
	msg := redactedMessage(err)
	if _, err := strconv.ParseUint(n.Value, 10, 32); err == nil && strings.HasPrefix(msg, "not a valid duration") {
		return fmt.Sprintf("a duration needs a unit: write %ss for %s seconds", n.Value, n.Value)
	}
	return msg
}

// describe returns what is wanted for a value of type t.
func (d *Document) describe(t reflect.Type) string {
	if text, ok := d.language.Types[t]; ok {
		return text
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	case reflect.Array:
		return fmt.Sprintf("a list of %d", t.Len())
	default:
		return "a mapping"
	}
}
