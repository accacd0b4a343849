package check

import (
	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/config/files"
)

// place is a line of a file.
type place struct {
	file     string
	line     int
	disabled map[string]bool // checks that do not warn of it
}

// lines knows where the entries of lists are in the files of a valid configuration.
type lines struct {
	entries  map[string][]entry // by list
	order    map[string]int     // of the files
	comments map[string]*comments
}

// entry is an entry of a list.
type entry struct {
	place
	keys map[string]int // lines of its own keys
}

func newLines(set *files.Set, patterns []string) lines {
	l := lines{map[string][]entry{}, map[string]int{}, map[string]*comments{}}
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
func (l lines) add(f files.File) {
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
			e := entry{place{f.Name, n.Line, c.disabled(n.Line)}, map[string]int{}}
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

// file returns the first line of a file.
func (l lines) file(name string) place { return place{name, 1, l.comments[name].disabled(0)} }

// at returns the place of a key of the entry i of a list, or of the entry itself if it does not have the key.
func (l lines) at(list string, i int, key string) place {
	if i >= len(l.entries[list]) {
		return place{}
	}
	e := l.entries[list][i]
	if line, ok := e.keys[key]; ok {
		e.line = line
	}
	return e.place
}

func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}
