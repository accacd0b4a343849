package forecaster

import (
	"math"
	"time"
)

// A unit maps the values of a series to numbers around 0 within about [-1, 1], in which single precision is enough
// for what models keep, and every model is equivariant to shift and scale.
type unit struct {
	center, scale float64
	shape         shape // of the values before that
}

func (u *unit) in(y float64) float64  { return (u.shape.in(y) - u.center) / u.scale }
func (u *unit) out(x float64) float64 { return u.shape.out(x*u.scale + u.center) }

// A window is what a model is fitted on: values in its unit without gaps, from the first to the last observed one.
type window struct {
	clock           clock
	unit            unit
	first           int // index of y[0] among the values it was made from
	y               []float64
	ok              []bool  // observed and to be learned from: an origin or a target of the backtest
	day             int     // steps of a day, at least 1
	minutes         float64 // of a step
	lowest, highest float64 // of the observed values, in the unit of the series
	most            float64 // the largest value there can be, in the unit of the window
	constant        bool
	counted         bool // mostly zero, nothing below, and the same values again and again
}

// newWindow prepares y for fitting. Holidays are gaps in it, unless there is nothing else.
func newWindow(o *Options, start int64, y []float64, learn []bool) (*window, error) {
	lowest, highest := math.Inf(1), math.Inf(-1)
	observed, zeros := 0, 0
	for i, v := range y {
		if !finite(v) {
			continue
		}
		lowest, highest = min(lowest, v), max(highest, v)
		if learn == nil || learn[i] {
			observed++
			if v == 0 {
				zeros++
			}
		}
	}
	if lowest > highest {
		return nil, ErrNoValues
	}
	step := o.Step.Milliseconds()
	c := newClock(o.Location, start, step)
	off := newCalendar(o).days(&c, len(y))
	gap := func(i int) bool { return !finite(y[i]) || off != nil && off[i] }
	first, last := 0, len(y)-1
	for first < len(y) && gap(first) {
		first++
	}
	if first == len(y) {
		ordinary := *o
		ordinary.Holiday = nil
		return newWindow(&ordinary, start, y, learn)
	}
	for gap(last) {
		last--
	}
	n := last - first + 1
	w := &window{
		clock:   newClock(o.Location, start+int64(first)*step, step),
		first:   first,
		y:       make([]float64, n),
		ok:      make([]bool, n),
		day:     max(1, int(math.Round(float64(24*time.Hour)/float64(o.Step)))),
		minutes: o.Step.Minutes(),
		lowest:  lowest, highest: highest,
		counted: lowest >= 0 && 2*zeros > observed && recurring(y, learn, observed-zeros),
	}
	// Halves, so that the range of huge values does not overflow.
	w.unit = unit{center: lowest/2 + highest/2, scale: highest/2 - lowest/2}
	if w.unit.scale <= 1e-12*max(math.Abs(lowest), math.Abs(highest)) {
		w.constant, w.unit = true, unit{scale: 1}
	} else if w.counted || o.Model == modelCounts {
		_, exponent := math.Frexp(max(highest, -lowest))
		w.unit = unit{scale: math.Ldexp(1, exponent)} // keeps whole numbers whole
	}
	w.most = w.unit.in(o.DataRange[1])
	for i := range w.y {
		if gap(first + i) {
			w.y[i] = math.NaN()
			continue
		}
		w.ok[i] = learn == nil || learn[first+i]
		w.y[i] = w.unit.in(y[first+i])
	}
	if off != nil {
		off = off[first:]
	}
	w.fillGaps(off)
	return w, nil
}

// fillGaps interpolates gaps of up to an hour, and fills longer ones with the day before, moved to meet both ends;
// those that begin with a day off, as off has it, with the week before.
func (w *window) fillGaps(off []bool) {
	for i := 1; i < len(w.y); i++ {
		if !math.IsNaN(w.y[i]) {
			continue
		}
		end := i
		for math.IsNaN(w.y[end]) {
			end++
		}
		gap := end - i + 1
		a, b := w.y[i-1], w.y[end]
		lag := w.day
		if off != nil && off[i] && i-1-7*w.day >= 0 {
			lag *= 7
		}
		if i >= lag { // by the wall clock
			lag += lag - int((w.clock.local(i)-w.clock.local(i-lag))/w.clock.step)
		}
		before := i-1-lag >= 0 && float64(gap)*w.minutes > 60
		if before {
			a, b = a-w.y[i-1-lag], b-w.y[min(end-lag, i-1)]
		}
		for k := i; k < end; k++ {
			x := float64(k-i+1) / float64(gap)
			w.y[k] = a + x*(b-a)
			if before {
				w.y[k] += w.y[k-lag]
			}
		}
		i = end
	}
}

// huge values would overflow when ranges and squares are formed: they count as none, as do NaN and infinities.
const huge = 1e300

func finite(v float64) bool { return math.Abs(v) <= huge }

// limits are where forecasts have to stay.
type limits struct {
	data            [2]float64 // what values can be at all
	lowest, highest float64    // ever seen
}

// clamp keeps y where values can be at all, and at 0 or above if none below was ever seen.
func (l *limits) clamp(y float64) float64 {
	if l.lowest >= 0 {
		y = max(y, 0)
	}
	return min(max(y, l.data[0]), l.data[1])
}

// near is where central forecasts have to stay: within the range seen so far, and as much again beyond its ends.
func (l *limits) near() (low, high float64) {
	span := l.highest - l.lowest
	return l.clamp(l.lowest - span), l.clamp(l.highest + span)
}

// see takes in a value of the series.
func (l *limits) see(y float64) {
	l.lowest, l.highest = min(l.lowest, y), max(l.highest, y)
}
