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

// Account is what the strategies would have meant over some steps. All of them obey the bounds of the workload, and all are slow in the same
// way: a replica serves once it has been asked for during the whole horizon, and leaves at once.
type Account struct {
	Seconds         float64                // that were accounted for: with a known load
	ReplicaSeconds  [NumStrategies]float64 // asked for, which is what is paid for
	UnderSeconds    [NumStrategies]float64 // during which the load was over what the serving replicas carry
	Raised, Lowered int                    // changes of the recommendation
}

// Add adds other to a.
func (a *Account) Add(other Account) {
	a.Seconds += other.Seconds
	for s := range NumStrategies {
		a.ReplicaSeconds[s] += other.ReplicaSeconds[s]
		a.UnderSeconds[s] += other.UnderSeconds[s]
	}
	a.Raised, a.Lowered = a.Raised+other.Raised, a.Lowered+other.Lowered
}

// ledger keeps the account of one workload.
type ledger struct {
	account Account
	before  int // recommended at the step before
	begun   bool
	hpa     hpa
	fleets  [NumStrategies]ring[int] // what was asked for in the last steps
}

func newLedger(o Options) ledger {
	l := ledger{hpa: newHPA(o)}
	for s := range l.fleets {
		l.fleets[s] = newRing[int](o.Horizon + 1)
	}
	return l
}

// settle accounts for a step.
func (l *ledger) settle(o Options, now Observation, recommended int) {
	switch {
	case !l.begun:
	case recommended > l.before:
		l.account.Raised++
	case recommended < l.before:
		l.account.Lowered++
	}
	l.before, l.begun = recommended, true

	peak := now.Peak
	if !known(peak) {
		peak = now.Load
	}
	asked := [NumStrategies]int{
		Recommended: recommended,
		Reactive:    l.hpa.next(o, now),
		Static:      o.clamp(peak, now.Capacity),
	}
	seconds := o.Step.Seconds()
	l.account.Seconds += seconds
	for s, n := range asked {
		l.fleets[s].push(n)
		l.account.ReplicaSeconds[s] += float64(n) * seconds
		if now.Load > float64(serving(&l.fleets[s], now.Horizon))*now.Capacity*(1+1e-9) {
			l.account.UnderSeconds[s] += seconds
		}
	}
}

// take returns the account and begins a new one.
func (l *ledger) take() Account {
	a := l.account
	l.account = Account{}
	return a
}

// serving is how many replicas have been asked for at all of the last lag steps and now.
func serving(asked *ring[int], lag int) int {
	n := asked.len()
	least := asked.at(n - 1)
	for i := max(0, n-1-lag); i < n; i++ {
		least = min(least, asked.at(i))
	}
	return least
}

// tolerance is how far the load per replica may be from its target before the HPA acts.
const tolerance = 0.1

// hpa is what a Kubernetes HPA does that sees the load now, with the capacity as its target: see "Algorithm details" of its documentation. It
// scales down as slowly as the workload's Stabilization says. What lies within its tolerance would be remembered for ever; so that it
// depends on the steps of a day at most, it begins anew at midnight UTC.
type hpa struct {
	perDay  int64
	day     int64
	current int
	desired ring[int] // within the stabilization window
}

func newHPA(o Options) hpa {
	return hpa{perDay: int64(day / o.Step), day: math.MinInt64, desired: newRing[int](int(o.Stabilization / o.Step))}
}

func (h *hpa) next(o Options, now Observation) int {
	if today := now.At / h.perDay; today != h.day {
		h.day, h.current, h.desired = today, o.clamp(now.Load, now.Capacity), newRing[int](h.desired.size)
	}
	desired := h.current
	if h.current == 0 || math.Abs(now.Load/(float64(h.current)*now.Capacity)-1) > tolerance {
		desired = o.clamp(now.Load, now.Capacity)
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
