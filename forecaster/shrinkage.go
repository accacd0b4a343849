package forecaster

import (
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/intervals"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rollingorigin"
)

// A shrinkage says how much of a reach is not expected to come true, and what is added for it on average.
//
// In a saw, as of garbage collection, the largest value of the next hours is the same however high the saw is now. What
// goes on from near the top, and adds the usual error to it, announces a record each time. How far the path reaches is
// shrunk as past extremes tell by least squares (as in Copas, "Regression, prediction and shrinkage", Journal of the
// Royal Statistical Society B, 1983).
type shrinkage struct {
	parts reach // 0 and more, 1 at most together: so a longer window never has a lower maximum
	added float64
}

// A reach says how far the extreme of the path is beyond the middle of the path, and beyond the extreme value of the
// last day.
type reach struct{ middle, day float64 }

// of returns what the reach r shrinks by.
func (s *shrinkage) of(r reach) float64 { return s.parts.middle*r.middle + s.parts.day*r.day - s.added }

const (
	// minShrinkage is the smallest part that is left out. Guard: less is noise.
	minShrinkage = 0.2
	// shrunkLoss is the largest ratio of losses at which a shrinkage is used. Chosen, not tuned: in a saw it is a half and
	// less, and elsewhere three free parameters do not get there by chance.
	shrunkLoss = 0.9
	// smallLoss is below which nothing is shrunk, in the unit of the window. Guard: in a series without noise, chance
	// chooses.
	smallLoss = 1e-3
)

// extremeErrors are by how much the extreme values of past windows were beyond those of the path.
type extremeErrors struct {
	intervals.ScaledErrors
	reaches []reach // of the path

	horizon, first, last int // length of the windows, and the steps before the first and the last one
}

// independent returns how many of the windows do not overlap.
func (e *extremeErrors) independent() float64 {
	return min(float64(len(e.reaches)), 1+float64(e.last-e.first)/float64(max(e.horizon, 1)))
}

func (e *extremeErrors) grow(n int) {
	e.ScaledErrors, e.reaches = slices.Grow(e.ScaledErrors, n), slices.Grow(e.reaches, n)
}

// add takes the error of a window of so many steps after step t.
func (e *extremeErrors) add(t, horizon int, value float64, r reach, s intervals.ScaledError) {
	if len(e.reaches) == 0 {
		e.horizon, e.first = horizon, t
	}
	e.last = t
	s.Value = value
	e.ScaledErrors, e.reaches = append(e.ScaledErrors, s), append(e.reaches, r)
}

// choose returns the table of the errors, and the shrinkage that they are measured with: none unless that has clearly
// less loss at the quantile p and the median. It changes the errors to be those with the shrinkage.
func (e *extremeErrors) choose(p float64) (x intervals.Exponent, t intervals.QuantileTable, s shrinkage) {
	x, t = e.Table(e.independent())
	s = e.leastSquares()
	if s.parts.middle+s.parts.day < minShrinkage {
		return x, t, shrinkage{}
	}
	shrunk := slices.Clone(e.ScaledErrors)
	for i := range shrunk {
		shrunk[i].Value += s.of(e.reaches[i])
	}
	shrunkX, shrunkT := shrunk.Table(e.independent())
	plain := loss(e.ScaledErrors, p, x, &t)
	if plain < smallLoss || loss(shrunk, p, shrunkX, &shrunkT) > shrunkLoss*plain {
		return x, t, shrinkage{}
	}
	e.ScaledErrors = shrunk
	return shrunkX, shrunkT, s
}

// loss is the mean one of a table, at the quantile p and the median.
func loss(errors intervals.ScaledErrors, p float64, x intervals.Exponent, t *intervals.QuantileTable) float64 {
	upper, median := t.At(p), t.At(0.5)
	sum, total := 0.0, 0.0
	for _, e := range errors {
		f := x.Factor(e.Scale)
		total += e.Weight
		sum += e.Weight * (rollingorigin.Pinball(p, e.Value-f*upper) + rollingorigin.Pinball(0.5, e.Value-f*median))
	}
	return sum / total
}

