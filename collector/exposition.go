package collector

import (
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// appendHeader appends the comments that open a family. The text format 0.0.4 and OpenMetrics escape quotes in
// different ways, so help texts have none.
func appendHeader(dst []byte, name, help string) []byte {
	help = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `'`).Replace(help)
	dst = append(append(append(append(dst, "# HELP "...), name...), ' '), help...)
	return append(append(append(dst, "\n# TYPE "...), name...), " gauge\n"...)
}

// appendSeries appends name{labels} of a sample, whose two sets of labels are both sorted. needsEscaping reports
// whether a label name needed quotes or underscores. ok is false for labels that no scraper accepts: one without a
// name, a repeated name, or __name__.
func appendSeries(dst []byte, name string, s *result.Sample, utf8Names bool) (_ []byte, needsEscaping, ok bool) {
	dst = append(dst, name...)
	separator, before := byte('{'), ""
	for of, extra := s.Labels, s.Extra; len(of)+len(extra) > 0; {
		var l *labels.Label
		if len(extra) > 0 && (len(of) == 0 || extra[0].Name < of[0].Name) {
			l, extra = &extra[0], extra[1:]
		} else {
			l, of = &of[0], of[1:]
		}
		if l.Name == "" || l.Name == model.MetricNameLabel || l.Name == before {
			return dst, needsEscaping, false
		}
		dst = append(dst, separator)
		separator, before = ',', l.Name
		switch {
		case model.LegacyValidation.IsValidLabelName(l.Name):
			dst = append(dst, l.Name...)
		case utf8Names:
			needsEscaping = true
			dst = append(result.AppendEscaped(append(dst, '"'), validUTF8(l.Name)), '"')
		default:
			needsEscaping = true
			dst = append(dst, underscored(l.Name)...)
		}
		dst = append(result.AppendEscaped(append(dst, '=', '"'), l.Value), '"')
	}
	if separator == ',' {
		dst = append(dst, '}')
	}
	return dst, needsEscaping, !needsEscaping || distinct(s, utf8Names)
}

// distinct reports whether the rewritten label names of a sample still differ from each other and from __name__.
func distinct(s *result.Sample, utf8Names bool) bool {
	rewrite := underscored
	if utf8Names {
		rewrite = validUTF8
	}
	seen := map[string]bool{model.MetricNameLabel: true}
	for _, ls := range [][]labels.Label{s.Labels, s.Extra} {
		for _, l := range ls {
			name := rewrite(l.Name)
			if seen[name] {
				return false
			}
			seen[name] = true
		}
	}
	return true
}

// validUTF8 returns a label name that can appear in quotes: valid UTF-8, without the byte 0, at which Prometheus' lexer
// stops.
func validUTF8(name string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(name, "\uFFFD"), "\x00", "\uFFFD")
}

// underscored returns a label name that every scraper can read. Unlike model.EscapeName it also replaces colons, which
// only metric names may have.
func underscored(name string) string {
	first := true
	return strings.Map(func(c rune) rune {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= '0' && c <= '9' && !first
		first = false
		if letter {
			return c
		}
		return '_'
	}, name)
}

// appendValue appends v as Prometheus writes it. OpenMetrics allows a whole number without a decimal point.
func appendValue(dst []byte, v float64) []byte { return strconv.AppendFloat(dst, v, 'g', -1, 64) }
