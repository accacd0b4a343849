package document

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Section is a part of the file whose problems are reported under a title of its own: the file itself, a mapping such
// as global, or an entry of a list.
type Section struct {
	doc    *Document
	title  string         // such as `detector "x"`; "" for the file itself
	node   *yaml.Node     // nil if the file does not have the section; then nothing can be wrong with it
	lines  map[string]int // lines of the keys by their paths, such as bounds.upper.on[0]; set by Decode and Check
	failed bool           // a problem has been reported
}

// Root returns the whole file as a section without a title.
func (d *Document) Root() *Section { return &Section{doc: d, node: d.node} }

// Section returns the value of key as a section with the key as its title.
func (s *Section) Section(key string) *Section {
	return &Section{doc: s.doc, title: key, node: s.value(key)}
}

// List returns the entries of the list at key, without empty ones. The title of an entry is kind and name, such as
// `detector "x"`, or the key with the index if kind is "" or the entry has no name.
func (s *Section) List(key, kind string) []*Section {
	var entries []*Section
	if n := s.value(key); n != nil && resolve(n).Kind == yaml.SequenceNode {
		for i, item := range resolve(n).Content {
			if resolve(item).ShortTag() == nullTag { // reported by Check
				continue
			}
			e := &Section{doc: s.doc, title: fmt.Sprintf("%s[%d]", key, i), node: item}
			if name := e.name(); kind != "" && name != "" {
				e.title = fmt.Sprintf("%s %q", kind, name)
			}
			entries = append(entries, e)
		}
	}
	return entries
}

// Strings returns the texts of the list at key, without entries that are no text.
func (s *Section) Strings(key string) []string {
	var texts []string
	if n := s.value(key); n != nil && resolve(n).Kind == yaml.SequenceNode {
		for _, item := range resolve(n).Content {
			var text string
			if resolve(item).ShortTag() != nullTag && item.Decode(&text) == nil { // Check has reported the others
				texts = append(texts, text)
			}
		}
	}
	return texts
}

// Empty reports whether the section is missing or has no value.
func (s *Section) Empty() bool { return s.node == nil || resolve(s.node).ShortTag() == nullTag }

// Mapping reports whether the section is a mapping.
func (s *Section) Mapping() bool { return s.node != nil && resolve(s.node).Kind == yaml.MappingNode }

// MappingAt reports whether the value of key is a mapping.
func (s *Section) MappingAt(key string) bool { return s.Section(key).Mapping() }

// Has reports whether a key is set, given by its path such as horizon.startup. It knows the keys after Decode or
// Check.
func (s *Section) Has(path string) bool {
	_, ok := s.lines[path]
	return ok
}

// Paths returns the paths of all keys that are set, sorted. It knows them after Decode or Check.
func (s *Section) Paths() []string { return slices.Sorted(maps.Keys(s.lines)) }

// Failed reports whether a problem of the section has been reported.
func (s *Section) Failed() bool { return s.failed }

// value returns the value of key, nil if it is not set.
func (s *Section) value(key string) *yaml.Node {
	if s.node == nil {
		return nil
	}
	for _, p := range pairs(s.node) {
		if p.key.Value == key {
			return p.value
		}
	}
	return nil
}

// name returns the value of the key name, "" if there is none.
func (s *Section) name() string {
	var name string
	if n := s.value("name"); n == nil || n.Decode(&name) != nil {
		return ""
	}
	return name
}

// Errorf reports a problem of the key at path. If the key is not set, the line is that of the nearest key around it.
func (s *Section) Errorf(path, format string, args ...any) {
	s.failed = true
	text := fmt.Sprintf(format, args...)
	for _, prefix := range []string{path, s.title} {
		if prefix != "" {
			text = prefix + ": " + text
		}
	}
	s.doc.errorf(s.line(path), "%s", text)
}

// line returns the line of the key at path, or else that of the nearest key around it.
func (s *Section) line(path string) int {
	for path != "" {
		if line, ok := s.lines[path]; ok {
			return line
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return s.node.Line
}

// Require reports a problem of the key at path unless ok.
func (s *Section) Require(ok bool, path, format string, args ...any) {
	if !ok {
		s.Errorf(path, format, args...)
	}
}

// RequireOrder reports an error unless ok, which says whether low <= high. It blames whichever of the two keys is set
// in the file, and lowPath if both are.
func (s *Section) RequireOrder(ok bool, lowPath string, low any, highPath string, high any) {
	if s.Has(lowPath) {
		s.Require(ok, lowPath, "%v is above %s %v", low, highPath, high)
	} else {
		s.Require(ok, highPath, "%v is below %s %v", high, lowPath, low)
	}
}

// OneOf reports an error unless the word at path is one of words.
func (s *Section) OneOf(path, word string, words ...string) {
	s.Require(slices.Contains(words, word), path, "%q is not one of %s", word, strings.Join(words, ", "))
}

var keyWord = regexp.MustCompile(`[a-z0-9_]+`)

// LastOf returns the key that text mentions and that comes last in the file. Of keys that exclude each other, it is
// the one to blame. It returns "" if none of those that text mentions is set.
func (s *Section) LastOf(text string) string {
	var last string
	for _, word := range keyWord.FindAllString(text, -1) {
		if line, ok := s.lines[word]; ok && (last == "" || line > s.lines[last]) {
			last = word
		}
	}
	return last
}

// CheckNames reports each entry of a list whose key name is missing, does not match legal, or is taken by an earlier
// entry. The entries must have been decoded. They may be of several files.
func CheckNames(entries []*Section, legal *regexp.Regexp) {
	first := map[string]*Section{}
	for _, s := range entries {
		name := s.name()
		other, taken := first[name]
		switch {
		case s.value("name") == nil: // an entry that is no mapping has been reported already, and has no lines
			s.Require(s.failed && s.lines == nil, "name", "is missing")
		case name == "": // a list or a mapping has been reported already
			s.Require(s.failed, "name", "is empty")
		case !legal.MatchString(name):
			s.Errorf("name", "must match %s", legal)
		case taken && other.doc != s.doc:
			s.Errorf("name", "is already used in %s:%d", other.doc.filename, other.line("name"))
		case taken:
			s.Errorf("name", "is already used on line %d", other.line("name"))
		default:
			first[name] = s
		}
	}
}
