package backtest

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/anomaly-exporter/anomaly-exporter/config"
)

// leadWindow is how long before an incident, in ms, an alert may fire to be of it.
const leadWindow = 30 * 60 * 1000

// truth is a series of the expression that says when something was wrong.
type truth struct {
	labels    labels.Labels
	incidents []incident
}

// incident is a time during which the series has a value.
type incident struct{ start, end int64 } // steps, both included

// readTruth reads the incidents until as long after the replay as its last alert may be early.
func (r *replay) readTruth(ctx context.Context, side *config.Side) error {
	known := map[string]*truth{}
	r.truth = []*truth{}
	return r.inputs.each(ctx, withoutOwnAlerts(side.Expr), r.start, r.end+leadWindow, r.step, func(l labels.Labels, points []promql.FPoint) {
		key := l.String()
		t := known[key]
		if t == nil {
			t = &truth{labels: l}
			known[key] = t
			r.truth = append(r.truth, t)
		}
		for _, p := range points {
			if n := len(t.incidents); n > 0 && p.T == t.incidents[n-1].end+r.step {
				t.incidents[n-1].end = p.T
			} else {
				t.incidents = append(t.incidents, incident{p.T, p.T})
			}
		}
	})
}

// belongs says whether the incidents of t are those of a series: whether the labels in on agree, or without those all that both have, but for job and
// instance. joined is false if they have none in common.
func (t *truth) belongs(series labels.Labels, on []string) (matches, joined bool) {
	if len(on) > 0 {
		return !slices.ContainsFunc(on, func(name string) bool { return t.labels.Get(name) != series.Get(name) }), true
	}
	matches = true
	t.labels.Range(func(l labels.Label) {
		if l.Name == labels.MetricName || l.Name == "job" || l.Name == "instance" || !series.Has(l.Name) {
			return
		}
		joined = true
		matches = matches && series.Get(l.Name) == l.Value
	})
	return matches && joined, joined
}

// Truth compares alerts with incidents.
type Truth struct {
	Incidents int           // that began within the replay, and that some series with scores could have told
	Found     int           // those with an alert that fired from 30 minutes before their beginning until their end
	Alerts    int           // on series that share labels with some incident
	True      int           // those that fired so
	Lead      time.Duration // from alert to beginning, the median of the incidents found; negative if the alert came later
}

// Precision is the share of alerts that were true; NaN without alerts.
func (t *Truth) Precision() float64 { return float64(t.True) / float64(t.Alerts) }

// Recall is the share of incidents that were found; NaN without incidents.
func (t *Truth) Recall() float64 { return float64(t.Found) / float64(t.Incidents) }

// compareWithTruth counts the alerts of all series against the incidents.
func (r *replay) compareWithTruth(on []string) *Truth {
	result := &Truth{}
	var leads []time.Duration
	trueAlerts := map[*subject]map[int64]bool{}
	for _, t := range r.truth {
		var candidates []*subject
		for _, s := range r.order {
			if s.input == nil || s.scored == 0 {
				continue
			}
			matches, joined := t.belongs(s.input.labels, on)
			if joined && trueAlerts[s] == nil {
				trueAlerts[s] = map[int64]bool{}
			}
			if matches {
				candidates = append(candidates, s)
			}
		}
		for _, i := range t.incidents {
			first, found := i.of(candidates, r.step, trueAlerts)
			if i.start == r.start || i.start > r.end || len(candidates) == 0 {
				continue // it began before, or after, or nobody looked
			}
			result.Incidents++
			if found {
				result.Found++
				leads = append(leads, time.Duration(i.start-first)*time.Millisecond)
			}
		}
	}
	for s, fired := range trueAlerts {
		result.Alerts += len(s.alerts)
		result.True += len(fired)
	}
	result.Lead = median(leads, 0)
	return result
}

// of notes the alerts that an incident explains, and returns when the first of them fired.
func (i incident) of(candidates []*subject, step int64, explained map[*subject]map[int64]bool) (first int64, found bool) {
	first = math.MaxInt64
	for _, s := range candidates {
		for _, fires := range s.alerts {
			if fires >= i.start-leadWindow && fires < i.end+step {
				explained[s][fires] = true
				first, found = min(first, fires), true
			}
		}
	}
	return first, found
}

// median returns the median of values, or what there is without any.
func median[T time.Duration | float64](values []T, without T) T {
	if len(values) == 0 {
		return without
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
