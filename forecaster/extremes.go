package forecaster

import (
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/combination"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/intervals"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rollingorigin"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// windowErrors are the errors of the extreme values up to one of Options.Horizons: what the largest (smallest) value
// was, less that of the path. They are measured directly, because the largest of several values exceeds the upper
// quantile of each of them far more often than the value of a step does.
type windowErrors struct {
	above, below           intervals.QuantileTable
	aboveScale, belowScale intervals.Exponent
	// recurring tells that above is of the windows in which nothing recurs. In the others the largest value is also told
	// by other days.
	recurring bool
	// ordinary tells that above is from the path without what recurs.
	ordinary bool
	// aboveShrinkage and belowShrinkage are of the extremes of the path that errors are measured from.
	aboveShrinkage, belowShrinkage shrinkage
}

// minOrdinary is how many windows in which nothing recurs are needed to measure them apart: those of a few hours mostly
// hold something if something happens every hour. Then errors are those of all windows. Guard: fewer errors tell no
// upper quantile.
const minOrdinary = 40

// minRecurring is how many windows in which something recurs tell whether other days tell too much of them. Guard: of
// five windows before a job that comes on 40 % of the days, it came in none once in 13 times. Then other days count,
// which were found by all days.
const minRecurring = 20

// measure advances the model over the window, of which it has seen the first values, and measures windowErrors from
// the origin first on. It fills in errors unless they are nil.
func (m *Model) measure(w *window.Window, seen, first int, errors *rollingorigin.Errors) {
	hs := m.options.Horizons
	errorsOf := make([]windowSample, len(hs))
	origins := rollingorigin.WindowOrigins(w, first, hs)
	m.findOrdinary(origins, len(w.Values), errorsOf)
	for i := range errorsOf {
		errorsOf[i].grow(len(origins))
	}
	m.usesOrdinary = slices.ContainsFunc(errorsOf, func(s windowSample) bool { return s.split })
	m.recurring.Rewind()
	m.lastDay = newLastDay(w.StepsPerDay)
	for _, v := range w.Values[:seen] {
		m.lastDay.advance(v)
	}
	median := func(h int) float64 { return m.at(h).Median }
	for t := seen; t < len(w.Values); t++ {
		m.fresh = false
		m.now = t
		m.predictor.Advance(w.Values[t])
		m.lastDay.advance(w.Values[t])
		if w.Learn[t] {
			m.recurring.Advance(t, m.toDays(w.Values[t]))
		}
		if errors != nil {
			errors.Evaluate(w, t, median)
		}
		if len(origins) > 0 && int(origins[0]) == t {
			origins = origins[1:]
			m.measureWindows(w, t, errorsOf)
		}
	}
	m.fresh, m.usesOrdinary = false, false
	for i := range m.windows {
		e, s := &m.windows[i], &errorsOf[i]
		e.belowScale, e.below, e.belowShrinkage = s.below.choose(0.5)
		e.aboveScale, e.above, e.aboveShrinkage = s.chooseShrinkage(m.options.MaxProbability)
		e.chooseAbove(s, m.options.MaxProbability)
		m.usesOrdinary = m.usesOrdinary || e.ordinary
	}
}

// A windowSample is what past windows of one length held.
type windowSample struct {
	above, below extremeErrors
	apart        []apartError // for each of above, if there are enough windows in which nothing recurs
	// split tells whether there are enough windows in which nothing recurs to measure them apart.
	split bool
}

// grow makes room for n windows.
func (s *windowSample) grow(n int) {
	s.above.grow(n)
	s.below.grow(n)
	if s.split {
		s.apart = make([]apartError, 0, n)
	}
}

// chooseShrinkage returns what choose returns for the errors above, and changes apart likewise.
func (s *windowSample) chooseShrinkage(p float64) (x intervals.Exponent, t intervals.QuantileTable, by shrinkage) {
	x, t, by = s.above.choose(p)
	for i := range s.apart {
		less := by.of(s.above.reaches[i])
		s.apart[i].told += less
		s.apart[i].ordinary += less
	}
	return x, t, by
}

// An apartError is what tells a window in which something recurs from the others. Values are less the largest one of
// the path.
type apartError struct {
	recurs   bool
	told     float64 // what other days say of the quantile Options.MaxProbability; -Inf if they say nothing
	ordinary float64 // the path without what recurs
}

// findOrdinary sets windowSample.split: whether of the windows that begin after the origins, in n steps, in enough
// nothing recurs.
func (m *Model) findOrdinary(origins []int32, n int, samples []windowSample) {
	if m.recurring == nil {
		return
	}
	for i, h := range m.options.Horizons {
		ordinary := 0
		for _, t := range origins {
			if _, ok := m.recurring.Over(int(t)+1, int(t)+h); !ok && int(t)+h < n {
				ordinary++
			}
		}
		samples[i].split = ordinary >= minOrdinary
	}
}

// chooseAbove chooses between the quantiles of all errors above, and those of the windows in which nothing recurs: from
// the path without what recurs or, where that is clearly worse, from the path. It goes by the loss of quantile p, in
// which the latter two have what other days said of the rest.
func (e *windowErrors) chooseAbove(s *windowSample, p float64) {
	if !s.split {
		return
	}
	room := make(intervals.ScaledErrors, 0, len(s.apart))
	least := math.Inf(1)
	if s.recurring() >= minRecurring {
		least = e.lossAbove(s, p)
	}
	for _, fromOrdinary := range [...]bool{true, false} {
		apart := *e
		apart.recurring, apart.ordinary = true, fromOrdinary
		ordinary := room[:0]
		for i := range s.apart {
			if !s.apart[i].recurs {
				o := s.above.ScaledErrors[i]
				o.Value -= apart.offset(&s.apart[i])
				ordinary = append(ordinary, o)
			}
		}
		if len(ordinary) < minOrdinary {
			return
		}
		apart.aboveScale, apart.above = ordinary.Table(min(s.above.independent(), float64(len(ordinary))))
		most := least
		if e.ordinary {
			most *= intervals.MinImprovement
		}
		if loss := apart.lossAbove(s, p); loss <= most {
			*e, least = apart, loss
		}
	}
}

// recurring returns in how many windows something recurs.
func (s *windowSample) recurring() (n int) {
	for i := range s.apart {
		if s.apart[i].recurs {
			n++
		}
	}
	return n
}

// offset is what the errors above are from, less the largest value of the path.
func (e *windowErrors) offset(a *apartError) float64 {
	if e.ordinary {
		return a.ordinary
	}
	return 0
}

// lossAbove is the loss of quantile p of the largest value over past windows.
func (e *windowErrors) lossAbove(s *windowSample, p float64) (loss float64) {
	usual := e.above.At(p)
	for i, past := range s.above.ScaledErrors {
		v := e.aboveScale.Factor(past.Scale) * usual
		if e.recurring {
			v = max(v+e.offset(&s.apart[i]), s.apart[i].told)
		}
		loss += past.Weight * rollingorigin.Pinball(p, past.Value-v)
	}
	return loss
}

// measureWindows adds to samples, by horizon, the windows that begin after step t, where the model is.
func (m *Model) measureWindows(w *window.Window, t int, samples []windowSample) {
	weight := rollingorigin.ErrorWeight(w, t)
	from, high, low := t+1, math.Inf(-1), math.Inf(1)
	for i, h := range m.options.Horizons {
		if t+h >= len(w.Values) {
			break
		}
		for ; from <= t+h; from++ {
			if !w.Learn[from] {
				continue
			}
			if v := w.Values[from]; v > high {
				high = v
			}
			if v := w.Values[from]; v < low {
				low = v
			}
		}
		if math.IsInf(high, 0) {
			continue
		}
		s := &samples[i]
		top, bottom := m.extremes(h)
		up, down := m.reaches(h, h)
		e := intervals.ScaledError{Scale: m.windowScale(h)}
		e.Weight = weight
		s.above.add(t, h, high-top, up, e)
		s.below.add(t, h, low-bottom, down, e)
		if s.split {
			told, recurs := m.told(h, m.options.MaxProbability)
			s.apart = append(s.apart, apartError{recurs: recurs, told: told - top, ordinary: m.ordinary(h) - top})
		}
	}
}

// told is the quantile p of the largest recurring value over the next h steps; -Inf and false if nothing recurs.
func (m *Model) told(h int, p float64) (v float64, recurs bool) {
	if m.recurring == nil {
		return math.Inf(-1), false
	}
	w, ok := m.recurring.Over(m.now+1, m.now+h)
	if !ok {
		return math.Inf(-1), false
	}
	w = w.Given(m.now)
	v = m.ofDays(w.Quantile(p))
	if m.counts != nil && !math.IsInf(v, -1) { // whole numbers stay whole
		v = m.scaling.Forward(math.Ceil(m.scaling.Inverse(v)))
	}
	return v, true
}

// extremes are the largest and the smallest value of the path up to h.
func (m *Model) extremes(h int) (top, bottom float64) {
	m.refresh()
	top, bottom = m.path[0].ExtremeBase, m.path[0].ExtremeBase
	for i := 1; i < len(m.path) && m.path[i].Steps <= h; i++ {
		if v := m.path[i].ExtremeBase; v > top {
			top = v
		} else if v < bottom {
			bottom = v
		}
	}
	return top, bottom
}

// ordinary is the largest value of the path up to h without what recurs.
func (m *Model) ordinary(h int) float64 {
	m.refresh()
	top := m.path[0].ordinary
	for i := 1; i < len(m.path) && m.path[i].Steps <= h; i++ {
		if v := m.path[i].ordinary; v > top {
			top = v
		}
	}
	return top
}

// windowScale is the scale expected in the middle of the next h steps.
func (m *Model) windowScale(h int) intervals.Scale {
	m.refresh()
	i := 0
	for i+1 < len(m.path) && 2*m.path[i].Steps < h {
		i++
	}
	return m.scale(&m.path[i])
}

// windowFactor is how much larger than usual the errors of the next h steps will be.
func (m *Model) windowFactor(h int, e intervals.Exponent) float64 {
	factor := e.Factor(m.windowScale(h))
	if at := m.at(h); at.Spread != (combination.Spread{}) {
		factor += at.Spread.Share * max(at.Spread.Ratio-factor, 0)
		factor += at.Spread.Measured * (m.measuredRatio(&at.Spread) - factor)
	}
	return factor
}

// uncertainty is that of the path h steps ahead, one of Options.Horizons.
func (m *Model) uncertainty(h int) float64 { return m.at(h).Uncertainty }

// largest is the quantile p of the largest value over the next h steps, in the unit of the model; i is the first of
// Options.Horizons that is at least h.
func (m *Model) largest(i, h int, p float64) float64 {
	v := m.lasting(i, h, p)
	if m.tells(i) {
		told, _ := m.told(h, p)
		v = max(v, told)
	}
	return v
}

// tells tells whether what recurs counts beside the errors of windows up to the i-th of Options.Horizons.
func (m *Model) tells(i int) bool { return m.counts != nil || m.windows[i].recurring }

// lasting is largest without what recurs.
func (m *Model) lasting(i, h int, p float64) float64 {
	if m.counts != nil {
		return m.counts.Largest(i, h, p)
	}
	e, end := &m.windows[i], m.options.Horizons[i]
	return m.top(i, h) + m.windowFactor(end, e.aboveScale)*e.above.At(p) + m.uncertainty(end)*(2*p-1)
}

// top is what the errors of windows up to the i-th of Options.Horizons are added to: the largest value of the path up
// to h.
func (m *Model) top(i, h int) float64 {
	if m.windows[i].ordinary {
		return m.ordinary(h)
	}
	top, _ := m.shrunk(i, h)
	return top
}

// smallest is the median of the smallest value over the next h steps, likewise.
func (m *Model) smallest(i, h int) float64 {
	if m.counts != nil {
		return m.counts.Smallest(h)
	}
	_, bottom := m.shrunk(i, h)
	e := &m.windows[i]
	return bottom + m.windowFactor(m.options.Horizons[i], e.belowScale)*e.below.At(0.5)
}

// breach is the probability that one of the next h steps is over x (upper), or under it, likewise.
func (m *Model) breach(i, h int, x float64, upper bool) float64 {
	end, told := m.options.Horizons[i], 0.0
	if upper && m.recurring != nil && m.tells(i) {
		if w, ok := m.recurring.Over(m.now+1, m.now+h); ok {
			w = w.Given(m.now)
			told = w.Exceeding(m.toDays(x))
		}
	}
	switch {
	case m.counts != nil && upper:
		return max(told, m.counts.Exceeding(i, h, x))
	case m.counts != nil:
		return m.counts.Undercutting(h, x)
	}
	_, bottom := m.shrunk(i, h)
	e := &m.windows[i]
	if upper {
		return max(told, e.above.Exceeding(x-m.top(i, h), m.windowFactor(end, e.aboveScale), m.uncertainty(end)))
	}
	return 1 - e.below.Exceeding(x-bottom, m.windowFactor(end, e.belowScale), m.uncertainty(end))
}

// MaxQuantile returns the quantile p of the largest value over the next h steps. It does not fall with h. It is NaN
// unless 0 < p < 1.
func (m *Model) MaxQuantile(h int, p float64) float64 {
	return m.maxQuantile(h, p, m.largest)
}

// LastingMaxQuantile is MaxQuantile without what recurs by the clock, which will be over at a known time.
func (m *Model) LastingMaxQuantile(h int, p float64) float64 {
	return m.maxQuantile(h, p, m.lasting)
}

func (m *Model) maxQuantile(h int, p float64, largest func(i, h int, p float64) float64) float64 {
	if !(p > 0 && p < 1) {
		return math.NaN()
	}
	h = m.clampHorizon(h)
	v := math.Inf(-1)
	for i, end := range m.options.Horizons {
		v = max(v, largest(i, min(end, h), p))
		if end >= h {
			break
		}
	}
	return m.value(v)
}

// RecurringMaxQuantile returns the quantile p of the largest value that recurs by the clock in the steps from one ahead
// up to another: 0 is the last value. It is NaN if nothing does, and unless 0 < p < 1.
func (m *Model) RecurringMaxQuantile(from, to int, p float64) float64 {
	if m.recurring == nil || !(p > 0 && p < 1) {
		return math.NaN()
	}
	w, ok := m.recurring.Over(m.now+from, m.now+to)
	if !ok {
		return math.NaN()
	}
	if from > 0 {
		w = w.Given(m.now)
	}
	return m.valueOfDays(w.Quantile(p))
}

// EarlierMaxQuantile returns the quantile p of the largest value that the window of the next h steps held on other days
// at the same time of day, without any model. It is NaN unless Options.KeepDays is set, and if there is no such day or
// the step does not divide the day.
func (m *Model) EarlierMaxQuantile(h int, p float64) float64 { return m.earlier(h, p, true) }

// EarlierLastingMaxQuantile is EarlierMaxQuantile without what recurs by the clock.
func (m *Model) EarlierLastingMaxQuantile(h int, p float64) float64 { return m.earlier(h, p, false) }

func (m *Model) earlier(h int, p float64, all bool) float64 {
	if m.recurring == nil || !m.options.KeepDays {
		return math.NaN()
	}
	w, recurs := m.recurring.Over(m.now+1, m.now+m.clampHorizon(h))
	q := w.QuantileOfDays(p, !recurs)
	if recurs && all {
		w = w.Given(m.now)
		q = max(q, w.Quantile(p))
	}
	return m.valueOfDays(q)
}

// ofDays is what recurring says, in the unit of the model; -Inf stays.
func (m *Model) ofDays(v float64) float64 {
	if m.days == m.scaling || math.IsInf(v, -1) {
		return v
	}
	return m.scaling.Forward(m.days.Inverse(v))
}

// toDays is x in the unit of recurring.
func (m *Model) toDays(x float64) float64 {
	if m.days == m.scaling {
		return x
	}
	return m.days.Forward(m.scaling.Inverse(x))
}

// valueOfDays is what recurring says, in the unit of the series; NaN for -Inf.
func (m *Model) valueOfDays(v float64) float64 {
	if math.IsInf(v, -1) {
		return math.NaN()
	}
	return m.value(m.ofDays(v))
}

// BreachProbability returns the probability that the series rises over bound (upper), or falls under it, within the
// next h steps. It does not fall with h. It is NaN if bound is.
func (m *Model) BreachProbability(h int, bound float64, upper bool) float64 {
	if math.IsNaN(bound) {
		return math.NaN()
	}
	floor, ceiling := m.limits.clamp(math.Inf(-1)), m.limits.clamp(math.Inf(1))
	switch {
	case upper && bound >= ceiling, !upper && bound <= floor:
		return 0
	case upper && bound < floor, !upper && bound > ceiling:
		return 1
	}
	h = m.clampHorizon(h)
	x := m.scaling.Forward(bound)
	p := 0.0
	for i, end := range m.options.Horizons {
		p = max(p, m.breach(i, min(end, h), x, upper))
		if end >= h {
			break
		}
	}
	return p
}

// TimeToBreach returns in how many steps the central forecast crosses bound, upwards (upper) or downwards. ok is false
// if it does not within the longest horizon. It is 1 if the next step is expected beyond the bound.
//
// Where the medians of the steps stay on this side, but the median of the largest (smallest) value on the way does not,
// that one tells the time. So a breach that is more likely than not has one.
func (m *Model) TimeToBreach(bound float64, upper bool) (steps float64, ok bool) {
	m.refresh()
	b := boundary{x: m.scaling.Forward(bound), sign: 1}
	if !upper {
		b.sign = -1
	}
	if steps, ok := m.medianCrossing(b); ok && m.confirms(b, steps) {
		return steps, true
	}
	steps, ok = m.extremeCrossing(b)
	return steps, ok && m.confirms(b, steps)
}

// A boundary is a bound in the unit of the model, and the side on which the series is in breach of it.
type boundary struct {
	x    float64
	sign float64 // 1: above, -1: below
}

// over is how far beyond the bound v is; negative on this side of it.
func (b boundary) over(v float64) float64 { return b.sign * (v - b.x) }

// roundedSteps is how far beyond the longest horizon a bound may be crossed. Guard: what crosses it with the end of the
// horizon is rounded to either side of it.
const roundedSteps = 0.1

// medianCrossing returns where the medians of single steps cross b, interpolated between the steps of the path. What
// does so up to roundedSteps after the last one does it there; what falls to b and stays there, as a rate to 0, never.
func (m *Model) medianCrossing(b boundary) (steps float64, ok bool) {
	before, at, slope := 0.0, 0.0, 0.0
	for i := range m.path {
		over, h := b.over(m.path[i].Median), float64(m.path[i].Steps)
		switch {
		case over > 0 && i == 0:
			return h, true
		case over > 0:
			return at + (h-at)*before/(before-over), true
		case i > 0:
			slope = (over - before) / (h - at)
		}
		before, at = over, h
	}
	return at, before < 0 && before+slope*roundedSteps > 0
}

// confirmedWithin is how far the median of the extreme value may be from the bound, in the unit of the model: half a
// percent of the range of the window. Guard: a countdown that ends with the longest horizon is right at the bound.
const confirmedWithin = 0.01

// confirms tells whether the median of the extreme value gets to b, too, up to each of Options.Horizons that is at
// least so many steps ahead.
func (m *Model) confirms(b boundary, steps float64) bool {
	for i, end := range m.options.Horizons {
		if (float64(end) >= steps || i == len(m.options.Horizons)-1) && !(b.over(m.extreme(i, b.sign)) > -confirmedWithin) {
			return false
		}
	}
	return true
}

// extreme returns the median of the largest (sign 1) or smallest value up to the i-th of Options.Horizons.
func (m *Model) extreme(i int, sign float64) float64 {
	end := m.options.Horizons[i]
	if sign > 0 {
		return m.largest(i, end, 0.5)
	}
	return m.smallest(i, end)
}

// extremeCrossing returns where the medians of the extreme values up to a step cross b, interpolated between
// Options.Horizons.
func (m *Model) extremeCrossing(b boundary) (steps float64, ok bool) {
	before, at := b.over(m.path[0].Median), float64(m.path[0].Steps)
	for i, end := range m.options.Horizons {
		over, h := b.over(m.extreme(i, b.sign)), float64(end)
		if over > 0 && h > at {
			return at + (h-at)*before/(before-over), true
		}
		before, at = over, h
	}
	return 0, false
}
