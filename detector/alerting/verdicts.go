package alerting

import (
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/verdict"
)

// maxRemembered is how many alerts are remembered until somebody judges them. Guard: it bounds the memory.
const maxRemembered = 1000

// remembered is an alert that people may confirm or reject.
type remembered struct {
	labels      result.Labels
	since, last int64 // steps (ms): from when its score was high until it last fired
	at          int64 // when it fired (ms)
	decided     *bool // whether it has been counted
}

// remember keeps an alert of a series that fires at a step. counted is false if its start is not known.
func (a *Tracker) remember(s *alertSeries, step, at int64, counted bool) *remembered {
	decided := !counted
	r := &remembered{labels: s.results, since: s.state.Since, last: step, at: at, decided: &decided}
	if a.alerts = append(a.alerts, r); len(a.alerts) > maxRemembered {
		a.alerts = slices.Delete(a.alerts, 0, 1)
	}
	return r
}

// CountVerdicts counts the verdicts about series of the detector that are in after and not in before. They are reported
// with the next step. An alert that people confirm is a true positive, and one that they reject a false one, unless
// the truth has decided about it before. What they confirm without an alert is a false negative, if the series had a
// score then. Periods that begin before the first step do not count.
func (a *Tracker) CountVerdicts(before, after []verdict.Verdict) {
	for i := range after {
		v := &after[i]
		known := slices.ContainsFunc(before, func(other verdict.Verdict) bool {
			return other.Kind == v.Kind && other.Same(v)
		})
		if !known && a.begun != 0 && v.From.UnixMilli() > a.begun {
			a.countVerdict(v)
		}
	}
}

func (a *Tracker) countVerdict(v *verdict.Verdict) {
	from, to := v.From.UnixMilli(), v.To.UnixMilli()
	alerts, fresh, first := 0, 0, int64(0)
	for _, r := range a.alerts {
		if r.last < from || r.since > to || !v.Matches(r.labels.Get) {
			continue
		}
		alerts++
		if *r.decided {
			continue
		}
		*r.decided = true
		if fresh++; first == 0 || r.at < first {
			first = r.at
		}
	}
	switch {
	case v.Kind == verdict.Rejected:
		a.byPeople.FalsePositives += fresh
	case fresh > 0:
		a.byPeople.TruePositives += fresh
		a.byPeople.Leads = append(a.byPeople.Leads, time.Duration(from-first)*time.Millisecond)
	case alerts == 0 && a.scored(v, from):
		a.byPeople.FalseNegatives++
	}
}

// scored reports whether a series that a verdict is about has had a score since a time (ms).
func (a *Tracker) scored(v *verdict.Verdict, from int64) bool {
	for _, s := range a.series {
		if s.scored >= from && v.Matches(s.results.Get) {
			return true
		}
	}
	return false
}

// addByPeople adds what people have decided since the last step to the outcomes of this one; nil: there are none yet.
func (a *Tracker) addByPeople(o *feedback.Outcomes) *feedback.Outcomes {
	j := a.byPeople
	if a.byPeople = (feedback.Outcomes{}); j.TruePositives+j.FalsePositives+j.FalseNegatives == 0 {
		return o
	}
	if o == nil {
		o = &feedback.Outcomes{}
	}
	o.Add(j)
	return o
}
