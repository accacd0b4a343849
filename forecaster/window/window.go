// Package window prepares the past values of a series for fitting: on a wall clock, in a unit around 0, without gaps.
package window

import (
	"math"
	"slices"
	"time"
)

// Options say what is known of a series beside its values.
type Options struct {
	Step      time.Duration
	Location  *time.Location                                 // of the wall clock; nil is UTC
	Holiday   func(year int, month time.Month, day int) bool // nil: no day is a holiday
	DataRange [2]float64                                     // what values can be at all
	Integers  bool                                           // whether whole numbers have to stay whole
}

// A Window is what a model is fitted on: the values from the first to the last observed one, in the unit of Scaling.
type Window struct {
	Grid    Grid
	Scaling Scaling
	First   int       // index of Values[0] among the values that the window was made from
	Values  []float64 // finite; gaps are filled
	Learn   []bool    // whether a value was observed and may be learned from: only such are origins or targets

	StepsPerDay     int     // at least 1
	Minutes, Hours  float64 // of a step
	Lowest, Highest float64 // of the observed values, in the unit of the series
	UpperLimit      float64 // the largest value there can be, in the unit of Scaling
	Resolution      float64 // by which values differ at least, likewise: series are held in single precision
	Constant        bool    // all observed values are the same
	MostlyZero      bool    // more than half of the observed values are 0
	CountLike       bool    // mostly zero, nothing below, and the same values again and again

	dataRange [2]float64
}

// New prepares values: y[i] is that of start (milliseconds since the epoch) + i steps. NaN, infinities and sizes over
// 1e300 are gaps, as are holidays unless there is nothing else. learn[i] false says that y[i] must not be learned from;
// nil is true everywhere. New returns nil if no value is finite.
func New(o Options, start int64, y []float64, learn []bool) *Window {
	seen := summarize(y, learn)
	if seen.lowest > seen.highest {
		return nil
	}
	grid := newGrid(&o, start)
	holiday := grid.isHoliday(len(y))
	first, last := observedRange(y, holiday)
	if first > last { // there is nothing but holidays
		holiday = nil
		first, last = observedRange(y, nil)
	}
	w := &Window{
		Grid:        grid.from(first),
		First:       first,
		Values:      make([]float64, last-first+1),
		Learn:       make([]bool, last-first+1),
		StepsPerDay: stepsPerDay(o.Step),
		Minutes:     o.Step.Minutes(),
		Hours:       o.Step.Hours(),
		Lowest:      seen.lowest,
		Highest:     seen.highest,
		MostlyZero:  2*seen.zeros > seen.learned,
		CountLike:   seen.lowest >= 0 && 2*seen.zeros > seen.learned && recurring(y, learn, seen.learned-seen.zeros),
		dataRange:   o.DataRange,
	}
	w.chooseScaling(o.Integers || w.CountLike)
	w.UpperLimit = w.Scaling.Forward(o.DataRange[1])
	w.Resolution = singleEpsilon * max(math.Abs(w.Lowest), math.Abs(w.Highest)) / w.Scaling.scale
	w.fill(y, learn, holiday)
	if holiday != nil {
		holiday = holiday[first:]
	}
	w.fillGaps(holiday)
	return w
}

// A summary is what the observed values are, and how many of them may be learned from.
type summary struct {
	lowest, highest float64
	learned, zeros  int
}

func summarize(y []float64, learn []bool) summary {
	s := summary{lowest: math.Inf(1), highest: math.Inf(-1)}
	for i, v := range y {
		if !IsFinite(v) {
			continue
		}
		if v < s.lowest {
			s.lowest = v
		}
		if v > s.highest {
			s.highest = v
		}
		if learn == nil || learn[i] {
			s.learned++
			if v == 0 {
				s.zeros++
			}
		}
	}
	return s
}

// isGap tells whether there is nothing to fit at index i. holiday may be nil.
func isGap(y []float64, holiday []bool, i int) bool {
	return !IsFinite(y[i]) || holiday != nil && holiday[i]
}

// observedRange returns the first and the last index that is no gap; first > last if there is none.
func observedRange(y []float64, holiday []bool) (first, last int) {
	first, last = 0, len(y)-1
	for first < len(y) && isGap(y, holiday, first) {
		first++
	}
	for last > first && isGap(y, holiday, last) {
		last--
	}
	return first, last
}

// tieTolerance is up to which difference, as a share, values count as the same. PromQL extrapolates: one restart within
// 30 minutes is an increase of 1.034, and a little more or less as scrapes come. Chosen, not tuned.
const tieTolerance = 0.005

// recurring tells whether values other than zero, n of them, come twice on average, as counts do.
func recurring(y []float64, learn []bool, n int) bool {
	events := make([]float64, 0, n)
	for i, v := range y {
		if IsFinite(v) && v != 0 && (learn == nil || learn[i]) {
			events = append(events, math.Round(math.Log(v)/tieTolerance))
		}
	}
	slices.Sort(events)
	return 2*len(slices.Compact(events)) <= n+1
}

// singleEpsilon is the distance from 1 to the next larger number in single precision. Definition.
const singleEpsilon = 0x1p-23

