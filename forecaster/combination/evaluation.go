package combination

import (
	"slices"
	"sync"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/candidates"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/intervals"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rollingorigin"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// An evaluation holds what came of the rows of a set: the errors of all candidates, and the scales expected.
type evaluation struct {
	window *window.Window
	set    *rollingorigin.EvaluationSet

	count int // of candidates
	ar    *candidates.Autoregressions
	level func(median, usual float64) float64

	*room
}

// A room is the memory of an evaluation.
type room struct {
	errs       []float64 // of candidate j in row i at [i*count+j]
	scales     []intervals.Scale
	usual      []float64              // mean of the week at the time, by row
	departures []float64              // after each value, as State.Departure tells
	columns    []float64              // for selectWeights
	scaled     intervals.ScaledErrors // for errors
	sample     intervals.Sample       // for the quantiles of them

	selectionWeights, errorWeights []float64 // of origins
}

// rooms are those of evaluations that are over. They are most of the memory that a fit takes.
var rooms sync.Pool //nolint:gochecknoglobals // what it holds is written before it is read

// newRoom returns a room for so many rows, candidates and values, with whatever was in it.
func newRoom(rows, count, values int) *room {
	r, ok := rooms.Get().(*room)
	if !ok {
		r = &room{
			columns: make([]float64, (selectFrom+2)*rollingorigin.MaxRows),
			sample:  make(intervals.Sample, 0, 2*rollingorigin.MaxRows),
		}
	}
	r.errs, r.scales, r.usual = resize(r.errs, rows*count), resize(r.scales, rows), resize(r.usual, rows)
	r.departures = resize(r.departures, values)
	r.selectionWeights, r.errorWeights = resize(r.selectionWeights, values), resize(r.errorWeights, values)
	return r
}

// resize returns s with n elements of any value.
func resize[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }

// release ends the evaluation.
func (e *evaluation) release() {
	rooms.Put(e.room)
	e.room = nil
}

// evaluate advances s over the window, and forecasts all rows with all candidates. Release is due when all is read.
func evaluate(s *candidates.State, w *window.Window, set *rollingorigin.EvaluationSet, longest int) *evaluation {
	e := &evaluation{
		window: w, set: set,
		count: s.Count(), level: s.Level,
		room: newRoom(set.Len(), s.Count(), len(w.Values)),
	}
	w.AgeWeights(e.selectionWeights, weightHalfLife)
	rollingorigin.ErrorWeights(w, e.errorWeights)
	horizons := make([]candidates.Horizon, longest+1)
	var target candidates.Target
	var all candidates.Forecasts
	for t, y := range w.Values {
		s.Advance(y)
		e.departures[t] = s.Departure()
		for i := set.First(t); i >= 0; i = set.Next(i) {
			h := &horizons[set.Steps[i]]
			if h.Steps == 0 {
				*h = candidates.NewHorizon(int(set.Steps[i]), w.Hours)
			}
			s.PrepareTarget(&target, h)
			actual := w.Values[t+h.Steps]
			e.scales[i], e.usual[i] = s.ScaleAt(h), s.WeekMean()
			row := e.errs[i*e.count : (i+1)*e.count]
			s.Forecast(&all, &target, nil)
			for j, v := range all[:len(row)] {
				row[j] = actual - v
			}
		}
	}
	e.ar = candidates.FitAutoregressions(w, e.departures, longest)
	e.evaluateAutoregressions()
	return e
}

// evaluateAutoregressions fills in the errors of the autoregressions, whose coefficients are known only at the end of
// the window.
func (e *evaluation) evaluateAutoregressions() {
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
			departed += a * e.departures[max(int(t)-j, 0)]
		}
		row[candidates.ChangesAR] = row[candidates.LastValue] - changed
		row[candidates.DayProfileAR] = row[candidates.DayProfile] - departed
	}
}

// errors returns those of the weighted sum of candidates in the rows of bucket k. They are valid until the next call.
func (e *evaluation) errors(k int, weights []float64) intervals.ScaledErrors {
	from, to := e.set.Bucket(k)
	errors, used := resize(e.scaled, to-from), nonzero(weights)
	for i := range errors {
		missed, scale := e.missed(from+i, weights, used), e.scales[from+i]
		scale.Level = e.level(e.window.Values[e.set.Target(from+i)]-missed, e.usual[from+i])
		errors[i] = intervals.ScaledError{
			WeightedError: intervals.WeightedError{Value: missed, Weight: e.errorWeights[e.set.Origin[from+i]]},
			Scale:         scale,
		}
	}
	e.scaled = errors
	return errors
}

// missed is the error of the weighted sum of candidates in row i. used are those that have a weight: few have.
func (e *evaluation) missed(i int, weights []float64, used []int) float64 {
	row, sum := e.errs[i*e.count:(i+1)*e.count], 0.0
	for _, j := range used {
		sum += weights[j] * row[j]
	}
	return sum
}

// nonzero returns the indices of the weights that are not 0.
func nonzero(weights []float64) (used []int) {
	for j, weight := range weights {
		if weight != 0 {
			used = append(used, j)
		}
	}
	return used
}
