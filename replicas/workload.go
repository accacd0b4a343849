package replicas

import (
	"math"
	"time"
)

const (
	day = 24 * time.Hour

	// A number that was wanted within this many stabilization windows is kept as long as a load larger by the margin, which is the tolerance of
	// the Kubernetes HPA, would want it.
	keepFor = 6
	margin  = 0.1
)

// Observation is what is known of a workload at a step.
type Observation struct {
	At        int64   // the step, counted from the epoch
	Load      float64 // NaN if it is unknown
	DayBefore float64 // the load a day before; NaN if it is unknown
	Peak      float64 // the largest load of the past, which a static fleet is sized for; NaN if it is unknown
	Capacity  float64 // load that one replica carries; NaN if it is unknown
	Horizon   int     // steps that forecasts are made for, and that a replica takes to serve; at least 1
	Median    float64 // forecast of the load at the horizon; NaN if there is no model
	Upper     float64 // forecast, as an upper quantile, of the largest load until then; NaN if there is no model
}

// Workload follows one workload step by step: what it wanted lately, how good its forecasts were, and what following its recommendations would
// have meant. All that it recommends depends on the steps within LookBack alone.
type Workload struct {
	o        Options
	accuracy accuracy
	wishes   ring[wish] // of the last known steps
	ledger   ledger
}

// wish is what a step wanted by itself.
type wish struct {
	at         int64
	wanted     int
	withMargin int // if load and forecast were larger by the margin
}

// LookBack is how far back the steps go that a recommendation depends on: a wish counts for a day at most, and depends on how good forecasts
// were before it.
func LookBack(o Options) time.Duration {
	return day + errorWindow + 2*max(errorBucket, o.Step) + time.Duration(o.Horizon)*o.Step
}

// New returns a workload that has seen nothing yet.
func New(o Options) (*Workload, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Workload{
		o:        o,
		accuracy: newAccuracy(o),
		wishes:   newRing[wish](keepFor * int(o.Stabilization/o.Step)),
		ledger:   newLedger(o),
	}, nil
}

// Observe takes the next step and returns what to run now. ok is false if the load or the capacity is unknown: then nothing is recommended.
//
// Going up is immediate. A number is lowered only once no step within the stabilization window has wanted more, as the Kubernetes HPA does it,
// and not to a number that a slightly larger load would raise again: of the numbers wanted within keepFor windows the largest is kept that
// the load of the last window, raised by the margin, would want. Steps with an unknown load do not count as waiting.
func (w *Workload) Observe(o Observation) (r Recommendation, ok bool) {
	w.accuracy.observe(o)
	if !known(o.Load) || !known(o.Capacity) || o.Capacity <= 0 {
		return r, false
	}
	upper := o.Upper
	if w.Error() > w.o.MaxError {
		upper = math.NaN()
	}
	r = w.o.want(o.Load, upper, o.Capacity)
	now := wish{at: o.At, wanted: r.Replicas, withMargin: w.o.want((1+margin)*o.Load, (1+margin)*upper, o.Capacity).Replicas}
	if held := w.held(now); held > r.Replicas {
		r = Recommendation{held, Stabilization}
	}
	w.wishes.push(now)
	w.ledger.settle(w.o, o, r.Replicas)
	return r, true
}

// held is the number below which the recommendation must not fall now.
func (w *Workload) held(now wish) int {
	oldest := now.at - int64(day/w.o.Step)
	recent, enough := 0, now.withMargin
	n := w.wishes.len()
	for i := max(0, n-int(w.o.Stabilization/w.o.Step)); i < n; i++ {
		if x := w.wishes.at(i); x.at > oldest {
			recent, enough = max(recent, x.wanted), max(enough, x.withMargin)
		}
	}
	kept := recent
	for i := range n {
		if x := w.wishes.at(i); x.at > oldest && x.wanted <= enough {
			kept = max(kept, x.wanted)
		}
	}
	return kept
}

// Error is the mean absolute error of the forecasts of the last day relative to that of the load a day before each; under 1 the forecasts are
// better. NaN as long as there is nothing to compare.
func (w *Workload) Error() float64 { return w.accuracy.relative() }

// Account returns what the steps since the last call have meant.
func (w *Workload) Account() Account { return w.ledger.take() }

// ring holds the last values pushed, up to its size.
type ring[T any] struct {
	values []T
	next   int
	size   int
}

func newRing[T any](size int) ring[T] { return ring[T]{size: size} }

func (r *ring[T]) push(v T) {
	switch {
	case r.size == 0:
	case len(r.values) < r.size:
		r.values = append(r.values, v)
	default:
		r.values[r.next] = v
		r.next = (r.next + 1) % r.size
	}
}

func (r *ring[T]) len() int { return len(r.values) }

// at returns the i-th value, the oldest first.
func (r *ring[T]) at(i int) T { return r.values[(r.next+i)%len(r.values)] }
