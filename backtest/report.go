package backtest

import (
	"math"
	"slices"
	"time"
)

// Report is what a replay has shown.
type Report struct {
	Start, End time.Time
	Detectors  []Detector // in the order of the configuration
	Scalers    []Scaler
	Findings   []Finding // the strongest of all, ten at most, strongest first
}

// Detector is what the replay of a detector has shown.
type Detector struct {
	Name     string
	Series   int     // that had a value
	Steps    int     // with a score, of all series
	Over     float64 // share of them with a score of at least 0.8; NaN without any
	Alerts   int     // that fired: 0.8 for 5m
	PerWeek  float64 // alerts per week of a series with scores
	Unscored int     // steps without a score
	Reason   string  // the most frequent state and reason of those
	Horizons []Horizon
	Truth    *Truth // nil: not known
}

// Horizon is what the forecasts of a detector for one horizon were worth.
type Horizon struct {
	Horizon   time.Duration
	Forecasts int     // of which the outcome is known
	Error     float64 // mean absolute error, relative to that of the value a day earlier (more days if the horizon is longer); the median of all series
	Bias      float64 // mean error relative to the mean value, positive where forecasts were too high; the median of all series
	Coverage  float64 // share of the outcomes within the interval
	Level     float64 // what the share should be
}

// report adds what the replay of a task has shown.
func (r *replay) report(to *Report) {
	if r.scaler != nil {
		to.Scalers = append(to.Scalers, r.reportScaler())
		return
	}
	d := Detector{Name: r.name, Series: len(r.order)}
	over := 0
	for _, s := range r.order {
		d.Steps += s.scored
		d.Alerts += s.alerts
		over += s.over
	}
	week := 7 * float64(day) / float64(r.step)
	d.Over, d.PerWeek = float64(over)/float64(d.Steps), float64(d.Alerts)/float64(d.Steps)*week
	d.Unscored, d.Reason = r.unscored()
	for i, h := range r.horizons {
		d.Horizons = append(d.Horizons, r.reportHorizon(i, h))
	}
	if r.task.config.Outcomes != nil {
		d.Truth = newTruth(r.outcomes)
	}
	to.Detectors = append(to.Detectors, d)
	for _, f := range r.findings {
		to.Findings = append(to.Findings, *f)
	}
	slices.SortFunc(to.Findings, func(a, b Finding) int { return a.compare(&b) })
	to.Findings = to.Findings[:min(len(to.Findings), maxFindings)]
}

func (r *replay) unscored() (steps int, reason string) {
	reasons := map[string]int{}
	for _, s := range r.order {
		for reason, n := range s.reasons {
			reasons[reason] += n
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

func (r *replay) reportHorizon(i int, ms int64) Horizon {
	h := Horizon{Horizon: time.Duration(ms) * time.Millisecond, Level: r.config.Detectors[0].Forecaster.Level}
	var errors, biases []float64
	inside := 0
	for _, s := range r.order {
		a := &s.outlooks[i].accuracy
		h.Forecasts += a.known
		inside += a.inside
		if e := a.relative(); !math.IsNaN(e) {
			errors = append(errors, e)
		}
		if a.size > 0 {
			biases = append(biases, a.bias/a.size)
		}
	}
	h.Bias = median(biases, math.NaN())
	h.Error, h.Coverage = median(errors, math.NaN()), float64(inside)/float64(h.Forecasts)
	return h
}
