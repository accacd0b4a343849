package replicas

import (
	"math"
	"time"
)

const (
	day = 24 * time.Hour
	// hpaTolerance is how far the load per replica may be from its target before an HPA acts: the default of Kubernetes
	// (--horizontal-pod-autoscaler-tolerance). The hysteresis of a recommendation goes by the same figure.
	hpaTolerance = 0.1
	// keepFor is the number of stabilization windows during which a number once desired may be kept: an hour by
	// default. Chosen, with its effect measured by go test ./replicas -run RarelyChanges -v (table in
	// docs/autoscaling.md, "How the number is computed"): for daily seasons, spikes and ramps it saves 14 to 45 % of the
	// changes and costs 3 to 5 % more replicas.
	keepFor = 6
	// settled is how many times as much as the desired number fell within the last stabilization window must be saved at
	// least by lowering now: before, it is still falling. A queue that drains evenly over half an hour then takes three
	// steps instead of one a minute. Chosen, not tuned.
	settled = 4
	// larger is up to how many times the quantile of what recurs a load counts as that: when such a spike is over, it is
	// over whatever its size. Chosen, not tuned: of Pareto distributed sizes (index 2), one in forty is beyond it.
	larger = 2
)

// Observation is what is known of a workload at a step.
type Observation struct {
	At       int64   // the step, counted from the epoch
	Load     float64 // NaN if it is unknown
	Peak     float64 // the largest load of the past, which a static fleet is sized for; NaN if it is unknown
	Capacity float64 // load that one replica carries; NaN if it is unknown
	Horizon  int     // steps that forecasts are made for, and that a replica takes to serve; at least 1
	Upper    float64 // quantile of the largest load until the horizon, as forecast; NaN if there is no model
	Earlier  float64 // the same quantile from the same time of earlier days; NaN if there are none

	Recurring Recurring // the zero value says that nothing does
}

// Recurring says what of the load recurs by the clock, and so is over at a known time. NaN means that nothing does.
type Recurring struct {
	Known          bool    // whether the rest is filled in
	Lasting        float64 // Upper without it
	EarlierLasting float64 // Earlier without it
	Passing        float64 // the same quantile of the part of the load now that recurs
	Coming         float64 // that of the largest load until the horizon and the stabilization window are over
}

// recurs tells whether it is what recurs by the clock that makes the forecast as large as it is.
func (o *Observation) recurs() bool { return o.Recurring.Known && o.Upper > o.Recurring.Lasting }

// Workload follows one workload step by step: which numbers it desired lately, how good its forecasts were, and what
// following its recommendations would have meant. A recommendation depends on the steps within LookBack alone. A
// Workload is not safe for concurrent use.
type Workload struct {
	o        Options
	accuracy accuracy
	desired  ring[desired] // of the last known steps
	passing  int           // newest steps in a row whose load may be what recurs
	eased    int64         // the newest of them at which the number was lowered while what recurs was there
	today    int64         // day of held
	held     int           // the number recommended at the last known step of the day
	tracker  strategyTracker
}

// desired is the number of replicas that a step called for by itself.
type desired struct {
	at         int64
	replicas   int // without what recurs by the clock
	withMargin int // if load and forecast were larger by the HPA's tolerance
}

// LookBack is how far back the steps go that a recommendation depends on: it depends on what was recommended since
// midnight, that on numbers desired within a day, and those depend on how good forecasts were before.
func LookBack(o Options) time.Duration {
	return 2*day + errorWindow + 2*max(errorBucket, o.Step) + time.Duration(o.Horizon)*o.Step
}

// New returns a workload that has seen nothing yet. It is an error if the options do not make sense.
func New(o Options) (*Workload, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Workload{
		o:        o,
		accuracy: newAccuracy(o),
		desired:  newRing[desired](keepFor*int(o.Stabilization/o.Step) + 1),
		tracker:  newStrategyTracker(o),
	}, nil
}

// Observe takes the next step and returns what to run now. ok is false if the load or the capacity is unknown: then
// nothing is recommended.
//
// Going up is immediate. A number is lowered only if all of these allow it:
//   - Stabilization, as in the Kubernetes HPA: no step within the stabilization window desired more.
//   - Hysteresis: a slightly larger load would not raise it again. Of the numbers desired within six stabilization
//     windows, the largest is kept that the load of the last window, plus 10 %, would desire.
//   - Few steps: as long as the desired number is falling, or if no more than 10 % are saved, the number is kept,
//     unless no step within six stabilization windows desired it. It is forgotten at midnight UTC, so that a
//     recommendation depends on a bounded number of steps.
//
// What recurs by the clock holds nothing back: when it is over, and when it has not come, the number is lowered, unless
// it comes again within the stabilization window.
//
// Steps with an unknown load do not count as waiting.
func (w *Workload) Observe(o Observation) (r Recommendation, ok bool) {
	w.accuracy.observe(o)
	if !isFinite(o.Load) || !isFinite(o.Capacity) || o.Capacity <= 0 {
		return r, false
	}
	upper, lasting := w.trusted(&o)
	passing := w.passes(&o)
	expected := upper
	if passing && isFinite(o.Earlier) {
		expected = min(upper, o.Earlier)
	}
	r = w.o.desired(o.Load, expected, o.Capacity)
	w.desired.push(w.lasting(o, lasting, passing))
	n := w.lowered(o.At)
	coming := 0
	if w.accuracy.trustedRecurring != byLoad {
		coming = w.o.clamped(o.Recurring.Coming, o.Capacity)
	}
	if r.Source == Forecast && r.Replicas > max(w.held, w.desired.at(w.desired.len()-1).withMargin) {
		r.Replicas = max(r.Replicas, coming)
	}
	n = max(n, min(coming, w.held))
	if passing && w.holds(&o, max(n, r.Replicas)) {
		n = w.held
	}
	if n > r.Replicas {
		r = Recommendation{n, Stabilization}
	}
	w.held = r.Replicas
	w.tracker.record(w.o, o, upper, r.Replicas)
	return r, true
}

