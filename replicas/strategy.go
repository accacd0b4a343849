package replicas

import "math"

// Strategy is a way to choose the number of replicas.
type Strategy int

// The strategies that are compared.
const (
	Recommended   Strategy = iota // what is recommended here
	Reactive                      // a Kubernetes HPA that sees the load now
	Static                        // a fleet for the largest load of the past
	NumStrategies                 // how many there are
)

func (s Strategy) String() string {
	return [NumStrategies]string{"recommended", "reactive", "static"}[s]
}

// StrategyTotals is what each strategy would have meant over some steps. All strategies obey the bounds of the
// workload, and replicas start equally slowly for all: a replica serves once it has been requested during the whole
// horizon. It leaves at once.
type StrategyTotals struct {
	Seconds         float64                // that were counted: those with a known load and capacity
	ReplicaSeconds  [NumStrategies]float64 // requested, which is what is paid for
	UnderSeconds    [NumStrategies]float64 // during which the load exceeded the capacity of the serving replicas
	Raised, Lowered int                    // changes of the recommendation
}

// Add adds other to t.
func (t *StrategyTotals) Add(other StrategyTotals) {
	t.Seconds += other.Seconds
	for s := range NumStrategies {
		t.ReplicaSeconds[s] += other.ReplicaSeconds[s]
		t.UnderSeconds[s] += other.UnderSeconds[s]
	}
	t.Raised, t.Lowered = t.Raised+other.Raised, t.Lowered+other.Lowered
}

// A Decision is what a step has meant: what the recommendation went by, and what each strategy requested.
type Decision struct {
	Upper     float64             // quantile of the largest load until the horizon; NaN: the load of the step alone
	Requested [NumStrategies]int  // replicas
	Short     [NumStrategies]bool // the load exceeded the capacity of the serving replicas
}

// strategyTracker follows the strategies for one workload and totals them.
type strategyTracker struct {
	totals    StrategyTotals
	decision  Decision // of the newest step
	before    int      // recommended at the step before
	begun     bool
	hpa       hpa
	requested [NumStrategies]ring[int] // in the last steps
}

func newStrategyTracker(o Options) strategyTracker {
	t := strategyTracker{hpa: newHPA(o)}
	for s := range t.requested {
		t.requested[s] = newRing[int](o.Horizon + 1)
	}
	return t
}

// record adds a step to the totals. upper is the quantile that the recommendation went by.
func (t *strategyTracker) record(o Options, now Observation, upper float64, recommended int) {
	switch {
	case !t.begun:
	case recommended > t.before:
		t.totals.Raised++
	case recommended < t.before:
		t.totals.Lowered++
	}
	t.before, t.begun = recommended, true

	peak := now.Peak
	if !isFinite(peak) {
		peak = now.Load
	}
	t.decision = Decision{Upper: upper, Requested: [NumStrategies]int{
		Recommended: recommended,
		Reactive:    t.hpa.next(o, now),
		Static:      o.clamped(peak, now.Capacity),
	}}
	seconds := o.Step.Seconds()
	t.totals.Seconds += seconds
	for s, n := range t.decision.Requested {
		t.requested[s].push(n)
		t.totals.ReplicaSeconds[s] += float64(n) * seconds
		if now.Load > float64(serving(&t.requested[s], now.Horizon))*now.Capacity*(1+roundingError) {
			t.decision.Short[s] = true
			t.totals.UnderSeconds[s] += seconds
		}
	}
}

// drain returns the totals and begins new ones.
func (t *strategyTracker) drain() StrategyTotals {
	totals := t.totals
	t.totals = StrategyTotals{}
	return totals
}

// serving is how many replicas have been requested at all of the last horizon steps and now.
func serving(requested *ring[int], horizon int) int {
	n := requested.len()
	least := requested.at(n - 1)
	for i := max(0, n-1-horizon); i < n; i++ {
		least = min(least, requested.at(i))
	}
	return least
}

// hpa is what a Kubernetes HPA does that sees the load now, with the capacity as its target: see "Algorithm details" of
// its documentation. It scales down as slowly as Options.Stabilization says. An HPA would remember for ever a number
// that stays within its tolerance. This one starts afresh at midnight UTC, so that it depends on the steps of one day
// at most.
type hpa struct {
	perDay  int64 // steps
	day     int64
	current int
	desired ring[int] // within the stabilization window
}

func newHPA(o Options) hpa {
	return hpa{
		perDay:  int64(day / o.Step),
		day:     math.MinInt64,
		desired: newRing[int](int(o.Stabilization / o.Step)),
	}
}

// next returns how many replicas the HPA requests at the next step.
func (h *hpa) next(o Options, now Observation) int {
	if today := now.At / h.perDay; today != h.day {
		h.day, h.current, h.desired = today, o.clamped(now.Load, now.Capacity), newRing[int](h.desired.size)
	}
	desired := h.current
	if h.current == 0 || math.Abs(now.Load/(float64(h.current)*now.Capacity)-1) > hpaTolerance {
		desired = o.clamped(now.Load, now.Capacity)
	}
	most := desired
	for i := range h.desired.len() {
		most = max(most, h.desired.at(i))
	}
	h.desired.push(desired)
	if desired < h.current {
		desired = min(most, h.current)
	}
	h.current = desired
	return desired
}
