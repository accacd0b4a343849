package collector

import (
	"bytes"
	"compress/flate"
	"hash/maphash"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
)

// rendering is one part as text, a fragment for each family.
type rendering struct {
	families [detector.NumFamilies]fragment
	results  int
	keys     []uint64 // hashes of its series
	odd      bool     // some label name is not [a-zA-Z_][a-zA-Z0-9_]*

	duplicate, invalid int // results dropped
}

// renderer turns parts into text. Its buffers are reused from part to part.
type renderer struct {
	headers  [detector.NumFamilies]fragment
	seed     maphash.Seed
	text     []byte
	packed   bytes.Buffer
	deflater *flate.Writer
}

func newRenderer() *renderer {
	r := &renderer{seed: maphash.MakeSeed(), deflater: newDeflater()}
	for family := range detector.NumFamilies {
		r.text = appendHeader(r.text[:0], family.Name(), family.Help())
		r.headers[family] = r.fragment()
	}
	return r
}

// newDeflater returns a compressor at the fastest level: exposition text repeats itself so much that the others hardly make it smaller.
func newDeflater() *flate.Writer {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // only for a level that does not exist
	}
	return w
}

// fragment returns a copy of r.text, plain and compressed.
func (r *renderer) fragment() fragment {
	r.packed.Reset()
	r.deflater.Reset(&r.packed)
	// Writes to a bytes.Buffer do not fail.
	_, _ = r.deflater.Write(r.text)
	_ = r.deflater.Flush()
	return fragment{plain: bytes.Clone(r.text), deflated: bytes.Clone(r.packed.Bytes())}
}

// render writes the results of p and adds their hashes to keys. A result that keys already has, or that no scraper would take, is dropped and counted.
func (r *renderer) render(p *detector.Part, utf8Names bool, keys map[uint64]struct{}) *rendering {
	out := &rendering{keys: make([]uint64, 0, p.Len())}
	for family, results := range p.Results {
		name, before := detector.Family(family).Name(), out.results
		r.text = r.text[:0]
		for _, result := range results {
			start := len(r.text)
			series, odd, ok := appendSeries(r.text, name, result.Labels, utf8Names)
			out.odd = out.odd || odd
			if !ok {
				out.invalid++
				continue
			}
			key := maphash.Bytes(r.seed, series[start:])
			if _, taken := keys[key]; taken {
				out.duplicate++
				continue
			}
			keys[key] = struct{}{}
			out.keys = append(out.keys, key)
			r.text = append(appendValue(append(series, ' '), result.Value), '\n')
			out.results++
		}
		if out.results > before {
			out.families[family] = r.fragment()
		}
	}
	return out
}

// appendHeader writes the comments that open a family, in words that text 0.0.4 and OpenMetrics both understand: they differ in how a quote is escaped,
// so there is none.
func appendHeader(dst []byte, name, help string) []byte {
	help = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `'`).Replace(help)
	dst = append(append(append(append(dst, "# HELP "...), name...), ' '), help...)
	return append(append(append(dst, "\n# TYPE "...), name...), " gauge\n"...)
}

// appendSeries writes name{labels}. odd tells that a label name needed quotes or underscores; ok is false for labels that no scraper takes: without a
// name, named twice, or named as the metric name is.
func appendSeries(dst []byte, name string, ls detector.Labels, utf8Names bool) (_ []byte, odd, ok bool) {
	dst = append(dst, name...)
	separator := byte('{')
	for i, l := range ls {
		if l.Name == "" || l.Name == model.MetricNameLabel || i > 0 && l.Name == ls[i-1].Name {
			return dst, odd, false
		}
		dst = append(dst, separator)
		separator = ','
		switch {
		case model.LegacyValidation.IsValidLabelName(l.Name):
			dst = append(dst, l.Name...)
		case utf8Names:
			odd = true
			dst = append(detector.AppendEscaped(append(dst, '"'), cleaned(l.Name)), '"')
		default:
			odd = true
			dst = append(dst, underscored(l.Name)...)
		}
		dst = append(detector.AppendEscaped(append(dst, '=', '"'), l.Value), '"')
	}
	if len(ls) > 0 {
		dst = append(dst, '}')
	}
	return dst, odd, !odd || distinct(ls, utf8Names)
}

// distinct reports whether the names of ls are still different from each other, and from the metric name's, after they have been rewritten.
func distinct(ls detector.Labels, utf8Names bool) bool {
	rewrite := underscored
	if utf8Names {
		rewrite = cleaned
	}
	seen := map[string]bool{model.MetricNameLabel: true}
	for _, l := range ls {
		name := rewrite(l.Name)
		if seen[name] {
			return false
		}
		seen[name] = true
	}
	return true
}

// cleaned is a label name that can stand in quotes: valid UTF-8, without the byte 0, on which Prometheus' lexer stops.
func cleaned(name string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(name, "\uFFFD"), "\x00", "\uFFFD")
}

// underscored is a label name that every scraper reads. Unlike model.EscapeName it replaces colons too, which only metric names may have.
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

// appendValue writes v as Prometheus does. OpenMetrics allows a whole number without a point.
func appendValue(dst []byte, v float64) []byte { return strconv.AppendFloat(dst, v, 'g', -1, 64) }
