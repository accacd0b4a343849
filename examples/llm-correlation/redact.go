package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// anywhere is the length from which a denied value is replaced within a longer word, too. Chosen: a tenant "1" or "eu"
// is part of many words, a name of four letters of few.
const anywhere = 4

// A redactor replaces what must not leave the process in documents of JSON values.
type redactor struct {
	labels *regexp.Regexp // names of labels and annotations whose values are denied
	values *regexp.Regexp // what is denied in any text; nil: nothing
}

// newRedactor returns a redactor. The expressions must match a name or a value as a whole, or a part of a text.
func newRedactor(labels, values string) (*redactor, error) {
	r := &redactor{}
	var err error
	if r.labels, err = regexp.Compile("^(?:" + labels + ")$"); err != nil {
		return nil, fmt.Errorf("--redact.labels: %w", err)
	}
	if values == "" {
		return r, nil
	}
	if r.values, err = regexp.Compile(values); err != nil {
		return nil, fmt.Errorf("--redact.values: %w", err)
	}
	if r.values.MatchString("") {
		return nil, fmt.Errorf("--redact.values: %q matches nothing at all, and so everywhere", values)
	}
	return r, nil
}

// denied is a value that must not leave, in all ways to write it, and what stands for it.
type denied struct {
	value, placeholder string
	forms              []string
}

// apply returns a copy of a document without what is denied, and how many values were replaced. A denied value is
// replaced wherever it is, also within the text of sentences and links; the same value by the same placeholder.
func (r *redactor) apply(document any) (clean any, replaced int) {
	names := map[string]string{} // of the denied values
	r.collect(document, names)
	values := slices.SortedFunc(maps.Keys(names), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) // longer ones may contain shorter ones
	})
	count := map[string]int{}
	all := make([]denied, 0, len(values))
	for _, v := range values {
		name := names[v]
		count[name]++
		all = append(all, denied{v, fmt.Sprintf("[%s-%d]", name, count[name]), forms(v)})
	}
	return r.rewrite(document, all, &replaced), replaced
}

// isLabels reports whether an object is a set of labels or annotations, which has only texts.
func isLabels(object map[string]any) bool {
	for _, v := range object {
		if _, ok := v.(string); !ok {
			return false
		}
	}
	return true
}

// collect adds the denied values of all sets of labels.
func (r *redactor) collect(document any, names map[string]string) {
	switch d := document.(type) {
	case []any:
		for _, v := range d {
			r.collect(v, names)
		}
	case map[string]any:
		labels := isLabels(d)
		for _, key := range slices.Sorted(maps.Keys(d)) {
			if value, ok := d[key].(string); ok && labels && value != "" && r.labels.MatchString(key) {
				if other, seen := names[value]; !seen || key < other {
					names[value] = key
				}
			}
			r.collect(d[key], names)
		}
	}
}

func (r *redactor) rewrite(document any, all []denied, replaced *int) any {
	switch d := document.(type) {
	case []any:
		list := make([]any, 0, len(d))
		for _, v := range d {
			list = append(list, r.rewrite(v, all, replaced))
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(d))
		labels := isLabels(d)
		for key, v := range d {
			if value, ok := v.(string); ok && labels && value != "" && r.labels.MatchString(key) {
				i := slices.IndexFunc(all, func(x denied) bool { return x.value == value })
				object[key] = all[i].placeholder
				*replaced++
				continue
			}
			object[key] = r.rewrite(v, all, replaced)
		}
		return object
	case string:
		return r.text(d, all, replaced)
	}
	return document
}

// private is the first of the code points that stand for denied values while a text is being rewritten, so that no
// value is found within the placeholder of another. They are for private use: no text has them.
const private, privateEnd = '\U000F0000', '\U000FFFFD'

// text replaces denied values in a text. A time stays, because a value "28" is no part of it.
func (r *redactor) text(s string, all []denied, replaced *int) string {
	if _, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return s
	}
	s = strings.Map(func(c rune) rune {
		if c >= private && c <= privateEnd {
			return -1
		}
		return c
	}, s)
	for i, d := range all[:min(len(all), privateEnd-private)] {
		for _, form := range d.forms {
			s = replaceWord(s, form, string(private+rune(i)), replaced)
		}
	}
	if r.values != nil {
		s = r.values.ReplaceAllStringFunc(s, func(string) string { *replaced++; return "[redacted]" })
	}
	if !strings.ContainsFunc(s, func(c rune) bool { return c >= private && c <= privateEnd }) {
		return s
	}
	var b strings.Builder
	for _, c := range s {
		if c >= private && c <= privateEnd {
			b.WriteString(all[c-private].placeholder)
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// forms are the ways in which a value is written in texts, links and expressions.
func forms(value string) []string {
	quoted := strconv.Quote(value)
	all := []string{value, quoted[1 : len(quoted)-1], url.QueryEscape(value), url.PathEscape(value)}
	slices.Sort(all)
	return slices.Compact(all)
}

// replaceWord replaces a value, a short one only if it is a word of its own.
func replaceWord(s, value, by string, replaced *int) string {
	var b strings.Builder
	for from := 0; ; {
		i := strings.Index(s[from:], value)
		if i < 0 {
			b.WriteString(s[from:])
			return b.String()
		}
		i += from
		end := i + len(value)
		before, _ := utf8.DecodeLastRuneInString(s[:i])
		after, _ := utf8.DecodeRuneInString(s[end:])
		if len(value) < anywhere && (isWord(before) || isWord(after)) {
			b.WriteString(s[from:end])
		} else {
			b.WriteString(s[from:i] + by)
			*replaced++
		}
		from = end
	}
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// noise are keys of the context that tell a model nothing.
var noise = []string{"url", "id", "kind", "trend", "perHour"}

// trim returns a copy of a document in which lists have at most so many elements and texts at most so many bytes, and
// without noise.
func trim(document any, elements, bytes int) any {
	switch d := document.(type) {
	case []any:
		list := make([]any, 0, min(len(d), elements))
		for _, v := range d[:min(len(d), elements)] {
			list = append(list, trim(v, elements, bytes))
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(d))
		labels := isLabels(d)
		for key, v := range d {
			if labels || !slices.Contains(noise, key) {
				object[key] = trim(v, elements, bytes)
			}
		}
		return object
	case string:
		return shorten(d, bytes)
	}
	return document
}

// shorten cuts a text that is too long.
func shorten(s string, bytes int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= bytes {
		return s
	}
	cut := bytes - len("…")
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:max(cut, 0)] + "…"
}

// encode writes a document so that it has at most so many bytes, by leaving out what is last in its lists. In the text
// that it returns, < and > are escaped, so that no value can end the document.
func encode(document any, bytes int) (string, error) {
	for _, elements := range []int{50, 20, 10, 5, 3, 2, 1} {
		b, err := json.Marshal(trim(document, elements, 1000))
		if err != nil {
			return "", fmt.Errorf("encode the document: %w", err)
		}
		if len(b) <= bytes {
			return string(b), nil
		}
	}
	return "", fmt.Errorf("the document has more than %d bytes, even without most of it", bytes)
}