// trusted returns the quantile of the largest load until the horizon that is trusted, and the one that is where nothing
// recurs by the clock; NaN for the load itself.
func (w *Workload) trusted(o *Observation) (upper, lasting float64) {
	r := &o.Recurring
	said := [...]float64{byForecast: o.Upper, byEarlier: o.Earlier, byLoad: math.NaN()}
	lasting = said[w.accuracy.trusted]
	if !o.recurs() {
		return lasting, lasting
	}
	if w.accuracy.trustedRecurring != byLoad {
		return said[w.accuracy.trustedRecurring], lasting
	}
	without := [...]float64{byForecast: r.Lasting, byEarlier: r.EarlierLasting, byLoad: math.NaN()}
	return without[w.accuracy.trusted], lasting
}

// passes tells whether the load may be what recurs by the clock at this time, and has been for no longer than a number
// may be kept.
func (w *Workload) passes(o *Observation) bool {
	w.passing++
	if !(o.Recurring.Known && o.Load <= larger*o.Recurring.Passing) {
		w.passing, w.eased = 0, math.MinInt64/2
	}
	return 0 < w.passing && w.passing < w.desired.size
}

// holds tells whether the number is not lowered to n yet while the load is one that recurs: if that saves no more than
// a quarter, and if it was lowered within the stabilization window and what recurs is still there.
func (w *Workload) holds(o *Observation, n int) bool {
	if settled*(w.held-n) <= w.held {
		return w.held > n
	}
	if w.o.clamped(o.Load, o.Capacity) <= w.desired.at(w.desired.len()-1).withMargin {
		return false
	}
	if o.At-w.eased < int64(w.o.Stabilization/w.o.Step) {
		return true
	}
	w.eased = o.At
	return false
}

// lasting returns what a step desires without what recurs by the clock. A load that recurs, which hides what else there
// is, desires what the step before did, but no more than it needs itself, or than what recurs does: the step before may
// have seen something larger, which is over. upper is the trusted forecast.
func (w *Workload) lasting(o Observation, upper float64, passing bool) desired {
	r := &o.Recurring
	switch {
	case passing || !r.Known || w.accuracy.trusted == byLoad:
	case w.accuracy.trusted == byEarlier && isFinite(r.EarlierLasting):
		upper = r.EarlierLasting
	case isFinite(r.Lasting):
		upper = r.Lasting
	}
	d := desired{
		at:         o.At,
		replicas:   w.o.desired(o.Load, upper, o.Capacity).Replicas,
		withMargin: w.o.desired((1+hpaTolerance)*o.Load, (1+hpaTolerance)*upper, o.Capacity).Replicas,
	}
	if n := w.desired.len(); n > 0 && passing {
		before := w.desired.at(n - 1)
		d.replicas = min(before.replicas, max(d.replicas, w.o.clamped(r.Passing, o.Capacity)))
		d.withMargin = min(before.withMargin, max(d.withMargin, w.o.clamped((1+hpaTolerance)*r.Passing, o.Capacity)))
	}
	return d
}

// lowered returns what the recommendation may be lowered to at a step. The desired number of the step must be known.
func (w *Workload) lowered(at int64) int {
	perDay := int64(day / w.o.Step)
	oldest := at - perDay
	n := w.desired.len()
	recent, fewest, withMargin := 0, math.MaxInt, 0 // of the stabilization window
	for i := max(0, n-1-int(w.o.Stabilization/w.o.Step)); i < n; i++ {
		if d := w.desired.at(i); d.at > oldest {
			recent, fewest, withMargin = max(recent, d.replicas), min(fewest, d.replicas), max(withMargin, d.withMargin)
		}
	}
	least, most := recent, recent // of the longer window: what is kept by hysteresis, and the largest
	for i := range n {
		if d := w.desired.at(i); d.at > oldest {
			most = max(most, d.replicas)
			if d.replicas <= withMargin {
				least = max(least, d.replicas)
			}
		}
	}
	if today := at / perDay; today != w.today {
		w.today, w.held = today, 0
	}
	saved := w.held - least
	if w.held > least && w.held <= most &&
		(saved < settled*(recent-fewest) || float64(saved) <= hpaTolerance*float64(w.held)) {
		return w.held
	}
	return least
}

// Error is the pinball loss of the forecasts over the last day, where nothing recurs by the clock, relative to the
// least loss of two others and a tenth more: the quantile that earlier days tell, and the load now. Above 1 the
// forecasts are clearly worse. It is NaN as long as there is nothing to compare. It changes once an hour.
func (w *Workload) Error() float64 { return w.accuracy.ratio }

// Decision returns what the last step with a recommendation has meant.
func (w *Workload) Decision() Decision { return w.tracker.decision }

// TakeTotals returns what the steps since the last call have meant, and starts again at zero.
func (w *Workload) TakeTotals() StrategyTotals { return w.tracker.drain() }

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
