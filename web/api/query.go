package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

const (
	// defaultLimit and maxLimit bound the results of an answer. Guard: an answer of 10,000 series takes some megabytes.
	defaultLimit, maxLimit = 100, 10_000
	// maxPoints bounds the steps of a replay, as Prometheus bounds those of a range query.
	maxPoints = 11_000
)

// query is a parsed request.
type query struct {
	ctx      context.Context
	selector [][]*labels.Matcher // a series matches one of them; none: all match
	minScore float64
	limit    int
	offset   int
	from, to time.Time // zero: not asked for
	sources  []string  // names of detectors and scalers; none: all
	severity string
}

// parameters lists what each endpoint takes besides match[], limit and offset.
var parameters = []string{"match[]", "limit", "offset", "min_score", "severity", "detector", "scaler", "start", "end"}

func parseQuery(r *http.Request) (*query, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest{err}
	}
	for name := range values {
		if !slices.Contains(parameters, name) {
			return nil, badRequestf("unknown parameter %q", name)
		}
	}
	q := &query{ctx: r.Context(), limit: defaultLimit, severity: values.Get("severity")}
	if q.selector, err = ParseMatch(values["match[]"]); err != nil {
		return nil, err
	}
	q.sources = slices.Concat(values["detector"], values["scaler"])
	if q.limit, err = whole(values, "limit", defaultLimit, maxLimit); err != nil {
		return nil, err
	}
	if q.offset, err = whole(values, "offset", 0, 1<<31); err != nil {
		return nil, err
	}
	if s := values.Get("min_score"); s != "" {
		if q.minScore, err = strconv.ParseFloat(s, 64); err != nil || !(q.minScore >= 0 && q.minScore <= 1) {
			return nil, badRequestf("min_score: %q is not a number from 0 to 1", s)
		}
	}
	if q.from, err = parseTime(values, "start"); err != nil {
		return nil, err
	}
	if q.to, err = parseTime(values, "end"); err != nil {
		return nil, err
	}
	if q.severity != "" && q.severity != Critical && q.severity != High {
		return nil, badRequestf("severity: %q is neither %q nor %q", q.severity, Critical, High)
	}
	return q, nil
}

// ParseMatch parses selectors as Prometheus' match[] takes them.
func ParseMatch(selectors []string) (parsed [][]*labels.Matcher, err error) {
	for _, s := range selectors {
		matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(s)
		if err != nil {
			return nil, badRequestf("match[]: %w", err)
		}
		parsed = append(parsed, matchers)
	}
	return parsed, nil
}

func whole(values url.Values, name string, otherwise, most int) (int, error) {
	s := values.Get(name)
	if s == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > most {
		return 0, badRequestf("%s: %q is not a whole number from 0 to %d", name, s, most)
	}
	return n, nil
}

// parseTime parses a time as Prometheus does: RFC 3339, or seconds since the epoch.
func parseTime(values url.Values, name string) (time.Time, error) {
	s := values.Get(name)
	if s == "" {
		return time.Time{}, nil
	}
	if seconds, err := strconv.ParseFloat(s, 64); err == nil && seconds >= 0 && seconds < 1e11 {
		return time.UnixMilli(int64(seconds * 1000)).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return t, badRequestf("%s: %q is neither RFC 3339 nor a number of seconds since 1970", name, s)
	}
	return t.UTC(), nil
}

// matches reports whether a series was asked for. Its labels are those of its results; its name is that of the metric
// that was read.
func (q *query) matches(source result.Source, s *result.Series) bool {
	if len(q.sources) > 0 && !slices.Contains(q.sources, source.Name) {
		return false
	}
	return Matches(q.selector, s.Labels)
}

// Matches reports whether the labels of results match one of the selectors; with no selector, all do.
func Matches(selectors [][]*labels.Matcher, l result.Labels) bool {
	if len(selectors) == 0 {
		return true
	}
	for _, matchers := range selectors {
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool {
			name := m.Name
			if name == labels.MetricName {
				name = "metric_name"
			}
			return !m.Matches(l.Get(name))
		}) {
			return true
		}
	}
	return false
}

// page returns the part of all that was asked for.
func page[T any](q *query, all []T) []T {
	from := min(q.offset, len(all))
	return all[from:min(from+q.limit, len(all))]
}
