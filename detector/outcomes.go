package detector

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/anomaly-exporter/anomaly-exporter/config"
)

// Outcomes say what has been decided since the Part before about alerts and about incidents, which are times during which a series of the truth
// has values.
//
// An alert is of an incident if it fires from the lead window before its beginning until its end, on a series that belongs to it. It is false if
// the lead window after it passes without. Alerts that fired, and incidents that may have been told, before the first step count for nothing.
type Outcomes struct {
	TruePositives  int             // alerts
	FalsePositives int             // alerts, on series that the truth speaks of
	FalseNegatives int             // incidents that ended without an alert, though a series with a score belongs to them
	Leads          []time.Duration // of the incidents with an alert, from the first one to the beginning; negative if it came later
}

// Add adds other to o.
func (o *Outcomes) Add(other Outcomes) {
	o.TruePositives += other.TruePositives
	o.FalsePositives += other.FalsePositives
	o.FalseNegatives += other.FalseNegatives
	o.Leads = append(o.Leads, other.Leads...)
}

// grader compares the alerts of a group with the truth, step by step.
type grader struct {
	side         *config.Selector // nil: nothing is known of what was wrong
	window, step int64        // ms

	begun, at int64   // first and newest step; 0 before the first
	read      []*side // what was read of the truth and is not over

	names     map[string][]string // of the labels that series of the truth have had
	incidents []*incident         // under way
	alerts    []*gradedAlert      // not older than the window
}

type incident struct {
	labels     labels.Labels // of the truth
	names      []string      // of the labels
	start, end int64         // steps, both included
	found      bool
}

type gradedAlert struct {
	Alert
	explained bool
}

func newGrader(o *config.Outcomes, step int64) *grader {
	g := &grader{step: step, names: map[string][]string{}}
	if o != nil {
		g.side, g.window = o.Truth, milliseconds(o.LeadWindow)
	}
	return g
}

// advance takes the next step, at which some alerts begin to fire. watched says whether a series that belongs to an incident could have told of it.
func (g *grader) advance(at int64, fired []Alert, watched func(*incident) bool) Outcomes {
	var o Outcomes
	if g.begun == 0 {
		g.begun, g.at = at, at-g.step
	}
	for g.at < at {
		g.at += g.step
		g.see()
		if g.at == at {
			for _, a := range fired {
				g.alerts = append(g.alerts, &gradedAlert{Alert: a})
			}
		}
		g.match(&o)
		g.close(&o, watched)
	}
	g.read = slices.DeleteFunc(g.read, func(s *side) bool { return s.last <= at })
	slices.Sort(o.Leads)
	return o
}

// see takes what the truth says of the step.
func (g *grader) see() {
	for _, read := range g.read {
		for _, group := range read.groups {
			for _, s := range group.series {
				if _, ok := s.at(g.at); ok {
					g.wrong(s.labels, group.names)
				}
			}
		}
	}
}

// wrong notes that a series of the truth has a value at the step.
func (g *grader) wrong(l labels.Labels, names []string) {
	i := slices.IndexFunc(g.incidents, func(i *incident) bool { return labels.Equal(i.labels, l) })
	if i < 0 {
		g.incidents = append(g.incidents, &incident{labels: l, names: names, start: g.at, end: g.at})
		g.names[strings.Join(names, "\xff")] = names
		return
	}
	g.incidents[i].end = g.at
}

// match finds the alerts that are of the incidents under way.
func (g *grader) match(o *Outcomes) {
	for _, i := range g.incidents {
		for _, a := range g.alerts {
			if a.At < i.start-g.window || a.At >= i.end+g.step || !g.belongs(i, a.series) {
				continue
			}
			if !a.explained {
				a.explained = true
				o.TruePositives++
			}
			if !i.found {
				i.found = true
				if g.counts(i) {
					o.Leads = append(o.Leads, time.Duration(i.start-a.At)*time.Millisecond)
				}
			}
		}
	}
}

// close decides about incidents that are over, and alerts to which none has come.
func (g *grader) close(o *Outcomes, watched func(*incident) bool) {
	g.incidents = slices.DeleteFunc(g.incidents, func(i *incident) bool {
		over := i.end < g.at
		if over && !i.found && g.counts(i) && watched(i) {
			o.FalseNegatives++
		}
		return over
	})
	g.alerts = slices.DeleteFunc(g.alerts, func(a *gradedAlert) bool {
		over := g.at >= a.At+g.window
		if over && !a.explained && g.speaksOf(a.series) {
			o.FalsePositives++
		}
		return over
	})
}

// counts says whether alerts have been noted since the lead window before an incident.
func (g *grader) counts(i *incident) bool { return i.start-g.window > g.begun }

