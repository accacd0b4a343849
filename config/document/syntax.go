package document

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// syntaxError reports err at the first line with which source has that error. The library names no line, or the one
// before the construct in which the error lies.
func (d *Document) syntaxError(source []byte, err error) {
	msg := redactedMessage(err)
	f := finder{msg: msg}
	i, begin, last := f.line(source)
	line := strings.TrimRight(string(source[begin:last]), "\r\n")
	p := Problem{File: d.filename, Line: i + 1, Text: plainWords(msg, line)}
	if len(line) <= maxExcerpt && utf8.ValidString(line) && d.public(source[:last]) {
		p.Excerpt = "    " + strings.ReplaceAll(line, "\t", " ")
		end, tries := last, maxParsed/last
		for ; end > begin+1 && tries > 0 && f.in(closed(source[:end-1])); tries-- {
			end-- // to the last place at which the error is new
		}
		if column := max(0, min(end-begin, len(line))-1); tries > 0 {
			p.Excerpt += "\n    " + strings.Repeat(" ", utf8.RuneCountInString(line[:column])) + "^"
		}
	}
	d.problems = append(d.problems, p)
}

// finder looks for the place of an error.
type finder struct {
	msg    string
	parsed int // bytes, all in all
}

// in reports whether a source has the error.
func (f *finder) in(source []byte) bool {
	f.parsed += len(source)
	_, err := documents(bytes.NewReader(source))
	return err != nil && redactedMessage(err) == f.msg
}

// line returns the first line with which the source, which has the error, has it, and where it begins and ends. The
// library reads a little further than to the error, so that line is hardly ever far from the last that it reads.
func (f *finder) line(source []byte) (number, begin, end int) {
	ends := []int{0} // offsets of the ends of the lines
	for i, c := range source {
		if c == '\n' {
			ends = append(ends, i+1)
		}
	}
	ends = append(ends, len(source))
	r := lineReader{rest: source}
	_, _ = documents(&r)
	f.parsed += len(source) - len(r.rest)
	in := func(i int) bool { return f.in(source[:ends[i+1]]) }
	number = min(r.lines, len(ends)-2)
	for step := 1; number > 0; step *= 2 {
		before := max(number-step, 0)
		if !in(before) {
			number = before + 1 + sort.Search(number-before-1, func(i int) bool { return in(before + 1 + i) })
			break
		}
		number = before
	}
	return number, ends[number], ends[number+1]
}

// lineReader reads line by line.
type lineReader struct {
	rest  []byte
	lines int // that have been read whole, before what was read last
	whole bool
}

// Read implements io.Reader.
func (r *lineReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	if r.whole {
		r.lines++
	}
	line := r.rest
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i+1]
	}
	n := copy(p, line)
	r.whole = line[n-1] == '\n'
	r.rest = r.rest[n:]
	return n, nil
}

// closed returns the begin of a file with the brackets that it leaves open closed, so that a missing end is no error of
// its own.
func closed(source []byte) []byte {
	var ends []byte
	for _, c := range source {
		switch {
		case c == '[':
			ends = append(ends, ']')
		case c == '{':
			ends = append(ends, '}')
		case len(ends) > 0 && c == ends[len(ends)-1]:
			ends = ends[:len(ends)-1]
		}
	}
	slices.Reverse(ends)
	return slices.Concat(source, ends)
}

// Guards, in bytes.
const (
	maxExcerpt = 200       // length of a line above which there is no excerpt
	maxParsed  = 512 << 10 // what is parsed at most to find the place for the caret: a third of a second
)

// topLevel matches a key at the begin of a line.
var topLevel = regexp.MustCompile(`(?m)^["']?([A-Za-z_][A-Za-z0-9_.-]*)["']?[ \t]*:`)

// public reports whether the end of a source is in a section that has no secrets. What cannot be parsed must be
// guessed: in doubt it has.
func (d *Document) public(source []byte) bool {
	begins := topLevel.FindAllSubmatchIndex(source, -1)
	if len(begins) == 0 {
		return false
	}
	last := begins[len(begins)-1]
	if !slices.Contains(d.language.Public, string(source[last[2]:last[3]])) {
		return false
	}
	// In flow style, another section may begin on the same line.
	return !slices.ContainsFunc(d.language.Private, func(key string) bool {
		return bytes.Contains(source[last[0]:], []byte(key))
	})
}

// plainWords returns what a message of the library about a line means, for people who do not know how YAML is parsed.
func plainWords(msg, line string) string {
	switch msg {
	case "mapping values are not allowed in this context":
		return `there cannot be a key here: the line is indented too far, or a value that contains ": " needs quotes`
	case "did not find expected key":
		return "want a key here: the line is indented like none above it, or a quote or a bracket is missing"
	case "did not find expected '-' indicator":
		return `want "- " here: the line is indented neither like the list above it nor like the keys of its entries`
	case "could not find expected ':'":
		return `a key without ": " after it, here or on a line above`
	case "did not find expected ',' or ']'":
		return "want , or ] here: a list that begins with [ is not closed, or a value in it needs quotes"
	case "did not find expected ',' or '}'":
		return "want , or } here: a mapping that begins with { is not closed, or a value in it needs quotes"
	case "found unexpected end of stream":
		return "a quote is not closed"
	case "found character that cannot start any token":
		if strings.HasPrefix(strings.TrimLeft(line, " "), "\t") {
			return "indent with spaces, not with tabs"
		}
		return "a value cannot begin with this character; put quotes around it"
	case "found a tab character that violates indentation", "found a tab character where an indentation space is expected":
		return "indent with spaces, not with tabs"
	case "block sequence entries are not allowed in this context":
		return `a list cannot begin here: put "- " on a line of its own, below the key`
	case "found unknown escape character":
		return `unknown character after \ in double quotes: use single quotes, or write \\ for \`
	case "did not find expected node content":
		return "want a value here: is a bracket not closed?"
	case "did not find expected alphabetic or numeric character":
		return "a value that begins with * or & needs quotes"
	case "did not find expected <document start>":
		return "this does not belong to what is above it: is it indented too little?"
	case "did not find expected comment or line break":
		return "want a line break here; the text begins on the next line"
	case "found unexpected document indicator":
		return "the document ends within quotes"
	}
	if strings.Contains(msg, "UTF-8") || strings.Contains(msg, "UTF-16") {
		return "the file is not UTF-8 text"
	}
	return msg
}
