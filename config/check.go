package config

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	commoncfg "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// decode fills into, a pointer to a struct that holds the defaults, and says
// whether every key is known and every value fits.
//
// The YAML library is strict about unknown keys only while nothing on the way
// decodes a yaml.Node, and gives no line for most mistakes. So check does first,
// key by key, what the library would do for the whole.
func (s *section) decode(into any) bool {
	if s.node == nil || resolve(s.node).ShortTag() == nullTag {
		return true
	}
	s.check(s.node, reflect.TypeOf(into).Elem(), "")
	if s.bad {
		return false
	}
	if err := s.node.Decode(into); err != nil {
		s.errorf("", "%s", brief(err))
	}
	return !s.bad
}

// check reports what in n does not fit t, innermost first, and notes the lines.
func (s *section) check(n *yaml.Node, t reflect.Type, path string) {
	n = resolve(n)
	if n.ShortTag() == nullTag || t == reflect.TypeFor[yaml.Node]() {
		return
	}
	if t.Kind() == reflect.Interface {
		if err := n.Decode(new(any)); err != nil {
			s.errorf(path, "%s", brief(err))
		}
		return
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	mistakes := len(s.doc.mistakes)
	switch n.Kind {
	case yaml.MappingNode:
		s.checkMapping(n, t, path)
	case yaml.SequenceNode:
		s.checkSequence(n, t, path)
	}
	if len(s.doc.mistakes) > mistakes {
		return
	}
	into := reflect.New(t)
	err := n.Decode(into.Interface())
	if err == nil && into.Elem().CanInt() && n.ShortTag() == "!!float" {
		err = &yaml.TypeError{} // the library would cut off the fraction
	}
	if err != nil {
		s.errorf(path, "%s", explain(err, n, t))
	}
}

func (s *section) checkMapping(n *yaml.Node, t reflect.Type, path string) {
	known, others := keys(t)
	first := map[string]int{}
	for _, p := range pairs(n) {
		key := p.key.Value
		at := strings.TrimPrefix(path+"."+key, ".")
		if line, twice := first[key]; twice {
			s.note(at, p.key.Line)
			s.errorf(at, "is already set in line %d", line)
			continue
		}
		first[key] = p.key.Line
		s.note(at, p.key.Line)
		valueType := known[key]
		if valueType == nil {
			valueType = others
		}
		if valueType == nil {
			s.errorf(at, "unknown key")
			continue
		}
		s.check(p.value, valueType, at)
	}
}

func (s *section) checkSequence(n *yaml.Node, t reflect.Type, path string) {
	itemType := reflect.TypeFor[any]()
	if t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
		itemType = t.Elem()
	}
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		s.note(at, item.Line)
		// The library leaves empty scalars out of lists, in silence.
		if resolve(item).ShortTag() == nullTag {
			s.errorf(at, "is empty")
			continue
		}
		s.check(item, itemType, at)
	}
}

func (s *section) note(path string, line int) {
	if s.lines == nil {
		s.lines = map[string]int{}
	}
	s.lines[path] = line
}

// keys are the YAML keys of t with the types of their values. others is the type
// of the value of any other key, nil if there may be none.
func keys(t reflect.Type) (known map[string]reflect.Type, others reflect.Type) {
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
				inner, rest := keys(f.Type)
				maps.Copy(known, inner)
				if f.Type.Kind() == reflect.Map {
					others = rest
				}
			case name != "" && name != "-":
				known[name] = f.Type
			}
		}
	}
	if !tagged { // it decodes itself, or does not fit a mapping at all
		others = reflect.TypeFor[any]()
	}
	return known, others
}

// explain says in one line why n does not fit t.
func explain(err error, n *yaml.Node, t reflect.Type) string {
	var mismatch *yaml.TypeError
	if errors.As(err, &mismatch) {
		got := "a plain value" // where a section is wanted it may be a secret
		switch {
		case n.Kind == yaml.MappingNode:
			got = "a mapping"
		case n.Kind == yaml.SequenceNode:
			got = "a list"
		case t.Kind() < reflect.Array: // numbers, true and false
			got = strconv.Quote(n.Value)
		}
		return fmt.Sprintf("want %s, got %s", describe(t), got)
	}
	if t.Kind() == reflect.Array && n.Kind == yaml.SequenceNode {
		return fmt.Sprintf("want %s, got one of %d", describe(t), len(n.Content))
	}
	var badURL *url.Error
	if errors.As(err, &badURL) {
		if strings.Contains(badURL.URL, "@") {
			return "not a valid URL" // the reason may hold a piece of the password
		}
		return "not a valid URL: " + badURL.Err.Error()
	}
	return brief(err)
}

func describe(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[model.Duration]():
		return "a duration such as 5m"
	case reflect.TypeFor[Bound]():
		return "a number or {expr: ..., on: [...]}"
	case reflect.TypeFor[Capacity]():
		return "a number or {utilization: ..., target: ..., replicas: ...}"
	case reflect.TypeFor[Horizon]():
		return "a duration such as 15m or {startup: ...}"
	case reflect.TypeFor[Holiday]():
		return "a date such as 2026-12-25 or 12-25"
	case reflect.TypeFor[Expr](), reflect.TypeFor[commoncfg.URL](), reflect.TypeFor[commoncfg.TLSVersion]():
		return "a string"
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
