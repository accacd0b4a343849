package detector

import (
	"math"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
)

const (
	pendingForecasts = 32             // that are kept of a series and horizon until their time comes
	feedbackHalfLife = 24 * time.Hour // of the weight of a comparison
)

// feedback compares the forecasts of one series at one horizon with what then happened.
type feedback struct {
	steps int64 // of the horizon
	every int64 // only every so many steps a forecast is kept
	decay float64

	pending []pending // ring, oldest first from next

	weight, err, naive, bias, level, covered float64 // weighted sums
}

// pending is a forecast whose time has not come.
type pending struct {
	due                  int64 // in steps since the epoch; 0 if there is none
	median, lower, upper float32
}

// newFeedback returns a feedback for a horizon in steps.
func newFeedback(steps int, step time.Duration) *feedback {
	every := (steps + pendingForecasts - 1) / pendingForecasts
	return &feedback{
		steps:   int64(steps),
		every:   int64(every),
		decay:   math.Exp2(-float64(every) * step.Seconds() / feedbackHalfLife.Seconds()),
		pending: make([]pending, min(steps, pendingForecasts)+1),
	}
}

// keep stores the forecast made at a step, counted from the epoch.
func (f *feedback) keep(at int64, p forecaster.Point) {
	if at%f.every != 0 {
		return
	}
	i := at / f.every % int64(len(f.pending))
	f.pending[i] = pending{at + f.steps, float32(p.Median), float32(p.Lower), float32(p.Upper)}
}

// settle compares the forecast that was made for a step, if there is one, with its value, and both with the value a day before.
func (f *feedback) settle(at int64, value, dayBefore float64) {
	made := at - f.steps
	if made%f.every != 0 {
		return
	}
	p := &f.pending[made/f.every%int64(len(f.pending))]
	if p.due != at || math.IsNaN(value+dayBefore) {
		return
	}
	p.due = 0
	covered := 0.0
	if v := float32(value); v >= p.lower && v <= p.upper {
		covered = 1
	}
	add := func(sum *float64, x float64) { *sum = *sum*f.decay + x }
	add(&f.weight, 1)
	add(&f.err, math.Abs(float64(p.median)-value))
	add(&f.naive, math.Abs(dayBefore-value))
	add(&f.bias, float64(p.median)-value)
	add(&f.level, math.Abs(value))
	add(&f.covered, covered)
}

// quality is how good the forecasts of a detector were of late at one horizon.
type quality struct {
	mase     float64 // median over the series of the error relative to that of the seasonal naive
	bias     float64 // median over the series of the mean error relative to the mean value; positive: forecasts are too high
	coverage float64 // share of the values that were within their interval, over all series
}

// assess sums up the feedback of many series; ok is false if nothing was compared yet. Errors and their scale are raised by a hundredth of
// the mean value, so that errors that nobody cares about do not count.
func assess(all []*feedback) (q quality, ok bool) {
	var mase, bias []float64
	var covered, weight float64
	for _, f := range all {
		if f.weight == 0 {
			continue
		}
		covered, weight = covered+f.covered, weight+f.weight
		if eps := 0.01 * f.level; f.naive+eps > 0 {
			mase = append(mase, (f.err+eps)/(f.naive+eps))
		}
		if f.level > 0 {
			bias = append(bias, f.bias/f.level)
		}
	}
	if weight == 0 {
		return q, false
	}
	return quality{median(mase), median(bias), covered / weight}, true
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
