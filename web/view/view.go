// Package view describes results as people and programs see them: series with a sentence, incidents, forecasts,
// recommendations and detectors. The pages and the API show the same, so they never differ.
package view

import (
	"errors"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/web/past"
)

// Options of a View. All but Public are required.
type Options struct {
	Snapshot func() *result.Snapshot
	Config   func() *config.Config // the one in force; nil: none yet
	Now      func() time.Time
	Replay   past.Replay
	// Faults returns why the newest cycle that failed did, by detector and scaler; nil: nobody knows.
	Faults func() map[result.Source]result.Fault
	Public string // address of the pages, without a slash at its end; "": links are paths
}

// View describes the newest results. It is safe for concurrent use.
type View struct {
	o    Options
	past *past.Past
}

// New returns a View.
func New(o Options) (*View, error) {
	if o.Snapshot == nil || o.Config == nil || o.Now == nil || o.Replay == nil {
		return nil, errors.New("view: one of Snapshot, Config, Now and Replay is missing")
	}
	return &View{o: o, past: past.New(o.Replay)}, nil
}

// Snapshot returns the newest results.
func (v *View) Snapshot() *result.Snapshot { return v.o.Snapshot() }

// A Number is a number that JSON cannot always hold.
type Number = past.Number

// An Invalid error is the fault of who asked.
type Invalid = past.Invalid

// Invalidf returns an Invalid error.
func Invalidf(format string, args ...any) error { return past.Invalidf(format, args...) }

// A Filter says which results are asked for.
type Filter struct {
	Selectors [][]*labels.Matcher // a series matches one of them; none: all match
	Sources   []string            // names of detectors and scalers; none: all
	MinScore  float64             // 0: series without a score too
	Severity  string              // the least severity of an incident; "": any
	Gone      bool                // series that have no value any more, instead of those that have one
	Limit     int                 // of a list
	Offset    int                 // how many to leave out first
}

// ParseSelectors parses selectors as Prometheus' match[] takes them.
func ParseSelectors(texts []string) (parsed [][]*labels.Matcher, err error) {
	for _, s := range texts {
		matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(s)
		if err != nil {
			return nil, Invalidf("match[]: %w", err)
		}
		parsed = append(parsed, matchers)
	}
	return parsed, nil
}

// CheckSeverity returns an error if there is no such severity; "" is any.
func CheckSeverity(s string) error {
	if s != "" && severityRank(s) == 0 {
		return Invalidf("severity: %q is neither %q nor %q", s, Critical, High)
	}
	return nil
}

// matches reports whether a series was asked for.
func (f *Filter) matches(source result.Source, s *result.Series) bool {
	if len(f.Sources) > 0 && !slices.Contains(f.Sources, source.Name) {
		return false
	}
	if f.MinScore > 0 && !(s.Score.Value >= f.MinScore) {
		return false
	}
	return Matches(f.Selectors, s.Labels)
}

// Matches reports whether one of the selectors matches the labels of results. Without selectors, all match. The name in
// a selector is that of the metric that was read.
func Matches(selectors [][]*labels.Matcher, of result.Labels) bool {
	return len(selectors) == 0 || slices.ContainsFunc(selectors, func(matchers []*labels.Matcher) bool {
		return !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool {
			name := m.Name
			if name == labels.MetricName {
				name = "metric_name"
			}
			return !m.Matches(of.Get(name))
		})
	})
}

// page returns the part of a list that was asked for.
func page[T any](f *Filter, all []T) []T {
	from := min(f.Offset, len(all))
	return all[from:min(from+f.Limit, len(all))]
}
