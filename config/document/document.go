// Package document reads a YAML file strictly and reports every problem with its line. It knows nothing of what the
// file means: config says which keys there may be, and adds what is wrong with the values. No report repeats a value
// that may be secret.
package document

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const nullTag = "!!null"

// Language is what reports need to know of the meaning of a file.
type Language struct {
	// Types describes those Go types whose values are written otherwise than their kind suggests, for example as "a
	// duration such as 5m".
	Types map[reflect.Type]string

	// Public are the keys of the file whose sections hold no secrets, Private those whose sections may. Excerpts are shown
	// of public sections only.
	Public, Private []string
}

// Document is a YAML file with all problems found in it.
type Document struct {
	filename string
	node     *yaml.Node
	language Language
	problems []Problem
}

func (d *Document) errorf(line int, format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ") // keys may contain anything
	d.problems = append(d.problems, Problem{File: d.filename, Line: line, Text: text})
}

// Err returns all problems as one error, in the order of the file, one a line, as `file:line: what is wrong`. It
// returns nil if there are none.
func (d *Document) Err() error {
	slices.SortStableFunc(d.problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	errs := make([]error, len(d.problems))
	for i, p := range d.problems {
		errs[i] = &p
	}
	return errors.Join(errs...)
}

// Parse reads source, which must be a single YAML document. If Err returns nil afterwards, syntax, anchors and tags
// are valid; keys and types are still unchecked. The filename is used in errors.
func Parse(source []byte, filename string, language Language) *Document {
	d := &Document{filename: filename, language: language}
	docs, err := documents(bytes.NewReader(source))
	switch {
	case err != nil:
		d.syntaxError(source, err)
		return d
	case len(docs) == 0 || docs[0].ShortTag() == nullTag:
		d.errorf(1, "the file is empty")
		return d
	case len(docs) > 1:
		d.errorf(docs[1].Line, "a second YAML document begins here; a file must have only one")
	}
	d.node = docs[0]
	// Decoding finds cycles and excessive aliases, which would keep the later checks busy forever. It also finds
	// keys that are set twice, but those checks report them better, because they know the section.
	if undecodable(d.node) {
		n := innermostUndecodable(d.node)
		d.errorf(n.Line, "%s", redactedMessage(n.Decode(new(any))))
		d.node = nil
	}
	return d
}

// documents returns the root nodes of all YAML documents in source.
func documents(source io.Reader) ([]*yaml.Node, error) {
	var docs []*yaml.Node
	for dec := yaml.NewDecoder(source); ; {
		var n yaml.Node
		if err := dec.Decode(&n); errors.Is(err, io.EOF) {
			return docs, nil
		} else if err != nil {
			return nil, err
		}
		docs = append(docs, n.Content[0])
	}
}

// undecodable reports whether n cannot be decoded into any type.
func undecodable(n *yaml.Node) bool {
	var mismatch *yaml.TypeError
	err := n.Decode(new(any))
	return err != nil && !errors.As(err, &mismatch)
}

// innermostUndecodable returns the innermost node in n that is undecodable, as n is.
func innermostUndecodable(n *yaml.Node) *yaml.Node {
	if i := slices.IndexFunc(n.Content, undecodable); i >= 0 {
		return innermostUndecodable(n.Content[i])
	}
	return n
}

var libraryLine = regexp.MustCompile(`^yaml: (unmarshal errors:\s+)?(line \d+: )?`)

// redactedMessage returns the message of a YAML error, without the line, and without values from the file: they may
// be secret.
func redactedMessage(err error) string {
	msg := libraryLine.ReplaceAllString(err.Error(), "")
	switch {
	case strings.HasPrefix(msg, "cannot decode "):
		return "the value does not fit its tag"
	case strings.HasPrefix(msg, "unknown anchor "):
		return "unknown anchor; a value that begins with * needs quotes"
	case strings.HasPrefix(msg, "invalid map key: "):
		return "a key must be plain text; a value that begins with { or [ needs quotes"
	}
	return msg
}

// resolve returns the node that an alias stands for; any other node is returned as it is.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

type pair struct{ key, value *yaml.Node }

// pairs returns the keys and values of a mapping. Keys that are merged with << come last, without those that the
// mapping overrides.
func pairs(n *yaml.Node) []pair {
	n = resolve(n)
	var own, merged []pair
	switch n.Kind {
	case yaml.SequenceNode: // mappings to merge
		for _, item := range n.Content {
			merged = append(merged, pairs(item)...)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if key.ShortTag() == "!!merge" {
				merged = append(merged, pairs(value)...)
			} else {
				own = append(own, pair{resolve(key), value})
			}
		}
	}
	for _, m := range merged {
		if !slices.ContainsFunc(own, func(p pair) bool { return p.key.Value == m.key.Value }) {
			own = append(own, m)
		}
	}
	return own
}