// flatRange is the range of values, as a share of their size, below which a series is constant. Guard: what is smaller
// is rounding.
const flatRange = 1e-12

// chooseScaling maps the range of values to [-1, 1], or 0 to 0 and whole numbers to binary fractions.
func (w *Window) chooseScaling(integers bool) {
	// Halves, so that the range of huge values does not overflow.
	w.Scaling = Scaling{center: w.Lowest/2 + w.Highest/2, scale: w.Highest/2 - w.Lowest/2}
	if w.Scaling.scale <= flatRange*max(math.Abs(w.Lowest), math.Abs(w.Highest)) {
		w.Constant, w.Scaling = true, Scaling{scale: 1}
	} else if integers {
		_, exponent := math.Frexp(max(w.Highest, -w.Lowest))
		w.Scaling = Scaling{scale: math.Ldexp(1, exponent)}
	}
}

// fill sets values and flags; gaps are NaN.
func (w *Window) fill(y []float64, learn, holiday []bool) {
	for i := range w.Values {
		at := w.First + i
		if isGap(y, holiday, at) {
			w.Values[i] = math.NaN()
			continue
		}
		w.Learn[i] = learn == nil || learn[at]
		w.Values[i] = w.Scaling.Forward(y[at])
	}
}

// shortGap is the longest gap, in minutes, that a straight line fills. Chosen, not tuned.
const shortGap = 60

// fillGaps fills short gaps with a straight line, and longer ones with the day before, moved to meet both ends. Gaps
// that begin with a holiday get the week before instead. holiday may be nil.
func (w *Window) fillGaps(holiday []bool) {
	for i := 1; i < len(w.Values); i++ {
		if !math.IsNaN(w.Values[i]) {
			continue
		}
		end := i
		for math.IsNaN(w.Values[end]) {
			end++
		}
		length := end - i + 1
		a, b := w.Values[i-1], w.Values[end]
		lag := w.gapLag(i, holiday)
		before := i-1-lag >= 0 && float64(length)*w.Minutes > shortGap
		if before {
			a, b = a-w.Values[i-1-lag], b-w.Values[min(end-lag, i-1)]
		}
		for k := i; k < end; k++ {
			x := float64(k-i+1) / float64(length)
			w.Values[k] = a + x*(b-a)
			if before {
				w.Values[k] += w.Values[k-lag]
			}
		}
		i = end
	}
}

// gapLag returns how many steps before a gap that begins at step i its pattern is taken from: a day or a week before by
// the wall clock.
func (w *Window) gapLag(i int, holiday []bool) int {
	lag := w.StepsPerDay
	if holiday != nil && holiday[i] && i-1-7*w.StepsPerDay >= 0 {
		lag *= 7
	}
	if i >= lag {
		lag += lag - int((w.Grid.Local(i)-w.Grid.Local(i-lag))/w.Grid.Step)
	}
	return lag
}

// fineMinutes is the longest step, in minutes, that counts as fine: the lengths of means and buckets differ between
// fine and coarse steps. As in the prototype; chosen, not tuned.
const fineMinutes = 10

// Fine tells whether steps are short enough for the pattern of an hour to show.
func (w *Window) Fine() bool { return IsFine(w.Minutes) }

// IsFine tells whether steps of so many minutes are.
func IsFine(minutes float64) bool { return minutes <= fineMinutes }

// weeklyDays is how many days of history tell a week. Tuned with a prototype on hourly series of 14 days: the error at
// 6 hours, relative to the seasonal naive, was 0.718 with week candidates and 0.877 without. That the limit is
// 13 days and not 14 is chosen, not tuned.
const weeklyDays = 13

// KnowsWeek tells whether so many steps are enough to tell days of the week apart.
func (w *Window) KnowsWeek(steps int) bool {
	return steps >= weeklyDays*w.StepsPerDay && w.StepsPerDay > 1
}

// Decay returns the rate of an exponential mean with a half-life in minutes.
func (w *Window) Decay(halfLife float64) float64 { return Rate(w.Minutes, halfLife) }

// Rate returns the rate of an exponential mean at steps of so many minutes.
func Rate(minutes, halfLife float64) float64 {
	if minutes >= halfLife {
		return 1
	}
	return 1 - math.Exp2(-minutes/halfLife)
}

// AgeWeight returns what a step counts that is age steps older than the newest one, at a half-life in days.
func (w *Window) AgeWeight(age int, halfLife float64) float64 {
	return math.Exp2(-float64(age) / (halfLife * float64(w.StepsPerDay)))
}

// AgeWeights fills in what each step of the window counts, at a half-life in days. The newest one counts 1.
func (w *Window) AgeWeights(u []float64, halfLife float64) {
	weight, factor := 1.0, w.AgeWeight(1, halfLife)
	for t := len(u) - 1; t >= 0; t-- {
		u[t] = weight
		weight *= factor
	}
}

// largest size of a value. Guard: ranges and squares of larger ones overflow.
const largest = 1e300

// IsFinite tells whether v is a value: neither NaN nor infinite nor so large that arithmetic overflows.
func IsFinite(v float64) bool { return math.Abs(v) <= largest }
