package backtest

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
)

// Report is the result of a replay.
type Report struct {
	Start, End time.Time
	Detectors  []Detector // in the order of the configuration
	Scalers    []Scaler
	Budgets    []Budget  // the smallest first; empty without scores
	Findings   []Finding // the strongest ten at most, strongest first
	Found      int       // findings in all
}

// Detector summarizes the replay of a detector.
type Detector struct {
	Name    string
	Series  int     // with a value
	NoScore bool    // it publishes none, so nothing alerts on it
	Bounded bool    // it publishes forecasts for bounds
	Steps   int     // with a score, over all series
	Over    float64 // share of Steps with a score of at least 0.8; NaN without any
	Step    time.Duration
	Alerts  int     // fired: 0.8 for 5m
	PerWeek float64 // alerts per series and week with scores
	// WorkloadAlerts are the same with the pods of a workload as one, whose return periods add up: what the shipped rule
	// would have fired with the lowest bar. Breaches are the alerts of workloads that a bound will be crossed, the
	// earliest first. Workloads is how many had a score or such forecasts at the same time, so that jobs that come one
	// after the other count once; Judged is for how long any had one.
	WorkloadAlerts int
	Breaches       []Alert
	Workloads      int
	Judged         time.Duration
	Unscored       int    // steps with a state: no score, or an expression not joined
	Reason         string // the most frequent of these states with its reason
	Why            string // there is no score at all, for people; empty: not known
	Failed         bool   // it could not be replayed; Why says why
	Later          bool   // it has series, or may have some, but only after the replayed time
	Horizons       []Horizon
	Truth          *Truth // nil: unknown
	// Fired are the alerts, the earliest first, and Incidents the periods in which the truth had a value.
	Fired     []Alert
	Incidents []Period
	// Typical is the input of the series whose forecasts for the first horizon have the median error; nil: none.
	Typical *labels.Labels
	Highest *labels.Labels // input of the series with the highest score; nil: none has a score
}

// A Period is a part of the replayed time.
type Period struct{ Start, End time.Time }

// An Alert is one that fired on a series.
type Alert struct {
	Input  labels.Labels // of the series
	Labels labels.Labels // of its results
	Bound  string        // "upper" or "lower" if it is about a forecast
	Period
	Firing bool // at the end of the replay
}

// Horizon summarizes the forecasts of a detector for one horizon.
type Horizon struct {
	Horizon   time.Duration
	Forecasts int // with a known outcome
	// Error is the mean absolute error relative to that of the value a day earlier, or several days for longer
	// horizons; median over the series.
	Error float64
	// Bias is the mean error relative to the mean value, positive if forecasts were too high; median over the series.
	Bias     float64
	Coverage float64 // share of the outcomes inside the interval
	Level    float64 // nominal share
	Width    float64 // mean width of the intervals relative to the mean magnitude of the values; median over the series
}

// report adds the results of the replay to a report.
func (r *replay) report(to *Report) {
	if r.scaler != nil {
		to.Scalers = append(to.Scalers, r.reportScaler())
		return
	}
	d := Detector{
		Name: r.source.Name, NoScore: !r.scores, Bounded: r.bounded, Series: len(r.order),
		Step: time.Duration(r.step) * time.Millisecond,
	}
	high, firing := 0, map[*Alert]bool{}
	for _, s := range r.order {
		firing[s.firing] = true
		d.Steps += s.scored
		d.Alerts += s.alerts
		high += s.high
	}
	week := 7 * float64(day) / float64(r.step)
	d.Over, d.PerWeek = float64(high)/float64(d.Steps), float64(d.Alerts)/float64(d.Steps)*week
	d.WorkloadAlerts = r.workloads.alerts(lowestBar, r.step)
	d.Workloads, d.Judged = r.workloads.together, time.Duration(r.workloads.steps)*d.Step
	d.Unscored, d.Reason = r.unscored()
	if r.learning != nil && d.Steps == 0 && r.scores {
		d.Why = "history: " + r.learning.String()
	}
	for i, h := range r.horizons {
		d.Horizons = append(d.Horizons, r.reportHorizon(i, h))
	}
	if d.Incidents = r.incidents; r.config.Outcomes != nil && r.scores {
		d.Truth = newTruth(r.outcomes)
	}
	for _, a := range r.alerts {
		a.Firing = firing[a] && a.End.UnixMilli() == r.end+r.step // else the series has gone
		d.Fired = append(d.Fired, *a)
	}
	for _, a := range r.limits.Alerts {
		of := slices.IndexFunc(r.order, func(s *inputSeries) bool { return labels.Equal(s.labels, a.Labels) })
		d.Breaches = append(d.Breaches, Alert{
			Input: r.order[of].input, Labels: a.Labels, Bound: a.Bound, Firing: a.End == r.end+r.step,
			Period: Period{time.UnixMilli(a.Start).UTC(), time.UnixMilli(a.End).UTC()},
		})
	}
	d.Typical, d.Highest = r.typical(), r.highest
	to.Detectors = append(to.Detectors, d)
	to.Found += len(r.findings)
	for _, f := range r.findings {
		to.Findings = append(to.Findings, *f)
	}
	slices.SortFunc(to.Findings, func(a, b Finding) int { return a.compare(&b) })
	to.Findings = to.Findings[:min(len(to.Findings), maxFindings)]
}

func (r *replay) unscored() (steps int, reason string) {
	reasons := map[string]int{}
	for _, s := range r.order {
		for state, n := range s.unscored {
			reasons[state.State+" ("+state.Reason+")"] += n
			steps += n
		}
	}
	for candidate, n := range reasons {
		if n > reasons[reason] || n == reasons[reason] && candidate < reason {
			reason = candidate
		}
	}
	return steps, reason
}

// typical returns the input of the series whose forecasts for the first horizon have the median error; nil: none has
// an error.
func (r *replay) typical() *labels.Labels {
	var known []*inputSeries
	for _, s := range r.order {
		if len(r.horizons) > 0 && !math.IsNaN(s.forecasts[0].RelativeError()) {
			known = append(known, s)
		}
	}
	if len(known) == 0 {
		return nil
	}
	slices.SortStableFunc(known, func(a, b *inputSeries) int {
		return cmp.Compare(a.forecasts[0].RelativeError(), b.forecasts[0].RelativeError())
	})
	return &known[(len(known)-1)/2].input
}

func (r *replay) reportHorizon(i int, ms int64) Horizon {
	h := Horizon{Horizon: time.Duration(ms) * time.Millisecond, Level: r.config.Detectors[0].Forecaster.Level}
	var errors, biases, widths []float64
	covered := 0.0
	for _, s := range r.order {
		t := s.forecasts[i]
		if t.size > 0 {
			widths = append(widths, t.width/t.size)
		}
		h.Forecasts += int(t.Weight)
		covered += t.Covered
		if e := t.RelativeError(); !math.IsNaN(e) {
			errors = append(errors, e)
		}
		if b, ok := t.RelativeBias(); ok {
			biases = append(biases, b)
		}
	}
	h.Bias, h.Width = feedback.Median(biases), feedback.Median(widths)
	h.Error, h.Coverage = feedback.Median(errors), covered/float64(h.Forecasts)
	return h
}
