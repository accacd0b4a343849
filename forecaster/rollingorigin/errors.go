package rollingorigin

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/intervals"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// Errors are the errors of one model in the rows of a set.
type Errors struct {
	set  *EvaluationSet
	errs []float64
}

// NewErrors returns Errors to be filled in by Evaluate.
func NewErrors(s *EvaluationSet) *Errors { return &Errors{set: s, errs: make([]float64, s.Len())} }

// Evaluate forecasts the rows of origin t. median returns the median so many steps ahead of t.
func (e *Errors) Evaluate(w *window.Window, t int, median func(steps int) float64) {
	for i := e.set.First(t); i >= 0; i = e.set.Next(i) {
		h := int(e.set.Steps[i])
		e.errs[i] = w.Values[t+h] - median(h)
	}
}

// Offsets returns the quantiles of the errors by bucket; a bucket with few rows has those of the bucket before it.
func (e *Errors) Offsets(w *window.Window, ends []int) intervals.Offsets {
	off, weights := intervals.NewOffsets(Knots(ends), w.Minutes), make([]float64, len(w.Values))
	ErrorWeights(w, weights)
	for k := range ends {
		from, to := e.set.Bucket(k)
		if to-from < MinRows && k > 0 {
			off.Repeat()
			continue
		}
		s := make(intervals.Sample, to-from)
		for i := range s {
			s[i] = intervals.WeightedError{Value: e.errs[from+i], Weight: weights[e.set.Origin[from+i]]}
		}
		off.Add(s, e.set.Apart(k), intervals.Exponent{})
	}
	return off
}

// Loss returns the sum of the pinball losses of the median and of the ends of an 80 % interval, in the unit of the
// series: models under different transforms can be compared by it.
func (e *Errors) Loss(w *window.Window, off *intervals.Offsets) (sum float64) {
	for i, missed := range e.errs {
		x, logSteps := w.Values[e.set.Target(i)], math.Log(float64(e.set.Steps[i]))
		actual := w.Scaling.Inverse(x)
		for _, p := range [...]float64{0.1, 0.5, 0.9} {
			sum += Pinball(p, actual-w.Scaling.Inverse(x-missed+off.At(logSteps, p, intervals.Scale{})))
		}
	}
	return sum
}

// lossQuantiles are those by which counts are compared with other models. None is below the median: of a series that is
// mostly zero those are 0. Chosen, not tuned.
var lossQuantiles = [...]float64{0.5, 0.9, 0.975}

// A Loss is the mean of the pinball losses of quantiles that a model forecast.
type Loss struct{ sum, count float64 }

// Mean returns the loss of a row; 0 if there is none.
func (l *Loss) Mean() float64 { return l.sum / max(l.count, 1) }

// AddScaled adds the loss of the quantiles of t. The errors were divided by their scales to the power x.
func (l *Loss) AddScaled(errors intervals.ScaledErrors, x intervals.Exponent, t *intervals.QuantileTable) {
	for _, e := range errors {
		for _, p := range lossQuantiles {
			l.sum += x.Factor(e.Scale) * Pinball(p, e.Value-t.At(p))
		}
	}
	l.count += float64(len(errors))
}

// Evaluate forecasts the rows of origin t, and adds their loss. quantile returns the quantile p so many steps ahead of
// t.
func (l *Loss) Evaluate(w *window.Window, s *EvaluationSet, t int, quantile func(steps int, p float64) float64) {
	for i := s.First(t); i >= 0; i = s.Next(i) {
		h := int(s.Steps[i])
		for _, p := range lossQuantiles {
			l.sum += Pinball(p, w.Values[t+h]-quantile(h, p))
		}
		l.count++
	}
}

// Pinball is the loss of a quantile p that was missed by so much (Koenker and Bassett, "Regression Quantiles", 1978).
func Pinball(p, missed float64) float64 { return max(p*missed, (p-1)*missed) }
