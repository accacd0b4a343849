package forecaster

import "math"

// counts forecasts a series that is mostly zero, as the probability of an event, a value over zero, and the sizes
// that events have: whole numbers, if that is what they were. Both forget (Teunter, Syntetos and Babai, "Intermittent
// Demand: Linking Forecasting to Inventory Obsolescence", 2011, who do as much to Croston's method); the probability
// follows the hour of the day and the last hours as far as that explained the events of the window.
type counts struct {
	flat
	clock    clock
	calendar calendar // of holidays, which are passed
	now      int
	seen     float64 // steps learned from
	minutes  float64 // of a step
	zero     float64

	kind     countKind
	rates    [3]float64 // of the exponential means: long, of an hour's cell, recent
	long     float64    // probability of an event
	hours    []hourly   // by hour of the day
	recent   float64    // the newest departures of events from their probability
	sizes    running    // of events
	clumping []float64  // by Options.Horizons: how many steps are worth one that is independent of all others, inverted
	horizons []int
}

// An hourly holds the events and the steps of an hour of the day, older ones counting less.
type hourly struct{ events, steps float64 }

// A countKind says what the probability follows.
type countKind struct {
	daily   bool
	minutes float64 // in which a departure fades; 0: none is followed
	last    bool    // departures are those of the last step, not of as many minutes
}

// countKinds are what can be chosen from, the plainest first.
var countKinds = [...]countKind{
	{}, {minutes: 30}, {minutes: 240}, {minutes: 1440}, {minutes: 30, last: true}, {minutes: 120, last: true},
	{daily: true}, {true, 30, false}, {true, 240, false}, {true, 1440, false}, {true, 30, true}, {true, 120, true},
}

const (
	countHalfLife = 7   // days, of events
	countSizes    = 200 // newest, that are kept
	countPrior    = 0.5 // events in each hour before there were any
	countSpots    = 8   // of a window, at which its probability is looked up
)

// rate is that of the mean of departures; 0 if none are followed.
func (k countKind) rate(w *window) float64 {
	switch {
	case k.minutes == 0:
		return 0
	case k.last:
		return 1
	}
	return -math.Expm1(-w.minutes / k.minutes)
}

func newCounts(w *window, kind countKind, o *Options) *counts {
	p := &counts{
		clock: w.clock, calendar: newCalendar(o), now: -1, minutes: w.minutes, zero: w.unit.in(0), kind: kind,
		hours: make([]hourly, 24), sizes: newRunning(countSizes),
		clumping: make([]float64, len(o.Horizons)), horizons: o.Horizons,
	}
	perHour := max(1, 60/w.minutes)
	p.rates = [3]float64{w.decay(countHalfLife * 24 * 60), -math.Expm1(-math.Ln2 / (countHalfLife * perHour)), kind.rate(w)}
	for i := range p.clumping {
		p.clumping[i] = 1
	}
	return p
}

// pass lets a step go by of which nothing is known.
func (p *counts) pass() {
	p.recent -= p.rates[2] * p.recent
	p.now++
}

func (p *counts) advance(y float64) {
	if p.calendar.off(&p.clock, p.now+1) {
		p.pass()
		return
	}
	event := 0.0
	if y > p.zero {
		event = 1
		p.sizes.add(float32(y))
	}
	p.recent += p.rates[2] * (event - p.base(p.now+1) - p.recent)
	p.now++
	p.seen++
	p.long += max(p.rates[0], 1/p.seen) * (event - p.long)
	h := &p.hours[p.clock.slot(p.now, dayMillis, hourMillis)]
	h.events += event - p.rates[1]*h.events
	h.steps += 1 - p.rates[1]*h.steps
}

const hourMillis = 60 * minuteMillis

// base is the probability of an event at step i by what is usual.
func (p *counts) base(i int) float64 {
	if !p.kind.daily || p.long == 0 {
		return p.long
	}
	h := &p.hours[p.clock.slot(i, dayMillis, hourMillis)]
	return (countPrior + h.events) / (countPrior/p.long + h.steps)
}

// probability of an event h steps ahead.
func (p *counts) probability(h int) float64 {
	q := p.base(p.now + h)
	if p.kind.minutes > 0 {
		q += math.Exp(-float64(h-1)*p.minutes/p.kind.minutes) * p.recent
	}
	return min(max(q, 0), 1)
}

// among is the mean probability of the next h steps.
func (p *counts) among(h int) float64 {
	n, sum := min(h, countSpots), 0.0
	for i := range n {
		sum += p.probability((2*i+1)*h/(2*n) + 1)
	}
	return sum / float64(n)
}

func (p *counts) predict(l *lead) outlook { return expected(p.quantile(l.h, 0.5)) }

// quantile q of the value h steps ahead.
func (p *counts) quantile(h int, q float64) float64 {
	return p.event(1-q, p.probability(h))
}

// event is the value that is exceeded with a probability, where events have that of happening.
func (p *counts) event(exceeded, happening float64) float64 {
	n := len(p.sizes.sorted)
	if exceeded >= happening || n == 0 {
		return p.zero
	}
	return float64(p.sizes.sorted[min(int(float64(n)*(1-exceeded/happening)), n-1)])
}

// larger is the share of events over x.
func (p *counts) larger(x float64) float64 {
	n := len(p.sizes.sorted)
	if x < p.zero {
		return 1
	}
	if n == 0 {
		return 0
	}
	return 1 - float64(rank(p.sizes.sorted, math.Nextafter32(float32(x), float32(math.Inf(1)))))/float64(n)
}

// independent is how many independent steps the next h ones are worth, up to the i-th horizon.
func (p *counts) independent(i, h int) float64 { return max(p.clumping[i]*float64(h), 1) }

// largest is the quantile q of the largest value of the next h steps, up to the i-th horizon.
func (p *counts) largest(i, h int, q float64) float64 {
	return p.event(-math.Expm1(math.Log(q)/p.independent(i, h)), p.among(h))
}

// smallest is the median of the smallest value of the next h steps.
func (p *counts) smallest(h int) float64 {
	return p.event(math.Pow(0.5, 1/float64(h)), p.among(h))
}

// exceeding is the probability of a value over x in the next h steps, up to the i-th horizon.
func (p *counts) exceeding(i, h int, x float64) float64 {
	if x < p.zero {
		return 1
	}
	return -math.Expm1(p.independent(i, h) * math.Log1p(-p.among(h)*p.larger(x)))
}

// undercutting is the probability of a value under x in the next h steps.
func (p *counts) undercutting(h int, x float64) float64 {
	if x <= p.zero {
		return 0
	}
	over := p.larger(float64(math.Nextafter32(float32(x), float32(math.Inf(-1)))))
	return 1 - math.Pow(p.among(h)*over, float64(h))
}
