package feedback

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector/join"
)

// Outcomes counts the alerts and incidents that have been decided. An incident is a period in which a series of the
// truth has values.
//
// An alert is true if it fires on a series that an incident covers, from the lead window before the start of the
// incident until its end. It is false if the lead window after it passes without an incident. Alerts and incidents
// before the first step do not count.
type Outcomes struct {
	TruePositives  int // alerts
	FalsePositives int // alerts on series that the truth covers
	FalseNegatives int // incidents without an alert that cover a series with a score
	// Leads holds, for each incident with an alert, the time from the first alert to the start; negative if the alert
	// came later.
	Leads []time.Duration
}

// Add adds other to o.
func (o *Outcomes) Add(other Outcomes) {
	o.TruePositives += other.TruePositives
	o.FalsePositives += other.FalsePositives
	o.FalseNegatives += other.FalseNegatives
	o.Leads = append(o.Leads, other.Leads...)
}

// A Record is how right the alerts of a detector have been lately.
type Record struct {
	Since       int64 // ms; what was before does not count
	True, False int   // alerts
	Undecided   int   // alerts
	Missed      int   // incidents
}

// An Alert is an alert that starts to fire.
type Alert struct {
	Series labels.Labels // on which it fires
	At     int64         // when it fires, in milliseconds since the epoch
	// Decided is set once the alert has been counted, and shared with whoever else counts it; nil: nobody does.
	Decided *bool
}

// decide reports whether the alert has not been counted yet, and marks it as counted.
func (a *Alert) decide() bool {
	if a.Decided == nil {
		return true
	}
	before := *a.Decided
	*a.Decided = true
	return !before
}

// A Grader compares the alerts of a detector with the truth, step by step.
type Grader struct {
	on           []string // labels to match the truth on
	window, step int64    // ms

	begun, at int64 // first and newest step (ms); 0 before the first
	truth     []truthSlice

	names     map[string][]string // sets of label names that series of the truth have had
	incidents []*Incident         // in progress
	alerts    []*gradedAlert      // not older than the window
}

// truthSlice is the truth that was read up to a step.
type truthSlice struct {
	*join.Vector
	last int64
}

// An Incident is a period in which a series of the truth has values.
type Incident struct {
	Labels labels.Labels // of the truth
	Start  int64         // step (ms)

	names    []string // of the labels
	end      int64    // last step (ms)
	detected bool
}

// Incidents are those that were in progress at a step.
type Incidents struct {
	on  []string
	all []*Incident
}

// Any reports whether there is one.
func (i Incidents) Any() bool { return len(i.all) > 0 }

// Cover reports whether one of them covers a series.
func (i Incidents) Cover(series labels.Labels) bool {
	return slices.ContainsFunc(i.all, func(one *Incident) bool { return one.covers(i.on, series) })
}

// Ongoing returns the incidents that are in progress at the newest step.
func (g *Grader) Ongoing() Incidents { return Incidents{g.on, slices.Clone(g.incidents)} }

type gradedAlert struct {
	Alert
	explained bool
}

// NewGrader returns a Grader that matches the truth to series on the given labels, or on those that both have if on is
// empty. step is in ms. Nothing before begun (ms) counts; 0: nothing before the first step.
func NewGrader(on []string, window time.Duration, step, begun int64) *Grader {
	return &Grader{
		on: on, window: window.Milliseconds(), step: step, begun: begun, at: begun, names: map[string][]string{},
	}
}

// Begun reports whether a step has been taken.
func (g *Grader) Begun() bool { return g.begun != 0 }

// At returns the newest step (ms); 0 before the first.
func (g *Grader) At() int64 { return g.at }

// Extend adds the truth that was read for the steps from first to last (ms). It replaces what was read for them before.
func (g *Grader) Extend(truth *join.Vector, first, last int64) {
	g.truth = slices.DeleteFunc(g.truth, func(s truthSlice) bool { return s.last >= first })
	g.truth = append(g.truth, truthSlice{truth, last})
}

