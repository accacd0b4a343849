package forecaster

import "math"

// windowErrors are the errors of the extreme values up to one of Options.Horizons: what the largest (smallest) value
// was, less that of the path. They are measured directly, since the largest of several values exceeds the upper
// quantile of each of them far more often than the value of a step does.
type windowErrors struct {
	above, below           table
	aboveScale, belowScale exponent
}

const extremeRows = 200 // at most, per horizon

// measure advances the model over the window, of which it has seen the first values, and measures windowErrors from
// the origin first on. It returns the model's errors in rows, if there are any to be asked.
func (m *Model) measure(w *window, seen, first int, r *rows) *measured {
	hs := m.options.Horizons
	above, below := make([]sampled, len(hs)), make([]sampled, len(hs))
	origins := w.extremeOrigins(first, hs)
	out := newMeasured(r)
	for t := seen; t < len(w.y); t++ {
		m.fresh = false
		m.p.advance(w.y[t])
		out.ask(w, m, t)
		if len(origins) == 0 || int(origins[0]) != t {
			continue
		}
		origins = origins[1:]
		weight := w.halved(len(w.y)-1-t, errorHalfLife)
		from, high, low := t+1, math.Inf(-1), math.Inf(1)
		for i, h := range hs {
			if t+h >= len(w.y) {
				break
			}
			for ; from <= t+h; from++ {
				if w.ok[from] {
					high, low = max(high, w.y[from]), min(low, w.y[from])
				}
			}
			if math.IsInf(high, 0) {
				continue
			}
			top, bottom := m.extremes(h)
			s := m.windowScale(h)
			above[i] = append(above[i], scaledError{weighted{high - top, weight}, s})
			below[i] = append(below[i], scaledError{weighted{low - bottom, weight}, s})
		}
	}
	m.fresh = false
	for i := range m.windows {
		e := &m.windows[i]
		e.aboveScale, e.above = above[i].table()
		e.belowScale, e.below = below[i].table()
	}
	return out
}

// table is that of the errors divided by their scale.
func (s sampled) table() (exponent, table) {
	e := s.scaled()
	out := s.sample()
	out.sort()
	return e, out.quantiles()
}

// extremeOrigins are evenly spaced back from the latest. Where much of the window after an origin was not observed the
// extremes of the rest say little: such origins count only if there are few others.
func (w *window) extremeOrigins(first int, hs []int) []int32 {
	var all, whole []int32
	seen := 0 // observed values in (t, t+hs[0]]
	for t := len(w.y) - 2; t >= first; t-- {
		if w.ok[t+1] {
			seen++
		}
		if end := t + 1 + hs[0]; end < len(w.y) && w.ok[end] {
			seen--
		}
		if !w.ok[t] || t+hs[0] >= len(w.y) {
			continue
		}
		all = append(all, int32(t))
		if 5*seen >= 4*hs[0] {
			whole = append(whole, int32(t))
		}
	}
	if len(whole) >= extremeRows {
		all = whole
	}
	stride := max(1, (len(all)+extremeRows-1)/extremeRows)
	origins := make([]int32, 0, extremeRows)
	for i := (len(all) - 1) / stride * stride; i >= 0; i -= stride {
		origins = append(origins, all[i])
	}
	return origins
}

// extremes are the largest and the smallest value of the path up to h.
func (m *Model) extremes(h int) (top, bottom float64) {
	m.refresh()
	top, bottom = m.path[0].reach, m.path[0].reach
	for i := 1; i < len(m.path) && m.path[i].h <= h; i++ {
		top, bottom = max(top, m.path[i].reach), min(bottom, m.path[i].reach)
	}
	return top, bottom
}

// windowScale is the scale expected in the middle of the next h steps.
func (m *Model) windowScale(h int) scale {
	m.refresh()
	i := 0
	for i+1 < len(m.path) && 2*m.path[i].h < h {
		i++
	}
	return m.p.scale(&m.path[i].lead, m.path[i].median)
}