// leastSquares returns the shrinkage that leaves the smallest errors.
func (e *extremeErrors) leastSquares() (s shrinkage) {
	var total, value float64
	var mean reach
	for i, r := range e.reaches {
		w := e.ScaledErrors[i].Weight
		total += w
		value += w * e.ScaledErrors[i].Value
		mean.middle += w * r.middle
		mean.day += w * r.day
	}
	if total == 0 {
		return s
	}
	value, mean.middle, mean.day = value/total, mean.middle/total, mean.day/total
	var q squares
	for i, r := range e.reaches {
		r.middle -= mean.middle
		r.day -= mean.day
		w, v := e.ScaledErrors[i].Weight, value-e.ScaledErrors[i].Value
		q.mm += w * r.middle * r.middle
		q.dd += w * r.day * r.day
		q.md += w * r.middle * r.day
		q.mv += w * r.middle * v
		q.dv += w * r.day * v
	}
	s.parts = q.least()
	s.added = value + s.parts.middle*mean.middle + s.parts.day*mean.day
	return s
}

// squares are the sums of products that least squares are made of: of middle, day and the value.
type squares struct{ mm, dd, md, mv, dv float64 }

// least returns the parts with the least squares of those that are not negative and sum to 1 at most: inside of that
// triangle, or on one of its sides.
func (q *squares) least() (best reach) {
	side := func(v, vv float64) float64 {
		if !(vv > 0) {
			return 0
		}
		return min(max(v/vv, 0), 1)
	}
	full := side(q.mv-q.dv-q.md+q.dd, q.mm+q.dd-2*q.md)
	tried := []reach{{middle: side(q.mv, q.mm)}, {day: side(q.dv, q.dd)}, {full, 1 - full}}
	if d := q.mm*q.dd - q.md*q.md; d > 0 {
		inside := reach{(q.mv*q.dd - q.dv*q.md) / d, (q.dv*q.mm - q.mv*q.md) / d}
		if inside.middle >= 0 && inside.day >= 0 && inside.middle+inside.day <= 1 {
			tried = append(tried, inside)
		}
	}
	least := math.Inf(1)
	for _, r := range tried {
		if sum := r.middle*(r.middle*q.mm+2*r.day*q.md-2*q.mv) + r.day*(r.day*q.dd-2*q.dv); sum < least {
			best, least = r, sum
		}
	}
	return best
}

// reaches returns how far the path goes up and down to h, without what a straight line adds. Its middle is that up to
// end.
func (m *Model) reaches(h, end int) (up, down reach) {
	m.refresh()
	top, bottom, sum, steps := math.Inf(-1), math.Inf(1), 0.0, 0
	for i := 0; i < len(m.path) && m.path[i].Steps <= end; i++ {
		at := &m.path[i]
		v := at.ExtremeBase - at.Growth
		sum += float64(at.Steps-steps) * v
		steps = at.Steps
		if steps <= h && v > top {
			top = v
		}
		if steps <= h && v < bottom {
			bottom = v
		}
	}
	middle := sum / float64(steps)
	lowest, highest := m.lastDay.extremes()
	return reach{top - middle, top - highest}, reach{bottom - middle, bottom - lowest}
}

// shrunk returns the extremes of the path up to h as far as they are expected to come true, by the errors of windows up
// to the i-th of Options.Horizons. What follows a series to another level knows nothing of how far it went before.
func (m *Model) shrunk(i, h int) (top, bottom float64) {
	top, bottom = m.extremes(h)
	if e := &m.windows[i]; e.aboveShrinkage != (shrinkage{}) || e.belowShrinkage != (shrinkage{}) {
		end := m.options.Horizons[i]
		up, down := m.reaches(h, end)
		usual := 1 - m.at(end).Spread.Share
		top -= usual * e.aboveShrinkage.of(up)
		bottom -= usual * e.belowShrinkage.of(down)
	}
	return top, bottom
}

// A lastDay knows the range of the values of the last day, in parts of two hours.
type lastDay struct {
	parts     [12][2]float64 // lowest and highest, a ring
	at, steps int            // the newest part, and its values
	perPart   int
}

func newLastDay(stepsPerDay int) (d lastDay) {
	for i := range d.parts {
		d.parts[i] = [2]float64{math.Inf(1), math.Inf(-1)}
	}
	d.perPart = max(1, stepsPerDay/len(d.parts))
	return d
}

func (d *lastDay) advance(v float64) {
	if d.perPart == 0 {
		return
	}
	if d.steps == d.perPart {
		d.at, d.steps = (d.at+1)%len(d.parts), 0
		d.parts[d.at] = [2]float64{math.Inf(1), math.Inf(-1)}
	}
	d.steps++
	p := &d.parts[d.at]
	p[0], p[1] = min(p[0], v), max(p[1], v)
}

func (d *lastDay) extremes() (lowest, highest float64) {
	lowest, highest = d.parts[0][0], d.parts[0][1]
	for _, p := range d.parts[1:] {
		lowest, highest = min(lowest, p[0]), max(highest, p[1])
	}
	return lowest, highest
}
