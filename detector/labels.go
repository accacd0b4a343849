package detector

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// reserved are the label names that results give a meaning to. An input label of that name becomes exported_<name>.
var reserved = []string{"detector", "metric_name", "horizon", "probability", "bound", "feature", "state", "reason", "model", "scaler", "source", "cause"}

// resultLabels returns the labels that all results about a series carry: its own, then those in add, which win, and the identity labels that
// are still missing with an empty value.
func resultLabels(input labels.Labels, add map[string]string, empty []string) Labels {
	set := make(map[string]string, input.Len()+len(add)+len(empty))
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
	for name, value := range add {
		set[name] = value
	}
	for _, name := range empty {
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

// with returns a copy of l with more labels, given as name and value in turn.
func (l Labels) with(more ...string) Labels {
	result := make(Labels, len(l), len(l)+len(more)/2)
	copy(result, l)
	for i := 0; i < len(more); i += 2 {
		at, _ := slices.BinarySearchFunc(result, more[i], func(a labels.Label, name string) int { return strings.Compare(a.Name, name) })
		result = slices.Insert(result, at, labels.Label{Name: more[i], Value: more[i+1]})
	}
	return result
}

// compare orders label sets by names and values.
func (l Labels) compare(other Labels) int {
	return slices.CompareFunc(l, other, func(a, b labels.Label) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
	})
}

// AppendEscaped writes s as it stands between the quotes of an exposition; what is not UTF-8 becomes the replacement character.
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

// durationLabel writes a duration as labels do: in the largest units that hold it, 60m as 1h.
func durationLabel(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	return model.Duration(d).String()
}
