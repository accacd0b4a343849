package backtest

import (
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
)

// replay takes the results of one task, step by step: it spools them, and compares them with what then happened.
type replay struct {
	*task
	spool    *spool // nil: the results are not kept
	feedback feedback
	outcomes detector.Outcomes
	account  detector.Account // of all workloads
	families [detector.NumFamilies]family
	subjects map[string]*subject        // by the labels that all results of a series have
	seen     map[*labels.Label]*subject // by the first label of the same, which stays where it is
	order    []*subject                 // as they came
	findings []*Finding
	dropped  int
	err      error
}

func newReplay(t *task, s *spool) *replay {
	r := &replay{task: t, spool: s, feedback: newFeedback(), subjects: map[string]*subject{}, seen: map[*labels.Label]*subject{}}
	for f := range r.families {
		r.families[f].known = map[string]*resultSeries{}
	}
	return r
}

// family holds the result series of a family. They come in nearly the same order at every step: each is looked for where the step before had it.
type family struct {
	known        map[string]*resultSeries
	before, this []*resultSeries
}

// resultSeries is a series of results.
type resultSeries struct {
	labels  detector.Labels
	subject *subject
	column  *column // nil if the results are not kept, or no server would take the labels
	horizon int     // position in task.horizons of a forecast's horizon; -1: it is 0s
	last    int64   // step of the newest result
}

// subject is an input series, and what the results say about it at the newest step.
type subject struct {
	labels detector.Labels // of its results
	input  detector.Seen   // at its newest step with a value
	step   int64

	score     float64
	expected  forecast
	why       []Contribution
	forecasts []forecast // by horizon

	scored, over int // steps with a score, and of them those at or over the threshold of alerts
	reasons      map[string]int
	alerts       int
	finding      *Finding   // the one that is under way, or was last
	outlooks     []*outlook // by horizon
	recommended  int        // steps with a number of replicas
}

// observe takes the results of a step.
func (r *replay) observe(p *detector.Part) error {
	for _, seen := range p.Seen {
		s := r.seen[&seen.Labels[0]]
		if s == nil {
			s = r.subjectOf(seen.Labels)
			r.seen[&seen.Labels[0]] = s
		}
		s.input = seen
		for _, o := range s.outlooks {
			o.settle(p.Time, seen.Values[0])
		}
	}
	for f, results := range p.Results {
		family := &r.families[f]
		family.before, family.this = family.this, family.before[:0]
		for i, result := range results {
			s := r.find(detector.Family(f), i, result.Labels)
			family.this = append(family.this, s)
			if s.last == p.Time {
				r.dropped++
				continue
			}
			s.last = p.Time
			if err := r.keep(s, p.Time, result.Value); err != nil {
				return err
			}
			r.take(detector.Family(f), s, p.Time, result.Value)
		}
	}
	for _, s := range r.order {
		if s.step == p.Time {
			r.judge(s)
		}
	}
	for _, a := range p.Alerts {
		s := r.subjectOf(a.Labels)
		s.alerts++
		if s.finding != nil { // else the alert is of another series with these labels, whose results were dropped
			s.finding.Alerted = true
		}
	}
	r.outcomes.Add(p.Outcomes)
	for _, a := range p.Accounts {
		r.account.Add(a.StrategyTotals)
	}
	if r.spool != nil {
		return r.feedback.keep(r.spool, p.Time)
	}
	return nil
}

// find returns the series of the i-th result of a family.
func (r *replay) find(f detector.Family, i int, l detector.Labels) *resultSeries {
	family := &r.families[f]
	if i < len(family.before) && same(family.before[i].labels, l) {
		return family.before[i]
	}
	key := l.Key()
	s := family.known[key]
	if s == nil {
		s = &resultSeries{labels: l, subject: r.subjectOf(l), horizon: r.horizonOf(l.Get("horizon"))}
		s.last = math.MinInt64
		if r.spool != nil {
			s.column = r.spool.families[f].add("", l)
		}
		family.known[key] = s
	}
	return s
}

func same(a, b detector.Labels) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b))
}

func (r *replay) subjectOf(l detector.Labels) *subject {
	own := []string{"horizon", "probability", "bound", "feature", "state", "reason", "model", "source"}
	shared := slices.DeleteFunc(slices.Clone(l), func(l labels.Label) bool { return l.Value == "" || slices.Contains(own, l.Name) })
	key := shared.Key()
	s := r.subjects[key]
	if s == nil {
		s = &subject{labels: shared, step: math.MinInt64, reasons: map[string]int{}, forecasts: make([]forecast, len(r.horizons))}
		for _, h := range r.horizons {
			s.outlooks = append(s.outlooks, newOutlook(h, r.step))
		}
		r.subjects[key] = s
		r.order = append(r.order, s)
	}
	return s
}

func (r *replay) horizonOf(label string) int {
	return slices.IndexFunc(r.horizons, func(h int64) bool { return horizonLabel(h) == label })
}

// keep spools a result.
func (r *replay) keep(s *resultSeries, at int64, v float64) error {
	switch {
	case r.spool == nil:
		return nil
	case s.column == nil:
		r.dropped++
		return nil
	}
	return r.spool.append(s.column, at, v)
}

// take notes what a result says about its subject.
func (r *replay) take(f detector.Family, s *resultSeries, at int64, v float64) {
	subject := s.subject
	if subject.step != at {
		subject.step = at
		subject.score = math.NaN()
		subject.expected, subject.why = unknown(), subject.why[:0]
		for i := range subject.forecasts {
			subject.forecasts[i] = unknown()
		}
	}
	switch f {
	case detector.Score:
		subject.score = v
	case detector.Contribution:
		subject.why = append(subject.why, Contribution{Feature: s.labels.Get("feature"), Share: v})
	case detector.Yhat, detector.YhatLower, detector.YhatUpper:
		forecast := &subject.expected
		if s.horizon >= 0 {
			forecast = &subject.forecasts[s.horizon]
		}
		forecast.set(f, v)
	case detector.RecommendedReplicas:
		subject.recommended++
	case detector.ModelState:
		subject.reasons[s.labels.Get("state")+" ("+s.labels.Get("reason")+")"]++
	}
}

// judge compares what was said about a subject at a step with what then happened.
func (r *replay) judge(s *subject) {
	if !math.IsNaN(s.score) {
		s.scored++
	}
	if s.score >= findingThreshold {
		r.explain(s)
	}
	if s.score >= highScore {
		s.over++
	}
	for i, o := range s.outlooks {
		o.keep(s.step, s.forecasts[i], s.input.Before(o.sinceSeason))
	}
}
