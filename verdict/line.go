package verdict

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// maxLine is the largest length of a line in bytes. Guard: the largest verdict takes less.
const maxLine = 16 << 10

// A LineError says what is wrong with a line.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Err) }

// Unwrap returns what is wrong.
func (e LineError) Unwrap() error { return e.Err }

// Parse reads the text of a file. It is a YAML list with an item a line, so that a line that was torn by a crash, or
// mistyped, takes no other with it.
func Parse(text string) *Set {
	var given []Verdict
	var invalid []LineError
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line == "---" || strings.HasPrefix(line, "#") {
			continue
		}
		v, err := parseLine(line)
		if err != nil {
			invalid = append(invalid, LineError{n, err})
			continue
		}
		given = append(given, v)
	}
	s := NewSet(given...)
	s.Invalid = invalid
	return s
}

// item is a verdict as it is written.
type item struct {
	Series  string `yaml:"series"`
	From    string `yaml:"from"`
	To      string `yaml:"to"`
	Verdict Kind   `yaml:"verdict"`
	Who     string `yaml:"who"`
	Comment string `yaml:"comment"`
}

func parseLine(line string) (v Verdict, err error) {
	if len(line) > maxLine {
		return v, fmt.Errorf("more than %d bytes", maxLine)
	}
	text, listed := strings.CutPrefix(line, "- ")
	if text = strings.TrimSpace(text); !listed || !strings.HasPrefix(text, "{") {
		return v, errors.New("not of the form - {series: '{...}', from: TIME, to: TIME, verdict: VERDICT}")
	}
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.KnownFields(true)
	var i item
	if err := decoder.Decode(&i); err != nil {
		return v, oneLine(err)
	}
	if err := decoder.Decode(&item{}); !errors.Is(err, io.EOF) {
		return v, errors.New("something comes after the closing brace")
	}
	if v.Series, err = ParseSeries(i.Series); err != nil {
		return v, err
	}
	if v.From, err = parseTime("from", i.From); err != nil {
		return v, err
	}
	if v.To, err = parseTime("to", i.To); err != nil {
		return v, err
	}
	v.Kind, v.Who, v.Comment = i.Verdict, i.Who, i.Comment
	return v, v.Check()
}

// oneLine removes what the YAML library says about the place: there is one line.
func oneLine(err error) error {
	text := strings.ReplaceAll(err.Error(), "yaml: ", "")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "unmarshal errors:\n  ", ""), "line 1: ", "")
	text = strings.ReplaceAll(text, " in type verdict.item", "")
	return errors.New(strings.ReplaceAll(text, "\n  ", "; "))
}

// ParseSeries parses labels as PromQL writes them: {detector="latency", namespace="shop"}. A name before the brace is
// the label metric_name, as it is of results.
func ParseSeries(text string) (labels.Labels, error) {
	parsed, err := parser.NewParser(parser.Options{}).ParseMetric(text)
	if err != nil {
		return labels.EmptyLabels(), fmt.Errorf("series: %s", strings.ReplaceAll(err.Error(), "\n", " "))
	}
	if name, twice := parsed.HasDuplicateLabelNames(); twice {
		return labels.EmptyLabels(), fmt.Errorf("series: label %s is there twice", name)
	}
	b := labels.NewBuilder(parsed)
	if name := parsed.Get(labels.MetricName); name != "" {
		b.Set("metric_name", name).Del(labels.MetricName)
	}
	return b.Labels(), nil // without empty ones
}

func parseTime(key, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, fmt.Errorf("%s: %q is not a time such as 2026-11-28T16:24:00Z", key, text)
	}
	return t.UTC().Truncate(time.Millisecond), nil
}

// Line returns a verdict as it is written, without a line break.
func (v *Verdict) Line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "- {series: '%s', from: %s, to: %s, verdict: %s", strings.ReplaceAll(v.Series.String(), "'", "''"),
		stamp(v.From), stamp(v.To), v.Kind)
	// What Go escapes in a string, YAML unescapes in double quotes.
	if v.Who != "" {
		b.WriteString(", who: " + strconv.Quote(v.Who))
	}
	if v.Comment != "" {
		b.WriteString(", comment: " + strconv.Quote(v.Comment))
	}
	b.WriteString("}")
	return b.String()
}
