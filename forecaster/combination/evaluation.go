package combination

import (
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/candidates"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/intervals"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rollingorigin"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// An evaluation holds what came of the rows of a set: the errors of all candidates, and the scales expected.
type evaluation struct {
	window *window.Window
	set    *rollingorigin.EvaluationSet

	count  int       // of candidates
	errs   []float64 // of candidate j in row i at [i*count+j]
	scales []intervals.Scale
	usual  []float64 // mean of the week at the time, by row
	ar     *candidates.Autoregressions
	level  func(median, usual float64) float64

	selectionWeights, errorWeights []float64              // of origins
	columns                        []float64              // room for selectWeights
	scaled                         intervals.ScaledErrors // room for errors
}

// evaluate advances s over the window, and forecasts all rows with all candidates.
func evaluate(s *candidates.State, w *window.Window, set *rollingorigin.EvaluationSet, longest int) *evaluation {
	e := &evaluation{
		window: w, set: set,
		count: s.Count(), level: s.Level,
		scales: make([]intervals.Scale, set.Len()), usual: make([]float64, set.Len()),
		selectionWeights: w.AgeWeights(weightHalfLife), errorWeights: rollingorigin.ErrorWeights(w),
		columns: make([]float64, (selectFrom+2)*rollingorigin.MaxRows),
	}
	e.errs = make([]float64, set.Len()*e.count)
	horizons := make([]candidates.Horizon, longest+1)
	departures := make([]float64, len(w.Values))
	for t, y := range w.Values {
		s.Advance(y)
		departures[t] = s.Departure()
		for i := set.First(t); i >= 0; i = set.Next(i) {
			h := &horizons[set.Steps[i]]
			if h.Steps == 0 {
				*h = candidates.NewHorizon(int(set.Steps[i]), w.Hours)
			}
			target, actual := s.PrepareTarget(h), w.Values[t+h.Steps]
			e.scales[i], e.usual[i] = s.ScaleAt(h), s.WeekMean()
			row := e.errs[i*e.count : (i+1)*e.count]
			for j := range row {
				if j != candidates.ChangesAR && j != candidates.DayProfileAR {
					row[j] = actual - s.Forecast(j, &target, nil)
				}
			}
		}
	}
	e.ar = candidates.FitAutoregressions(w, departures, longest)
	e.evaluateAutoregressions(departures)
	return e
}

// evaluateAutoregressions fills in the errors of the autoregressions, whose coefficients are known only at the end of
// the window.
func (e *evaluation) evaluateAutoregressions(departures []float64) {
	y := e.window.Values
	for i, t := range e.set.Origin {
		row := e.errs[i*e.count : (i+1)*e.count]
		changed, departed := 0.0, 0.0
		for j, a := range e.ar.Changes.At(int(e.set.Steps[i])) {
			if k := int(t) - j; k > 0 {
				changed += a * (y[k] - y[k-1])
			}
		}
		for j, a := range e.ar.Departures.At(int(e.set.Steps[i])) {
			departed += a * departures[max(int(t)-j, 0)]
		}
		row[candidates.ChangesAR] = row[candidates.LastValue] - changed
		row[candidates.DayProfileAR] = row[candidates.DayProfile] - departed
	}
}

// errors returns those of the weighted sum of candidates in the rows of bucket k. They are valid until the next call.
func (e *evaluation) errors(k int, weights []float64) intervals.ScaledErrors {
	from, to := e.set.Bucket(k)
	errors := slices.Grow(e.scaled[:0], to-from)[:to-from]
	for i := range errors {
		row := e.errs[(from+i)*e.count : (from+i+1)*e.count]
		missed, scale := dot(weights, row), e.scales[from+i]
		scale.Level = e.level(e.window.Values[e.set.Target(from+i)]-missed, e.usual[from+i])
		errors[i] = intervals.ScaledError{
			WeightedError: intervals.WeightedError{Value: missed, Weight: e.errorWeights[e.set.Origin[from+i]]},
			Scale:         scale,
		}
	}
	e.scaled = errors
	return errors
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}
