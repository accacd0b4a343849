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
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/lines"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/recurring"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rollingorigin"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// A Combination is the model "auto". It works in the unit of the window that it was fitted on.
type Combination struct {
	state     *candidates.State
	ar        candidates.Autoregressions
	knots     []float64
	terms     [][]term // from each knot to the next, and beyond the last
	leader    int      // the candidate with the largest weight over all buckets
	rejected  bool
	excursion excursion
	hourly    hourly
	routine   routine
}

// A term is what a candidate counts between two knots: for the median, and for what extremes are measured from.
type term struct {
	candidate       int
	median, extreme weight
}

// A weight changes evenly from one knot to the next.
type weight struct{ at, change float64 }

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
	c.routine.advance(c.state, &d, ok && !d.FirstDay)
	if ok {
		c.hourly.advance(&d)
		c.excursion.advance(c, &d)
	}
}

// Scale returns how much larger than usual errors will be at h, where median is forecast.
func (c *Combination) Scale(h *candidates.Horizon, median float64) intervals.Scale {
	return c.state.Scale(h, median)
}

// Predict fills in what is expected at h.
func (c *Combination) Predict(h *candidates.Horizon, p *Prediction) {
	var t candidates.Target
	c.state.PrepareTarget(&t, h)
	*p = Prediction{}
	p.Median, p.ExtremeBase = c.combined(&t)
	c.excursion.apply(&c.hourly, &t, p)
	applyLine(c.line(), &t, p)
	c.routine.apply(&t, p)
}

// line returns the surest straight line: through the single departures, or that of the medians of hours.
func (c *Combination) line() *lines.Extrapolation {
	of := c.hourly.ahead()
	if e := &c.excursion; e.isOut() && !e.usual {
		if l := &e.weigh(&c.hourly).line; l.Beats(of, of.OfValues && c.hourly.jumps()) {
			return l
		}
	}
	return of
}

// combined returns what the weights make of the candidates for t: the median, and what extremes are measured from.
func (c *Combination) combined(t *candidates.Target) (median, extreme float64) {
	i, x := intervals.Interpolate(c.knots, t.LogSteps)
	var all candidates.Forecasts
	c.state.Forecast(&all, t, &c.ar)
	terms := c.terms[i]
	for k := range terms {
		f := &terms[k]
		v := all[f.candidate]
		median += (f.median.at + x*f.median.change) * v
		extreme += (f.extreme.at + x*f.extreme.change) * v
	}
	return median, extreme
}

// RefitRejected tells whether the weights are those of an earlier refit, because later ones had done worse.
func (c *Combination) RefitRejected() bool { return c.rejected }

// Leader returns the name of the candidate with the largest weight over all buckets.
func (c *Combination) Leader() string { return candidates.Name(c.leader) }

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
	defer e.release()

	c := &Combination{
		state: candidates.New(w), ar: *e.ar, knots: rollingorigin.Knots(ends), excursion: newExcursion(w, longest),
		hourly:  newHourly(w),
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
		table := f.Offsets.Add(errors.Sample(e.sample), set.Apart(k), exponent)
		if w.CountLike {
			f.Loss.AddScaled(errors, exponent, &table)
		}
	}
	c.setTerms(weights, extremeWeights, e.count)
	c.state.AskOnlyFor(c.uses)
	return f
}

// firstOrigin is from where on forecasts are evaluated: a season has to be known.
func firstOrigin(w *window.Window) int {
	if w.KnowsWeek(len(w.Values)) {
		return 7 * w.StepsPerDay
	}
	return min(w.StepsPerDay, len(w.Values)/2)
}

// setTerms keeps what has a weight. The weights are those of so many candidates at each knot.
func (c *Combination) setTerms(weights, extremeWeights []float64, count int) {
	sums := make([]float64, count)
	var terms []term
	for i := range c.knots {
		at, next := i*count, min(i+1, len(c.knots)-1)*count
		terms = terms[:0]
		for j := range count {
			sums[j] += weights[at+j]
			t := term{
				candidate: j,
				median:    weight{weights[at+j], weights[next+j] - weights[at+j]},
				extreme:   weight{extremeWeights[at+j], extremeWeights[next+j] - extremeWeights[at+j]},
			}
			if t.median != (weight{}) || t.extreme != (weight{}) {
				terms = append(terms, t)
			}
		}
		c.terms = append(c.terms, slices.Clone(terms))
	}
	c.leader = slices.Index(sums, slices.Max(sums))
	if !c.uses(candidates.ChangesAR) {
		c.ar.Changes = autoregression.Coefficients{}
	}
	if !c.uses(candidates.DayProfileAR) {
		c.ar.Departures = autoregression.Coefficients{}
	}
}

// uses tells whether a candidate has a weight anywhere.
func (c *Combination) uses(candidate int) bool {
	return slices.ContainsFunc(c.terms, func(terms []term) bool {
		return slices.ContainsFunc(terms, func(t term) bool { return t.candidate == candidate })
	})
}

// Lead returns the logarithm of the steps ahead that Spread.MeanError is of.
func (c *Combination) Lead() float64 { return c.excursion.lead.LogSteps }
