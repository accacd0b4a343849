package replicas

import (
	"math"
	"time"
)

// errorWindow is how far back forecasts are compared with what happened.
const errorWindow = 24 * time.Hour

// day is the season of the naive forecast that others are compared with.
const day = 24 * time.Hour

// Workload follows one workload step by step: what it wanted within the stabilization window, and how good its forecasts were of late. All
// that it says depends on the steps within LookBack alone.
type Workload struct {
	o      Options
	wanted ring[int]     // of the last steps
	median ring[float64] // forecasts made, for the step Horizon ahead
	load   ring[float64] // of the last day and one step
	error  ring[float64] // of forecasts whose time has come
	naive  ring[float64] // of the load a day before
}

// LookBack is how far back the steps go that a recommendation depends on.
func LookBack(o Options) time.Duration {
	return errorWindow + o.Stabilization + max(day, time.Duration(o.Horizon)*o.Step) + o.Step
}

// New returns a workload that has seen nothing yet.
func New(o Options) (*Workload, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	steps := func(d time.Duration) int { return max(1, int(d/o.Step)) }
	return &Workload{
		o:      o,
		wanted: newRing[int](int(o.Stabilization / o.Step)),
		median: newRing[float64](o.Horizon),
		load:   newRing[float64](steps(day)),
		error:  newRing[float64](steps(errorWindow)),
		naive:  newRing[float64](steps(errorWindow)),
	}, nil
}

// Observe takes the load of the next step (NaN if it is unknown) and the forecast made from it: the median of the load Horizon steps ahead
// and the upper quantile of its maximum until then (NaN if there is no model). It returns what to run now; ok is false if the load is unknown.
func (w *Workload) Observe(load, median, upper float64) (r Recommendation, ok bool) {
	if forecast, due := w.median.push(median); due && !math.IsNaN(load) {
		w.error.push(math.Abs(load - forecast))
	} else {
		w.error.push(math.NaN())
	}
	if before, due := w.load.push(load); due {
		w.naive.push(math.Abs(load - before))
	} else {
		w.naive.push(math.NaN())
	}
	if w.Error() > w.o.MaxError {
		upper = math.NaN()
	}
	recent := 0
	for _, part := range w.wanted.parts() {
		for _, n := range part {
			recent = max(recent, n)
		}
	}
	r, ok = Recommend(w.o, Input{Load: load, Forecast: upper, Recent: recent})
	w.wanted.push(r.Wanted)
	return r, ok
}

// Error is the mean absolute error of the forecasts of the last day relative to that of the load a day before each; under 1 the forecasts are
// better. Both are raised by a hundredth of the mean load, so that errors that nobody cares about do not count. NaN as long as there is
// nothing to compare.
func (w *Workload) Error() float64 {
	var sumError, sumNaive, sumLoad, n, loads float64
	naive := w.naive.parts()
	for k, errors := range w.error.parts() {
		for i, e := range errors {
			if s := naive[k][i]; !math.IsNaN(e) && !math.IsNaN(s) {
				sumError, sumNaive, n = sumError+e, sumNaive+s, n+1
			}
		}
	}
	for _, part := range w.load.parts() {
		for _, v := range part {
			if !math.IsNaN(v) {
				sumLoad, loads = sumLoad+math.Abs(v), loads+1
			}
		}
	}
	if n == 0 {
		return math.NaN()
	}
	eps := 0.01 * sumLoad / loads
	if sumNaive/n+eps == 0 {
		return math.NaN()
	}
	return (sumError/n + eps) / (sumNaive/n + eps)
}

// ring holds the last values pushed.
type ring[T any] struct {
	values []T
	next   int
	n      int
}

func newRing[T any](size int) ring[T] { return ring[T]{values: make([]T, size)} }

// push adds a value and returns the one that it pushes out, if the ring was full.
func (r *ring[T]) push(v T) (old T, full bool) {
	if len(r.values) == 0 {
		return v, true
	}
	old, full = r.values[r.next], r.n == len(r.values)
	r.values[r.next] = v
	r.next = (r.next + 1) % len(r.values)
	r.n = min(r.n+1, len(r.values))
	return old, full
}

// parts returns the values from the oldest to the newest, in two parts. So sums are taken in the same order whenever a ring was begun.
func (r *ring[T]) parts() [2][]T {
	if r.n < len(r.values) {
		return [2][]T{r.values[:r.n], nil}
	}
	return [2][]T{r.values[r.next:], r.values[:r.next]}
}