// Advance takes the next step, with the alerts that start to fire at it, and returns what is decided. watched reports
// whether a series that an incident covers had a score, so that an alert was possible.
func (g *Grader) Advance(at int64, fired []Alert, watched func(*Incident) bool) Outcomes {
	var o Outcomes
	if g.begun == 0 {
		g.begun, g.at = at, at-g.step
	}
	for g.at < at {
		g.at += g.step
		for _, read := range g.truth {
			for _, l := range read.At(g.at) {
				g.extendIncident(l)
			}
		}
		if g.at == at {
			for _, a := range fired {
				g.alerts = append(g.alerts, &gradedAlert{Alert: a})
			}
		}
		g.match(&o)
		g.expire(&o, watched)
	}
	g.truth = slices.DeleteFunc(g.truth, func(s truthSlice) bool { return s.last <= at })
	slices.Sort(o.Leads)
	return o
}

// extendIncident starts or extends the incident of a truth series that has a value at the current step.
func (g *Grader) extendIncident(l labels.Labels) {
	i := slices.IndexFunc(g.incidents, func(i *Incident) bool { return labels.Equal(i.Labels, l) })
	if i < 0 {
		names := join.Names(l)
		g.incidents = append(g.incidents, &Incident{Labels: l, names: names, Start: g.at, end: g.at})
		g.names[strings.Join(names, "\xff")] = names
		return
	}
	g.incidents[i].end = g.at
}

// match assigns alerts to the incidents in progress.
func (g *Grader) match(o *Outcomes) {
	for _, i := range g.incidents {
		for _, a := range g.alerts {
			if a.At < i.Start-g.window || a.At >= i.end+g.step || !g.Covers(i, a.Series) {
				continue
			}
			if !a.explained && a.decide() {
				o.TruePositives++
			}
			a.explained = true
			if !i.detected {
				i.detected = true
				if g.inScope(i) {
					o.Leads = append(o.Leads, time.Duration(i.Start-a.At)*time.Millisecond)
				}
			}
		}
	}
}

// expire decides incidents that are over, and alerts whose lead window has passed.
func (g *Grader) expire(o *Outcomes, watched func(*Incident) bool) {
	g.incidents = slices.DeleteFunc(g.incidents, func(i *Incident) bool {
		over := i.end < g.at
		if over && !i.detected && g.inScope(i) && watched(i) {
			o.FalseNegatives++
		}
		return over
	})
	g.alerts = slices.DeleteFunc(g.alerts, func(a *gradedAlert) bool {
		over := g.at >= a.At+g.window
		if over && !a.explained && g.knows(a.Series) && a.decide() {
			o.FalsePositives++
		}
		return over
	})
}

// inScope reports whether alerts have been recorded since the lead window before an incident.
func (g *Grader) inScope(i *Incident) bool { return i.Start-g.window > g.begun }

// Watched reports whether a score at a step (ms) was recent enough to have led to an alert for an incident.
func (g *Grader) Watched(i *Incident, scored int64) bool { return scored >= i.Start-g.window }

// Covers reports whether an incident matches a series.
func (g *Grader) Covers(i *Incident, series labels.Labels) bool { return i.covers(g.on, series) }

// covers reports whether an incident matches a series on the given labels, or on those that both have.
func (i *Incident) covers(on []string, series labels.Labels) bool {
	common := join.Common(on, i.names, series)
	differs := func(name string) bool { return i.Labels.Get(name) != series.Get(name) }
	return len(common) > 0 && !slices.ContainsFunc(common, differs)
}

// knows reports whether the truth can be matched to a series, judging by the series that the truth has had so far.
func (g *Grader) knows(series labels.Labels) bool {
	if len(g.on) > 0 {
		return !slices.ContainsFunc(g.on, func(name string) bool { return !series.Has(name) })
	}
	if len(g.names) == 0 {
		return true
	}
	for _, names := range g.names {
		if len(join.Common(nil, names, series)) > 0 {
			return true
		}
	}
	return false
}
