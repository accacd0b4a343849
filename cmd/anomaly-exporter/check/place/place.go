// Package place knows where the entries of a configuration are in its files, and which checks comments there disable.
package place

import (
	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/config/files"
)

// A Place is a line of a file. The zero Place is not known.
type Place struct {
	File     string
	Line     int
	disabled map[string]bool // checks that do not warn of it
}

// Disables reports whether a comment there disables a check.
func (p Place) Disables(check string) bool { return p.disabled[check] }

// Lines knows where the entries of lists are in the files of a valid configuration.
type Lines struct {
	entries  map[string][]entry // by list
	order    map[string]int     // of the files
	comments map[string]*comments
}

// entry is an entry of a list.
type entry struct {
	Place
	keys map[string]int // lines of its own keys
}

// New returns the lines of a file and of those that match the patterns of its detector_files.
func New(set *files.Set, patterns []string) Lines {
	l := Lines{map[string][]entry{}, map[string]int{}, map[string]*comments{}}
	l.add(set.File)
	for _, pattern := range patterns {
		found, err := set.Match(pattern)
		for _, f := range found {
			if _, known := l.order[f.Name]; err == nil && !known {
				l.add(f)
			}
		}
	}
	return l
}

// add adds the lists of a file, in the order in which config reads them.
func (l Lines) add(f files.File) {
	l.order[f.Name] = len(l.order)
	c := newComments(f.Content)
	l.comments[f.Name] = c
	var top map[string]yaml.Node
	if yaml.Unmarshal(f.Content, &top) != nil {
		return
	}
	for _, list := range top {
		for _, n := range resolve(&list).Content {
			c.begins = append(c.begins, c.begin(n.Line))
		}
	}
	for key, list := range top {
		for _, n := range resolve(&list).Content {
			e := entry{Place{f.Name, n.Line, c.disabled(n.Line)}, map[string]int{}}
			if n := resolve(n); n.Kind == yaml.MappingNode {
				for i := 0; i+1 < len(n.Content); i += 2 {
					e.keys[n.Content[i].Value] = n.Content[i].Line
				}
			}
			if list.Kind == yaml.SequenceNode || list.Kind == yaml.AliasNode {
				l.entries[key] = append(l.entries[key], e)
			}
		}
	}
}

// Order returns the number of a file in the order in which config reads them.
func (l Lines) Order(file string) int { return l.order[file] }

// First returns the first line of a file.
func (l Lines) First(file string) Place { return Place{file, 1, l.comments[file].disabled(0)} }

// At returns the place of a key of the entry i of a list, or of the entry itself if it does not have the key.
func (l Lines) At(list string, i int, key string) Place {
	if i >= len(l.entries[list]) {
		return Place{}
	}
	e := l.entries[list][i]
	if line, ok := e.keys[key]; ok {
		e.Line = line
	}
	return e.Place
}

func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}
