package api

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

const (
	// defaultLimit and maxLimit bound the results of an answer. Guard: an answer of 10,000 series takes some megabytes.
	defaultLimit, maxLimit = 100, 10_000
	// maxOverlays bounds the overlays of a history. Guard: nobody tells more lines apart.
	maxOverlays = 4
)

// query is a parsed request.
type query struct {
	view.Filter
	match    []string  // the selectors, as they were written
	from, to time.Time // zero: not asked for
	format   string    // "" or "json", or what formats has
	limited  bool      // whether limit was given
	overlays []time.Duration
}

// parameters lists what each endpoint takes besides match[], limit and offset.
var parameters = []string{
	"match[]", "limit", "offset", "min_score", "severity", "detector", "scaler", "start", "end",
	"format", "overlay", "gone",
}

// formats lists in which format an endpoint answers besides JSON.
var formats = map[string]string{"context": "markdown", "series": "csv"}

func checkFormat(endpoint, format string) error {
	other := formats[endpoint]
	switch {
	case format == "" || format == "json" || format == other:
		return nil
	case other == "":
		return view.Invalidf("format: %q is not \"json\"", format)
	}
	return view.Invalidf("format: %q is neither \"json\" nor %q", format, other)
}

func parseQuery(r *http.Request) (*query, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, view.Invalidf("%w", err)
	}
	for name := range values {
		if !slices.Contains(parameters, name) {
			return nil, view.Invalidf("unknown parameter %q", name)
		}
	}
	q := &query{match: values["match[]"], format: values.Get("format"), limited: values.Get("limit") != ""}
	q.Severity, q.Sources = values.Get("severity"), slices.Concat(values["detector"], values["scaler"])
	if err = view.CheckSeverity(q.Severity); err != nil {
		return nil, err
	}
	if q.Selectors, err = view.ParseSelectors(values["match[]"]); err != nil {
		return nil, err
	}
	otherwise := defaultLimit
	if q.format == "csv" { // it has no total that would tell that some are missing
		otherwise = maxLimit
	}
	if q.Limit, err = whole(values, "limit", otherwise, maxLimit); err != nil {
		return nil, err
	}
	if q.Offset, err = whole(values, "offset", 0, 1<<31); err != nil {
		return nil, err
	}
	if s := values.Get("min_score"); s != "" {
		if q.MinScore, err = strconv.ParseFloat(s, 64); err != nil || !(q.MinScore >= 0 && q.MinScore <= 1) {
			return nil, view.Invalidf("min_score: %q is not a number from 0 to 1", s)
		}
	}
	if q.from, err = parseTime(values, "start"); err != nil {
		return nil, err
	}
	if q.to, err = parseTime(values, "end"); err != nil {
		return nil, err
	}
	if q.Gone, err = truth(values, "gone"); err != nil {
		return nil, err
	}
	if q.overlays, err = durations(values, "overlay"); err != nil {
		return nil, err
	}
	return q, nil
}

func whole(values url.Values, name string, otherwise, most int) (int, error) {
	s := values.Get(name)
	if s == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > most {
		return 0, view.Invalidf("%s: %q is not a whole number from 0 to %d", name, s, most)
	}
	return n, nil
}

func truth(values url.Values, name string) (bool, error) {
	switch s := values.Get(name); s {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, view.Invalidf("%s: %q is neither true nor false", name, s)
	}
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
		return t, view.Invalidf("%s: %q is neither RFC 3339 nor a number of seconds since 1970", name, s)
	}
	return t.UTC(), nil
}

// durations parses durations, separated by commas.
func durations(values url.Values, name string) (all []time.Duration, err error) {
	s := values.Get(name)
	if s == "" {
		return nil, nil
	}
	for text := range strings.SplitSeq(s, ",") {
		d, err := model.ParseDuration(text)
		if err != nil || d == 0 || len(all) == maxOverlays {
			return nil, view.Invalidf("%s: %q is not up to %d durations such as 1d,7d", name, s, maxOverlays)
		}
		all = append(all, time.Duration(d))
	}
	return all, nil
}
