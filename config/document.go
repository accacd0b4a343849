package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

const nullTag = "!!null"

// document is the file as parsed YAML, with everything found wrong with it.
type document struct {
	filename string
	node     *yaml.Node
	mistakes []mistake
}

type mistake struct {
	line int
	text string
}

func (d *document) errorf(line int, format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ") // keys may hold anything
	d.mistakes = append(d.mistakes, mistake{line, text})
}

// err joins the mistakes in the order of the file, nil if there are none.
func (d *document) err() error {
	slices.SortStableFunc(d.mistakes, func(a, b mistake) int { return cmp.Compare(a.line, b.line) })
	errs := make([]error, len(d.mistakes))
	for i, m := range d.mistakes {
		errs[i] = fmt.Errorf("%s:%d: %s", d.filename, m.line, m.text)
	}
	return errors.Join(errs...)
}

// parse reads the one document of source. Syntax, anchors and tags are sound
// afterwards, or there is a mistake; keys and types are still unchecked.
func parse(source []byte, filename string) *document {
	d := &document{filename: filename}
	docs, err := documents(source)
	switch {
	case err != nil:
		d.syntaxError(source, err)
		return d
	case len(docs) == 0 || docs[0].ShortTag() == nullTag:
		d.errorf(1, "the file is empty")
		return d
	case len(docs) > 1:
		d.errorf(docs[1].Line, "a second document begins here; only one is read")
	}
	d.node = docs[0]
	// Decoding finds cycles and floods of aliases, which the checks that follow
	// could not survive. Keys set twice are left to them: they know the section.
	if unsound(d.node) {
		n := deepest(d.node)
		d.errorf(n.Line, "%s", brief(n.Decode(new(any))))
	}
	return d
}

// documents are the contents of all documents in source.
func documents(source []byte) ([]*yaml.Node, error) {
	var docs []*yaml.Node
	for dec := yaml.NewDecoder(bytes.NewReader(source)); ; {
		var n yaml.Node
		if err := dec.Decode(&n); errors.Is(err, io.EOF) {
			return docs, nil
		} else if err != nil {
			return nil, err
		}
		docs = append(docs, n.Content[0])
	}
}

// unsound reports whether n cannot be decoded, whatever the type.
func unsound(n *yaml.Node) bool {
	var mismatch *yaml.TypeError
	err := n.Decode(new(any))
	return err != nil && !errors.As(err, &mismatch)
}

// deepest returns the innermost unsound node in the unsound n.
func deepest(n *yaml.Node) *yaml.Node {
	if i := slices.IndexFunc(n.Content, unsound); i >= 0 {
		return deepest(n.Content[i])
	}
	return n
}

// syntaxError reports at the first line with which source has the error err. The
// library names the line where the construct around it begins, less one, or none.
func (d *document) syntaxError(source []byte, err error) {
	var ends []int // of the lines
	for i, c := range source {
		if c == '\n' {
			ends = append(ends, i+1)
		}
	}
	ends = append(ends, len(source))
	msg := brief(err)
	i := sort.Search(len(ends)-1, func(i int) bool {
		_, err := documents(source[:ends[i]])
		return err != nil && brief(err) == msg
	})
	d.errorf(i+1, "%s", msg)
}

var libraryLine = regexp.MustCompile(`^yaml: (unmarshal errors:\s+)?(line \d+: )?`)

// brief is the message of a YAML error, without the line and the values it may
// hold, which may be secret.
func brief(err error) string {
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

// resolve follows an alias to what it stands for.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

type pair struct{ key, value *yaml.Node }

// pairs are the keys and values of a mapping. Those merged by << come last, less
// the ones that the mapping overrides.
func pairs(n *yaml.Node) []pair {
	n = resolve(n)
	var own, merged []pair
	switch n.Kind {
	case yaml.SequenceNode: // of mappings to merge
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