// belongs says whether an incident is one of a series.
func (g *grader) belongs(i *incident, series labels.Labels) bool {
	common := commonNames(g.side.On, i.names, series)
	return len(common) > 0 && !slices.ContainsFunc(common, func(name string) bool { return i.labels.Get(name) != series.Get(name) })
}

// speaksOf says whether the truth could be joined to a series, as far as its own series so far tell.
func (g *grader) speaksOf(series labels.Labels) bool {
	if g.side == nil {
		return false
	}
	if len(g.side.On) > 0 {
		return !slices.ContainsFunc(g.side.On, func(name string) bool { return !series.Has(name) })
	}
	if len(g.names) == 0 {
		return true
	}
	for _, names := range g.names {
		if len(commonNames(nil, names, series)) > 0 {
			return true
		}
	}
	return false
}

// readTruth reads the truth over a slice; before the first step, only from where results are wanted. An expression that cannot be evaluated costs
// what is known of the outcomes, and nothing else.
func (g *group) readTruth(ctx context.Context, first, last, step, wantedFrom int64) error {
	if g.outcomes == nil {
		return nil
	}
	if g.grader.begun == 0 {
		first = max(first, wantedFrom)
	}
	truth, err := g.readSide(ctx, "outcomes.truth", g.outcomes.Truth, first, last, step)
	var unread promql.ErrStorage
	var tooMany promql.ErrTooManySamples
	switch {
	case err != nil && (ctx.Err() != nil || errors.As(err, &unread) || errors.As(err, &tooMany)):
		return err
	case err != nil:
		g.warn(g.outcomes.Truth.Expr.String(), err)
		g.grader = newGrader(g.outcomes, g.schedule.step)
	case truth != nil:
		truth.last = last
		g.grader.read = slices.DeleteFunc(g.grader.read, func(s *side) bool { return s.last >= first }) // the slice failed before
		g.grader.read = append(g.grader.read, truth)
	}
	return nil
}

// grade notes the alerts that begin to fire at a step, and what they and earlier ones were worth.
func (g *group) grade(live []*series, part *Part) {
	if g.score == nil || part.Time <= g.grader.at {
		return
	}
	for _, s := range live {
		v := g.score(s, part.Time)
		if v == v {
			s.scored = part.Time
		}
		// One that is high at the first step has been so for nobody knows how long.
		if v >= highScore && s.alerting.over(part.Time, g.schedule.step) && s.alerting.since != g.grader.begun && g.grader.begun != 0 {
			part.Alerts = append(part.Alerts, Alert{s.base, s.alerting.since + g.queryOffset.Milliseconds() + holdFor, s.labels})
		}
	}
	part.Outcomes = g.grader.advance(part.Time, part.Alerts, func(i *incident) bool {
		watched := false
		g.each(func(s *series) {
			watched = watched || s.scored >= i.start-g.grader.window && g.grader.belongs(i, s.labels)
		})
		return watched
	})
}

// outcomeMetrics are about what alerts were worth.
type outcomeMetrics struct {
	outcomes *prometheus.CounterVec
	lead     *prometheus.HistogramVec
}

func newOutcomeMetrics(f promauto.Factory) outcomeMetrics {
	return outcomeMetrics{
		outcomes: f.NewCounterVec(prometheus.CounterOpts{
			Namespace: "anomaly_exporter", Name: "outcomes_total",
			Help: "Compared with outcomes.truth: alerts of an incident (true_positive) and of none (false_positive), and incidents without an alert (false_negative).",
		}, []string{"detector", "outcome"}),
		lead: f.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "anomaly_exporter", Name: "lead_time_seconds",
			Help:    "Time from the first alert of an incident to its beginning; negative if the alert came later.",
			Buckets: []float64{-3600, -1800, -600, -300, -60, 0, 60, 300, 600, 1200, 1800, 3600, 7200},
		}, []string{"detector"}),
	}
}

// begin makes the metrics of a detector start at 0 if it is compared with a truth, else it forgets them.
func (m outcomeMetrics) begin(detector string, compared bool) {
	if !compared {
		m.forget(detector)
		return
	}
	m.count(detector, Outcomes{})
	m.lead.WithLabelValues(detector)
}

func (m outcomeMetrics) count(detector string, o Outcomes) {
	m.outcomes.WithLabelValues(detector, "true_positive").Add(float64(o.TruePositives))
	m.outcomes.WithLabelValues(detector, "false_positive").Add(float64(o.FalsePositives))
	m.outcomes.WithLabelValues(detector, "false_negative").Add(float64(o.FalseNegatives))
	for _, lead := range o.Leads {
		m.lead.WithLabelValues(detector).Observe(lead.Seconds())
	}
}

// forget removes everything about a detector.
func (m outcomeMetrics) forget(detector string) {
	m.outcomes.DeletePartialMatch(prometheus.Labels{"detector": detector})
	m.lead.DeleteLabelValues(detector)
}
