// Package combination forecasts by weighted sums of the candidates, with the weights that did best in the past.
//
// The weights are chosen by the errors that the candidates made at past origins of the window. They differ between
// buckets of horizons, are never negative, and sum to 1.
package combination

import (
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/autoregression"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/candidates"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/intervals"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/recurring"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rollingorigin"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// A Combination is the model "auto". It works in the unit of the window that it was fitted on.
type Combination struct {
	state          *candidates.State
	ar             candidates.Autoregressions
	knots          []float64
	used           []int     // candidates that have a weight anywhere
	weights        []float64 // of the used ones, bucket by bucket, for the median
	extremeWeights []float64 // likewise, for what extremes are measured from
	rejected       bool
	excursion      excursion
	routine        routine
}

// A Prediction is what is expected at a horizon.
type Prediction struct {
	Median      float64
	ExtremeBase float64 // what the extremes of a window are measured from
	Uncertainty float64 // added to the distance of the quantile p from the centre, times 2p-1
	Growth      float64 // added to both: how far a straight line goes on, which need not keep to what was seen so far

	Spread Spread
}

// A Spread says how much larger than usual errors are while a series is far from its usual day.
type Spread struct {
	Share     float64 // how surely they are Ratio times the usual ones, 0 to 1
	Ratio     float64 // where it is not known yet
	MeanError float64 // their size so far, at the horizon Combination.Lead
	Measured  float64 // how far MeanError counts instead, 0 to 1
}

// Advance takes the value of the next step.
func (c *Combination) Advance(y float64) {
	c.state.Advance(y)
	d, ok := c.state.FromUsual()
	if !ok {
		d = candidates.Departure{Value: y}
	}
	c.routine.advance(c.state, &d, ok)
	if ok {
		c.excursion.advance(c, &d)
	}
}

// Scale returns how much larger than usual errors will be at h, where median is forecast.
func (c *Combination) Scale(h *candidates.Horizon, median float64) intervals.Scale {
	return c.state.Scale(h, median)
}

// Predict returns what is expected at h.
func (c *Combination) Predict(h *candidates.Horizon) Prediction {
	t := c.state.PrepareTarget(h)
	p := c.combined(&t)
	c.excursion.apply(&t, &p)
	c.routine.apply(&t, &p)
	return p
}

// combined returns what the weights make of the candidates for t.
func (c *Combination) combined(t *candidates.Target) (p Prediction) {
	i, x := intervals.Interpolate(c.knots, t.LogSteps)
	n := len(c.used)
	at, next := i*n, min(i+1, len(c.knots)-1)*n
	for k, j := range c.used {
		weight := c.weights[at+k] + x*(c.weights[next+k]-c.weights[at+k])
		extreme := c.extremeWeights[at+k] + x*(c.extremeWeights[next+k]-c.extremeWeights[at+k])
		if weight != 0 || extreme != 0 {
			v := c.state.Forecast(j, t, &c.ar)
			p.Median += weight * v
			p.ExtremeBase += extreme * v
		}
	}
	return p
}

// RefitRejected tells whether the weights are those of an earlier refit, because later ones had done worse.
func (c *Combination) RefitRejected() bool { return c.rejected }

// Leader returns the name of the candidate with the largest weight over all buckets.
func (c *Combination) Leader() string {
	best, most := 0, -1.0
	for k, j := range c.used {
		sum := 0.0
		for i := k; i < len(c.weights); i += len(c.used) {
			sum += c.weights[i]
		}
		if sum > most {
			best, most = j, sum
		}
	}
	return candidates.Name(best)
}

// Options say what a Combination is for.
type Options struct {
	Horizons []int // steps, ascending; the last one bounds what Predict may be asked
	Refit    int   // steps between two fits; 0: no fit is held against the one before it

	Recurring *recurring.Profile // of the window; may be nil
}

// A Fitted is a Combination with what its past errors tell.
type Fitted struct {
	*Combination                              // before the first value of the window
	Offsets      intervals.Offsets            // of its quantiles
	FirstOrigin  int                          // the first step that it was evaluated at
	Set          *rollingorigin.EvaluationSet // what it was evaluated on
	Loss         rollingorigin.Loss           // of its quantiles in Set; only if the window is CountLike
}

// Fit returns the combination that suits w.
func Fit(w *window.Window, o Options) Fitted {
	longest := o.Horizons[len(o.Horizons)-1]
	ends, first := rollingorigin.Buckets(w, longest), firstOrigin(w)
	set := rollingorigin.Sample(w, ends, first)
	e := evaluate(candidates.New(w), w, set, longest)

	c := &Combination{
		state: candidates.New(w), ar: *e.ar, knots: rollingorigin.Knots(ends), excursion: newExcursion(w, longest),
		routine: newRoutine(w, o.Recurring),
	}
	f := Fitted{Combination: c, Offsets: intervals.NewOffsets(c.knots, w.Minutes), FirstOrigin: first, Set: set}
	var until int
	until, c.rejected = e.trainUntil(ends, first, &o)
	all := make([]float64, 2*len(ends)*e.count)
	weights, extremeWeights := all[:len(ends)*e.count], all[len(ends)*e.count:]
	for k := range ends {
		median, extreme := weights[k*e.count:(k+1)*e.count], extremeWeights[k*e.count:(k+1)*e.count]
		from, to := set.Bucket(k)
		switch {
		case to-from >= rollingorigin.MinRows:
			e.chooseWeights(k, until, median, extreme)
		case k > 0:
			copy(median, weights[(k-1)*e.count:])
			copy(extreme, extremeWeights[(k-1)*e.count:])
			f.Offsets.Repeat()
			continue
		default:
			median[candidates.LastValue], extreme[candidates.LastValue] = 1, 1
		}
		errors := e.errors(k, median)
		exponent := errors.Normalize()
		table := f.Offsets.Add(errors.Sample(), set.Apart(k), exponent)
		if w.CountLike {
			f.Loss.AddScaled(errors, exponent, &table)
		}
	}
	c.prune(weights, extremeWeights, e.count)
	return f
}

// firstOrigin is from where on forecasts are evaluated: a season has to be known.
func firstOrigin(w *window.Window) int {
	if w.KnowsWeek(len(w.Values)) {
		return 7 * w.StepsPerDay
	}
	return min(w.StepsPerDay, len(w.Values)/2)
}

// prune keeps what has a weight. count is the number of candidates.
func (c *Combination) prune(weights, extremeWeights []float64, count int) {
	for j := range count {
		for i := j; i < len(weights); i += count {
			if weights[i] > 0 || extremeWeights[i] > 0 {
				c.used = append(c.used, j)
				break
			}
		}
	}
	for i := 0; i < len(weights); i += count {
		for _, j := range c.used {
			c.weights = append(c.weights, weights[i+j])
			c.extremeWeights = append(c.extremeWeights, extremeWeights[i+j])
		}
	}
	if !slices.Contains(c.used, candidates.ChangesAR) {
		c.ar.Changes = autoregression.Coefficients{}
	}
	if !slices.Contains(c.used, candidates.DayProfileAR) {
		c.ar.Departures = autoregression.Coefficients{}
	}
}

// Lead returns the logarithm of the steps ahead that Spread.MeanError is of.
func (c *Combination) Lead() float64 { return c.excursion.lead.LogSteps }
