package result

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// Labels are the labels of a result, sorted by name. Unlike labels.Labels they can hold a label with an empty value,
// which keeps the scrape from setting the label to the exporter's own identity.
type Labels []labels.Label

// Get returns the value of the label with that name, or "" if there is none.
func (l Labels) Get(name string) string {
	i, found := slices.BinarySearchFunc(l, name, compareName)
	if !found {
		return ""
	}
	return l[i].Value
}

func compareName(l labels.Label, name string) int { return strings.Compare(l.Name, name) }

// Compare orders label sets by names and values.
func (l Labels) Compare(other Labels) int {
	return slices.CompareFunc(l, other, func(a, b labels.Label) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
	})
}

// With appends l and more, sorted by name, to dst. l and more have no name in common.
func (l Labels) With(dst Labels, more []labels.Label) Labels {
	for _, m := range more {
		i, _ := slices.BinarySearchFunc(l, m.Name, compareName)
		dst = append(append(dst, l[:i]...), m)
		l = l[i:]
	}
	return append(dst, l...)
}

// Without returns the labels that are not empty and have none of the names, as labels.Labels.
func (l Labels) Without(names ...string) labels.Labels {
	b := labels.NewScratchBuilder(len(l))
	for _, l := range l {
		if l.Value != "" && !slices.Contains(names, l.Name) {
			b.Add(l.Name, l.Value)
		}
	}
	return b.Labels()
}

// AppendEscaped appends s as it appears between the quotes of an exposition. Invalid UTF-8 becomes the replacement
// character.
func AppendEscaped(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c == '\\' || c == '"' || c == '\n' || c >= utf8.RuneSelf {
			return appendEscapedRunes(append(dst, s[:i]...), s[i:])
		}
	}
	return append(dst, s...)
}

func appendEscapedRunes(dst []byte, s string) []byte {
	for _, c := range s {
		switch c {
		case '\\', '"':
			dst = append(dst, '\\', byte(c))
		case '\n':
			dst = append(dst, '\\', 'n')
		default:
			dst = utf8.AppendRune(dst, c)
		}
	}
	return dst
}

// reserved are the label names that have a meaning in results. An input label with such a name becomes exported_<name>.
var reserved = []string{
	"detector", "metric_name", "horizon", "probability", "bound", "feature", "state", "reason", "model", "scaler",
	"source",
}

// A Labeler makes the labels that all results of a series carry.
type Labeler struct {
	Add        map[string]string // override those of the series
	Empty      []string          // added with an empty value if missing
	Keep       []string          // labels of the series to keep; nil: all
	MetricName string            // metric_name of a series without a name; "": none
	NoName     bool              // no metric_name at all
}

// Labels returns the labels of the results of a series.
func (r *Labeler) Labels(input labels.Labels) Labels {
	set := make(map[string]string, input.Len()+len(r.Add)+len(r.Empty)+1)
	if r.Keep != nil {
		input = labels.NewBuilder(input).Keep(r.Keep...).Labels()
	}
	input.Range(func(l labels.Label) {
		if l.Name != labels.MetricName && !slices.Contains(reserved, l.Name) {
			set[l.Name] = l.Value
		}
	})
	input.Range(func(l labels.Label) {
		if slices.Contains(reserved, l.Name) {
			name := "exported_" + l.Name
			for {
				if _, taken := set[name]; !taken {
					break
				}
				name = "exported_" + name
			}
			set[name] = l.Value
		}
	})
	if name := cmp.Or(input.Get(labels.MetricName), r.MetricName); name != "" && !r.NoName {
		set["metric_name"] = name
	}
	maps.Copy(set, r.Add)
	for _, name := range r.Empty {
		if _, ok := set[name]; !ok {
			set[name] = ""
		}
	}
	result := make(Labels, 0, len(set))
	for name, value := range set {
		result = append(result, labels.Label{Name: name, Value: value})
	}
	slices.SortFunc(result, func(a, b labels.Label) int { return strings.Compare(a.Name, b.Name) })
	return result
}

// Duration formats a duration as a label value, in the largest units that hold it: 60m as 1h.
func Duration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	return model.Duration(d).String()
}