// doubt is that of the path h steps ahead, one of Options.Horizons.
func (m *Model) doubt(h int) float64 {
	return m.at(h).doubt
}

// largest is the quantile p of the largest value over the next h steps, in the unit of the model; i is the first of
// Options.Horizons that is at least h.
func (m *Model) largest(i, h int, p float64) float64 {
	if m.counts != nil {
		return m.counts.largest(i, h, p)
	}
	top, _ := m.extremes(h)
	e, end := &m.windows[i], m.options.Horizons[i]
	return top + e.aboveScale.of(m.windowScale(end))*e.above.at(p) + m.doubt(end)*(2*p-1)
}

// smallest is the median of the smallest value over the next h steps, likewise.
func (m *Model) smallest(i, h int) float64 {
	if m.counts != nil {
		return m.counts.smallest(h)
	}
	_, bottom := m.extremes(h)
	e := &m.windows[i]
	return bottom + e.belowScale.of(m.windowScale(m.options.Horizons[i]))*e.below.at(0.5)
}

// beyond is the probability that one of the next h steps is over x (upper), or under it, likewise.
func (m *Model) beyond(i, h int, x float64, upper bool) float64 {
	end := m.options.Horizons[i]
	switch {
	case m.counts != nil && upper:
		return m.counts.exceeding(i, h, x)
	case m.counts != nil:
		return m.counts.undercutting(h, x)
	}
	top, bottom := m.extremes(h)
	e, s := &m.windows[i], m.windowScale(end)
	if upper {
		return e.above.exceeding(x-top, e.aboveScale.of(s), m.doubt(end))
	}
	return 1 - e.below.exceeding(x-bottom, e.belowScale.of(s), m.doubt(end))
}

// MaxQuantile returns the quantile p of the largest value over the next h steps. It does not fall with h. It is NaN
// unless 0 < p < 1.
func (m *Model) MaxQuantile(h int, p float64) float64 {
	if !(p > 0 && p < 1) {
		return math.NaN()
	}
	h = m.clampHorizon(h)
	v := math.Inf(-1)
	for i, end := range m.options.Horizons {
		v = max(v, m.largest(i, min(end, h), p))
		if end >= h {
			break
		}
	}
	return m.value(v)
}

// BreachProbability returns the probability that the series rises over bound (upper), or falls under it, within the
// next h steps. It does not fall with h. It is NaN for a bound that is.
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
	x := m.unit.in(bound)
	p := 0.0
	for i, end := range m.options.Horizons {
		p = max(p, m.beyond(i, min(end, h), x, upper))
		if end >= h {
			break
		}
	}
	return p
}

// TimeToBreach returns in how many steps the central forecast crosses bound, upwards (upper) or downwards; ok is false
// if it does not within the longest horizon. It is 1 if the next step is expected beyond the bound. Where the medians of
// the steps stay on this side, but that of the largest (smallest) value on the way does not, that one tells the time: a
// breach that is more likely than not has one.
func (m *Model) TimeToBreach(bound float64, upper bool) (steps float64, ok bool) {
	m.refresh()
	x, sign := m.unit.in(bound), 1.0
	if !upper {
		sign = -1
	}
	before, at := 0.0, 0.0
	for i := range m.path {
		over, h := sign*(m.path[i].median-x), float64(m.path[i].h)
		switch {
		case over <= 0:
			before, at = over, h
		case i == 0:
			return h, true
		default:
			return at + (h-at)*before/(before-over), true
		}
	}
	before, at = sign*(m.path[0].median-x), float64(m.path[0].h)
	for i, end := range m.options.Horizons {
		median := m.smallest(i, end)
		if upper {
			median = m.largest(i, end, 0.5)
		}
		over, h := sign*(median-x), float64(end)
		if over > 0 && h > at {
			return at + (h-at)*before/(before-over), true
		}
		before, at = over, h
	}
	return 0, false
}
