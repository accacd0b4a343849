// Package feedback compares results with what happened afterwards: forecasts with values, and alerts with incidents.
//
// It is pure: it uses neither clock nor storage. The live program and backtest share it.
package feedback

import (
	"math"
	"slices"
)

// irrelevantError is the share of a series' mean magnitude that is added to errors before they are compared, so that an
// almost perfect naive forecast does not make a good one look bad. Chosen, not tuned; replicas has the same floor.
const irrelevantError = 0.01

// A Prediction is the forecast for one step. Seven digits are enough: the history stores no more.
type Prediction struct {
	Median, Lower, Upper float32
	Naive                float32 // seasonal naive forecast, if it is made at the same time; NaN: unknown
}

// A Tracker keeps the predictions of one series for one horizon until their steps come. Steps are counted from the
// epoch.
type Tracker struct {
	horizon int64 // steps
	every   int64 // steps between the predictions that are kept
	pending []pending
}

type pending struct {
	due int64 // step; 0: empty
	Prediction
}

// NewTracker returns a Tracker for a horizon in steps that keeps at most atMost predictions. For a longer horizon it
// keeps every n-th.
func NewTracker(horizon, atMost int) *Tracker {
	every := (horizon + atMost - 1) / atMost
	return &Tracker{
		horizon: int64(horizon),
		every:   int64(every),
		pending: make([]pending, min(horizon, atMost)+1),
	}
}

// Every returns the number of steps between the predictions that are kept.
func (t *Tracker) Every() int64 { return t.every }

func (t *Tracker) at(made int64) *pending { return &t.pending[made/t.every%int64(len(t.pending))] }

// Record keeps the prediction made at a step, if the step is one that is kept.
func (t *Tracker) Record(made int64, p Prediction) {
	if made%t.every == 0 {
		*t.at(made) = pending{made + t.horizon, p}
	}
}

// Due returns the prediction made for a step; ok is false if none was kept.
func (t *Tracker) Due(step int64) (p Prediction, ok bool) {
	made := step - t.horizon
	if made%t.every != 0 {
		return p, false
	}
	kept := t.at(made)
	return kept.Prediction, kept.due == step
}

// A Tally sums up how the predictions of one series compare with the values that followed. All sums are weighted.
type Tally struct {
	Weight, Covered float64 // comparisons, and those with the value inside the interval
	Error, Naive    float64 // absolute errors of the prediction and of the naive one
	Bias            float64 // signed errors, positive if the prediction was too high
	Size            float64 // absolute values
}

// Add compares a prediction with the value that followed, and with the naive prediction for it. If naive is NaN, only
// the interval counts. decay multiplies the weight of all earlier comparisons; 1 keeps it.
func (t *Tally) Add(p Prediction, value, naive, decay float64) {
	add := func(sum *float64, x float64) { *sum = *sum*decay + x }
	covered := 0.0
	if v := float32(value); v >= p.Lower && v <= p.Upper {
		covered = 1
	}
	add(&t.Weight, 1)
	add(&t.Covered, covered)
	if math.IsNaN(naive) {
		return
	}
	add(&t.Error, math.Abs(float64(p.Median)-value))
	add(&t.Naive, math.Abs(naive-value))
	add(&t.Bias, float64(p.Median)-value)
	add(&t.Size, math.Abs(value))
}

// RelativeError returns the error relative to that of the naive prediction. It is NaN or infinite if there is nothing
// to compare with.
func (t *Tally) RelativeError() float64 {
	eps := irrelevantError * t.Size
	return (t.Error + eps) / (t.Naive + eps)
}

// RelativeBias returns the mean signed error relative to the mean magnitude; ok is false if all values were zero.
func (t *Tally) RelativeBias() (bias float64, ok bool) { return t.Bias / t.Size, t.Size > 0 }

// Quality describes the recent forecasts of a detector at one horizon.
type Quality struct {
	Horizon  int     // index in the detector's horizons
	MASE     float64 // error relative to the seasonal naive forecast; median over the series
	Bias     float64 // mean error relative to the mean value, positive: too high; median over the series
	Coverage float64 // share of the values inside their interval, over all series
}

// Assess combines the tallies of many series; ok is false if nothing has been compared yet.
func Assess(tallies []*Tally) (q Quality, ok bool) {
	var errors, biases []float64
	var covered, weight float64
	for _, t := range tallies {
		if t.Weight == 0 {
			continue
		}
		covered, weight = covered+t.Covered, weight+t.Weight
		if e := t.RelativeError(); !math.IsNaN(e) && !math.IsInf(e, 0) {
			errors = append(errors, e)
		}
		if b, ok := t.RelativeBias(); ok {
			biases = append(biases, b)
		}
	}
	if weight == 0 {
		return q, false
	}
	return Quality{MASE: Median(errors), Bias: Median(biases), Coverage: covered / weight}, true
}

// Median returns the median of values, or NaN if there are none. It sorts values.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
