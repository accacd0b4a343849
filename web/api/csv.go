package api

import (
	"bytes"
	"encoding/csv"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/web/past"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

// table is data in rows, the first with the names of the columns. It is not wrapped in the envelope.
type table struct {
	name string // of its file, without .csv
	rows [][]string
}

// encode returns the table as CSV.
func (t *table) encode() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true // RFC 4180
	err := w.WriteAll(t.rows)
	return b.Bytes(), err
}

// seriesTable returns a row for each series, with a column for each of their labels.
func seriesTable(found []view.Series) *table {
	names := map[string]bool{}
	for i := range found {
		for name := range found[i].Labels {
			names[name] = true
		}
	}
	labels := slices.Sorted(maps.Keys(names))
	head := []string{
		"source", "step", "state", "reason", "value", "unit", "expected", "lower", "upper", "score", "severity", "since",
	}
	for _, name := range labels {
		head = append(head, "label_"+name)
	}
	t := &table{name: "series", rows: [][]string{head}}
	for i := range found {
		s := &found[i]
		row := []string{
			text(s.Source), moment(s.Step), s.State, s.Reason, number(s.Value), s.Unit, number(s.Expected), number(s.Lower),
			number(s.Upper), number(s.Score), s.Severity, "",
		}
		if s.Since != nil {
			row[len(row)-1] = moment(*s.Since)
		}
		for _, name := range labels {
			row = append(row, text(s.Labels[name]))
		}
		t.rows = append(t.rows, row)
	}
	return t
}

// historyTable returns a row for each step of a history.
func historyTable(source string, h *past.History) *table {
	t := &table{name: source, rows: [][]string{
		{"time", "value", "expected", "lower", "upper", "score", "muted", "masked"},
	}}
	for i, at := range h.Time {
		t.rows = append(t.rows, []string{
			moment(time.Unix(at, 0)), number(h.Value[i]), number(h.Expected[i]), number(h.Lower[i]), number(h.Upper[i]),
			number(h.Score[i]), strconv.FormatBool(h.Muted[i]), strconv.FormatBool(h.Masked[i]),
		})
	}
	return t
}

// fileName is the name of the file, of letters that mean nothing to a shell or to a header.
func (t *table) fileName() string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' {
			return c
		}
		return '_'
	}, t.name) + ".csv"
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// number is empty if there is none.
func number(n view.Number) string {
	if v := float64(n); !math.IsNaN(v) {
		return strings.TrimPrefix(strconv.FormatFloat(v, 'g', -1, 64), "+")
	}
	return ""
}

// text keeps spreadsheets from evaluating what somebody has put into a label: a quote before it says that it is text.
func text(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}
