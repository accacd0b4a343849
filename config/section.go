package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// section is a mapping of the file that is reported under a name of its own:
// global, or an entry of one of the lists.
type section struct {
	doc   *document
	title string         // `detector "x"`, "" for the file itself
	node  *yaml.Node     // nil if the file does not have it: then nothing can be wrong with it
	lines map[string]int // where a key stands, by its path, such as bounds.upper.on[0]
	bad   bool           // something is wrong in it
}

// root is the file as a section.
func (d *document) root() *section { return &section{doc: d, node: d.node} }

// value is what key is set to, nil if it is not.
func (s *section) value(key string) *yaml.Node {
	for _, p := range pairs(s.node) {
		if p.key.Value == key {
			return p.value
		}
	}
	return nil
}

// isMapping says whether key is set to a mapping.
func (s *section) isMapping(key string) bool {
	n := s.value(key)
	return n != nil && resolve(n).Kind == yaml.MappingNode
}

// list are the entries of the list at key. Those of a kind ("detector") are
// titled by their names.
func (s *section) list(key, kind string) []*section {
	var entries []*section
	if n := s.value(key); n != nil && resolve(n).Kind == yaml.SequenceNode {
		for i, item := range resolve(n).Content {
			if resolve(item).ShortTag() == nullTag { // reported by check
				continue
			}
			e := &section{doc: s.doc, title: fmt.Sprintf("%s[%d]", key, i), node: item}
			if name := e.name(); kind != "" && name != "" {
				e.title = fmt.Sprintf("%s %q", kind, name)
			}
			entries = append(entries, e)
		}
	}
	return entries
}

// name is the value of the key name, "" if there is none.
func (s *section) name() string {
	var name string
	if n := s.value("name"); n == nil || n.Decode(&name) != nil {
		return ""
	}
	return name
}

// errorf reports what is wrong with key, at its line or else at that of the
// nearest key around it.
func (s *section) errorf(key, format string, args ...any) {
	s.bad = true
	text := fmt.Sprintf(format, args...)
	for _, prefix := range []string{key, s.title} {
		if prefix != "" {
			text = prefix + ": " + text
		}
	}
	s.doc.errorf(s.line(key), "%s", text)
}

// require reports what is wrong with key unless ok.
func (s *section) require(ok bool, key, format string, args ...any) {
	if !ok {
		s.errorf(key, format, args...)
	}
}

func (s *section) line(key string) int {
	for key != "" {
		if line, ok := s.lines[key]; ok {
			return line
		}
		key = key[:max(0, strings.LastIndexAny(key, ".["))]
	}
	return s.node.Line
}

// requireOrder reports two settings that do not go together, low and high, of
// which ok says whether low is at most high: at the key that stands in the file.
func (s *section) requireOrder(ok bool, lowKey string, low any, highKey string, high any) {
	if _, written := s.lines[lowKey]; written {
		s.require(ok, lowKey, "%v is above %s %v", low, highKey, high)
	} else {
		s.require(ok, highKey, "%v is below %s %v", high, lowKey, low)
	}
}

// mentioned returns the key that text names and that stands last in the file: of
// settings that exclude each other, the one to report.
func (s *section) mentioned(text string) string {
	var last string
	for _, word := range keyWord.FindAllString(text, -1) {
		if line, ok := s.lines[word]; ok && (last == "" || line > s.lines[last]) {
			last = word
		}
	}
	return last
}

var keyWord = regexp.MustCompile(`[a-z0-9_]+`)

// oneOf requires that the word at key is one of a closed list.
func (s *section) oneOf(key, word string, words ...string) {
	s.require(slices.Contains(words, word), key, "%q is not one of %s", word, strings.Join(words, ", "))
}

// checkNames requires of the entries of a list that their names are legal and
// unlike.
func checkNames(entries []*section) {
	first := map[string]int{}
	for _, s := range entries {
		name := s.name()
		line, taken := first[name]
		switch {
		case s.value("name") == nil: // what is no mapping at all is reported already
			s.require(s.bad && s.lines == nil, "name", "is missing")
		case name == "": // a list or a mapping is reported already
			s.require(s.bad, "name", "is empty")
		case !legalName.MatchString(name):
			s.errorf("name", "must match %s", legalName)
		case taken:
			s.errorf("name", "is already used in line %d", line)
		default:
			first[name] = s.line("name")
		}
	}
}

// A name becomes a label value, part of a log line and perhaps of a file name.
var legalName = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9_.-]*$`)
