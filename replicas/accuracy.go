package replicas

import (
	"math"
	"slices"
	"time"
)

const (
	// errorWindow is how far back forecasts are compared with what happened: one whole daily season. Chosen, not tuned.
	errorWindow = 24 * time.Hour
	// errorBucket is how far the window moves at a time, and how often another forecast may be trusted. It bounds the
	// memory to 25 buckets, whatever the step. Chosen, not tuned.
	errorBucket = time.Hour
	// lossFloor is a share of the mean load. A forecast that is too large by so much all the time has a loss that is
	// added to the least loss of the others. It is a guard, not tuned: it keeps the ratio meaningful when one of them is
	// almost perfect.
	lossFloor = 0.01
	// doubt is a share of the least loss of the others that is added to it. The losses of a day hang on a few peaks, and
	// the least of two is partly luck: of bursts at random times, earlier days now and then had one at the same time.
	// Chosen, not tuned.
	doubt = 0.1
)

// What can be taken as the largest load until the horizon.
const (
	byForecast   = iota // Observation.Upper
	byEarlier           // Observation.Earlier
	byLoad              // the load now
	alternatives = iota
)

// accuracy compares the forecasts of the largest load until the horizon with what it then was: those of the model,
// those of earlier days, and the load now. All are quantiles of the same probability, or meant to be, so what counts is
// the pinball loss (Koenker and Bassett, "Regression Quantiles", 1978). It sums losses in buckets of absolute time, so
// that the result does not depend on when it began.
//
// Windows that hold what recurs by the clock are judged apart: one job a day would decide the rest of the day, too.
type accuracy struct {
	probability, maxError float64
	perBucket             int64 // steps
	pending               []pendingForecast
	loads                 []stepLoad // of the last steps, by step
	buckets               []bucket
	now                   int64 // bucket of the newest step
	trusted               int   // what the buckets before it say is best
	trustedRecurring      int   // the same of windows where something recurs
	ratio                 float64
}

// pendingForecast is what was said at a step of the load until the step due.
type pendingForecast struct {
	from, due int64
	recurs    bool
	said      [alternatives]float64
}

type stepLoad struct {
	at   int64
	load float64
}

// bucket holds sums over an errorBucket.
type bucket struct {
	index               int64
	ordinary, recurring losses // of windows where nothing recurs, and of the others
	// unforeseen is what the load would have lost in the others if what was forecast had come each time.
	unforeseen float64
}

// losses are sums over windows.
type losses struct {
	of   [alternatives]float64 // pinball
	load float64               // absolute, of the largest loads
}

func (l *losses) add(other *losses) {
	l.load += other.load
	for i, loss := range other.of {
		l.of[i] += loss
	}
}

// compare returns what had the least loss besides the forecast, and the loss of the forecast relative to it; NaN if
// there is none.
func (l *losses) compare(probability float64) (best int, ratio float64) {
	best, ratio = byEarlier, math.NaN()
	if l.of[byLoad] < l.of[byEarlier] {
		best = byLoad
	}
	if least := (1+doubt)*l.of[best] + (1-probability)*lossFloor*l.load; least > 0 {
		ratio = l.of[byForecast] / least
	}
	return best, ratio
}

func newAccuracy(o Options) accuracy {
	perBucket := max(1, int64(errorBucket/o.Step))
	return accuracy{
		probability: o.Probability,
		maxError:    o.MaxError,
		perBucket:   perBucket,
		pending:     slices.Repeat([]pendingForecast{{due: math.MinInt64}}, o.Horizon+1),
		loads:       slices.Repeat([]stepLoad{{at: math.MinInt64}}, o.Horizon+1),
		buckets:     make([]bucket, int64(errorWindow/o.Step)/perBucket+1),
		now:         math.MinInt64,
		ratio:       math.NaN(),
	}
}

func (a *accuracy) observe(o Observation) {
	if index := o.At / a.perBucket; index != a.now {
		a.now = index
		a.chooseTrusted()
	}
	b := &a.buckets[a.now%int64(len(a.buckets))]
	if b.index != a.now {
		*b = bucket{index: a.now}
	}
	n := int64(len(a.pending))
	a.loads[o.At%n] = stepLoad{o.At, o.Load}
	if p := &a.pending[o.At%n]; p.due == o.At {
		if most := a.largest(p.from, p.due); isFinite(most) {
			b.add(p, most, a.probability)
		}
	}
	p := pendingForecast{
		from: o.At, due: o.At + int64(o.Horizon), recurs: o.recurs(), said: [...]float64{o.Upper, o.Earlier, o.Load},
	}
	for _, said := range p.said {
		if !isFinite(said) {
			p.due = math.MinInt64
		}
	}
	a.pending[(o.At+int64(o.Horizon))%n] = p
}

// add adds the losses of a forecast for a window whose largest load is known.
func (b *bucket) add(p *pendingForecast, most, probability float64) {
	l := losses{load: math.Abs(most)}
	for i, said := range p.said {
		missed := most - said
		l.of[i] = max(probability*missed, (probability-1)*missed)
	}
	if !p.recurs {
		b.ordinary.add(&l)
		return
	}
	b.recurring.add(&l)
	b.unforeseen += probability * max(0, p.said[byForecast]-p.said[byLoad])
}

// largest is the largest known load after one step, up to and including another.
func (a *accuracy) largest(after, to int64) float64 {
	most := math.NaN()
	for at := after + 1; at <= to; at++ {
		if s := a.loads[at%int64(len(a.loads))]; s.at == at && isFinite(s.load) && !(most >= s.load) {
			most = s.load
		}
	}
	return most
}

// chooseTrusted decides what is trusted until the next bucket, by the errorWindow before this one.
//
// What recurs is in the quantile because it came on some days, and not coming on another one is what it does. So the
// load counts as if that had come in one more bucket: what has a chance of 40 % is then not given up for one day, but
// what came every hour is within a day.
func (a *accuracy) chooseTrusted() {
	var ordinary, recurring losses
	var unforeseen float64
	for index := max(0, a.now-int64(len(a.buckets))+1); index < a.now; index++ {
		if b := &a.buckets[index%int64(len(a.buckets))]; b.index == index {
			ordinary.add(&b.ordinary)
			recurring.add(&b.recurring)
			unforeseen = max(unforeseen, b.unforeseen)
		}
	}
	recurring.of[byLoad] += unforeseen
	a.trusted, a.ratio = a.choose(&ordinary)
	a.trustedRecurring, _ = a.choose(&recurring)
}

// choose returns what is trusted by its losses, and the loss of the forecast relative to the least one of the others.
func (a *accuracy) choose(l *losses) (trusted int, ratio float64) {
	best, ratio := l.compare(a.probability)
	if ratio > a.maxError {
		return best, ratio
	}
	return byForecast, ratio
}
