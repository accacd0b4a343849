// Package breach follows the alerts that a bound will be crossed: TimeToLimit and LimitBreachImminent in
// rules/breaches.yml. They are one alert here, as Alertmanager sends it.
package breach

import (
	"math"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// When the rules fire. A test compares the numbers.
const (
	soon    = 4 * time.Hour // the central forecast crosses the bound within it
	soonFor = 10 * time.Minute
	likely  = 0.8 // probability that the bound is crossed within the shortest horizon
)

// An Alert is about a bound of a workload.
type Alert struct {
	Labels     labels.Labels // of the series that was forecast to cross it first
	Bound      string        // "upper" or "lower"
	Start, End int64         // ms
}

// Limits are the bounds of the workloads of a detector.
type Limits struct {
	Alerts []*Alert // the earliest first

	byName map[key]*limit
	order  []*limit
}

type key struct{ workload, bound string }

// A limit is a bound of a workload, and whether it is forecast to be crossed.
type limit struct {
	bound string

	seconds     float64       // at the current step: until a series crosses it, the first one; NaN: none does
	probability float64       // at the current step: of the one that is most likely to cross it; NaN: unknown
	first       labels.Labels // of the former

	near, probable run
	last           int64 // newest step (ms) at which it was near or probable
	alert          *Alert
}

// A run is since when something holds at each step.
type run struct{ since, last int64 }

// holds records whether it holds at a step (ms), and returns whether it has held for longer than a time.
func (r *run) holds(now bool, at, step int64, atLeast time.Duration) bool {
	if !now {
		return false
	}
	if at-r.last != step {
		r.since = at
	}
	r.last = at
	return at-r.since+step > atLeast.Milliseconds()
}

// Add takes what is forecast at a step for a series of a workload.
func (l *Limits) Add(workload string, series labels.Labels, b result.Breach) {
	k := key{workload, b.Bound}
	of := l.byName[k]
	if of == nil {
		of = &limit{bound: b.Bound, seconds: math.NaN(), probability: math.NaN()}
		if l.byName == nil {
			l.byName = map[key]*limit{}
		}
		l.byName[k], l.order = of, append(l.order, of)
	}
	if of.first.IsEmpty() || b.Seconds < of.seconds || math.IsNaN(of.seconds) && !math.IsNaN(b.Seconds) {
		of.seconds, of.first = b.Seconds, series
	}
	if p := b.Probability[0]; math.IsNaN(of.probability) || p > of.probability {
		of.probability = p
	}
}

// End ends a step (ms) whose results are published for the length of a step.
func (l *Limits) End(at, step int64) {
	for _, of := range l.order {
		if of.end(at, step) {
			l.Alerts = append(l.Alerts, of.alert)
		}
		of.seconds, of.probability, of.first = math.NaN(), math.NaN(), labels.EmptyLabels()
	}
}

// end ends a step, and reports whether an alert begins to fire.
func (l *limit) end(at, step int64) (fires bool) {
	near, probable := l.seconds < soon.Seconds(), l.probability >= likely
	nearFor := l.near.holds(near, at, step, soonFor)
	probableFor := l.probable.holds(probable, at, step, feedback.HoldFor)
	if l.alert != nil && at-l.last > step+feedback.KeepFiring.Milliseconds() {
		l.alert = nil
	}
	if near || probable {
		l.last = at
	}
	if fires = l.alert == nil && (nearFor || probableFor); fires {
		l.alert = &Alert{Labels: l.first, Bound: l.bound, Start: at}
	}
	if l.alert != nil {
		l.alert.End = at + step
	}
	return fires
}
