// Package composition says how a season and a level make the value that is expected.
package composition

import (
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/envelope"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/level"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

const (
	// unitGain is the part of the same deviations that those in a unit that grows with the expected value may have for it
	// to be taken: else nights become more sensitive for little.
	unitGain = 0.8
	// TypicalQuantile is the quantile of deviations that stands for all of them there: the hours in which the level
	// follows a change are not noise, and the median of counts is often 0.
	TypicalQuantile = 0.8

	// telling is how large the season must be, as a part of the mean value, so that its quotient with a value tells the
	// level. Chosen, not tuned: where next to nothing is expected, the quotient is noise.
	telling = 1.0 / 4
	// unitFloor bounds the unit of small expected values: it is at least that of this part of the mean value. Chosen, not
	// tuned: one request more or less at night says nothing.
	unitFloor = 1.0 / 20
	// Outage is the level below which nothing is left of the shape of a season. Chosen, not tuned.
	Outage = 1.0 / 8
)

// A Composition says how season and level make the expected value. They are added, if a level of 100 more is 100 more
// at any time of day. They are multiplied, if it is half as much again at any time of day. Noise may then grow with the
// expected value, and deviations count in units that do.
type Composition struct {
	Multiplied  bool
	zero        float32 // the scaled value of 0
	tells       float32 // how far the season is from 0 where it tells the level
	floor, Gain float32 // of the unit; Gain 0: the unit is 1
}

// Neutral returns the level at which the season is expected as it is.
func (c *Composition) Neutral() float32 {
	if c.Multiplied {
		return 1
	}
	return 0
}

// Join returns what is expected.
func (c *Composition) Join(season, level float32) float32 {
	if c.Multiplied {
		return c.zero + (season-c.zero)*level
	}
	return season + level
}

// Without returns the value x as it would be at the neutral level; NaN if that is not known.
func (c *Composition) Without(x, level float32) float32 {
	switch {
	case !c.Multiplied:
		return x - level
	case level < Outage:
		return float32(math.NaN())
	}
	return c.zero + (x-c.zero)/level
}

// LevelOf returns the level at which x is expected.
func (c *Composition) LevelOf(x, season float32) float32 {
	if c.Multiplied {
		return (x - c.zero) / (season - c.zero)
	}
	return x - season
}

// Difference returns the level that leads from one level to another.
func (c *Composition) Difference(to, from float32) float32 {
	if c.Multiplied {
		return to / from
	}
	return to - from
}

// At returns an interval at a level.
func (c *Composition) At(i envelope.Interval, level float32) envelope.Interval {
	return envelope.Interval{Low: c.Join(i.Low, level), High: c.Join(i.High, level)}
}

// Lost tells whether a season cannot move with the level.
func (c *Composition) Lost(from, to float32) bool {
	return c.Multiplied && !(from > Outage*to && to > Outage*from)
}

// Unit returns how large a deviation from an expected value is that counts as 1.
func (c *Composition) Unit(expected float32) float32 {
	if c.Gain == 0 || expected != expected {
		return 1
	}
	return c.floor + c.Gain*max(expected-c.zero, 0)
}

// Tells tells whether a slot with this value of the season tells the level.
func (c *Composition) Tells(season float32) bool { return !(c.Multiplied && season-c.zero < c.tells) }

// LevelUnit returns how large a deviation of the level is that counts as 1, where unit is one of the value.
func (c *Composition) LevelUnit(unit, season float32) float32 {
	if c.Multiplied {
		return unit / (season - c.zero)
	}
	return unit
}

// Take makes a level learn from the value x.
func (c *Composition) Take(l *level.Level, x, season float32) (from float32, moved bool) {
	if !c.Tells(season) {
		return l.Pass()
	}
	unit, former := c.LevelUnit(c.Unit(c.Join(season, l.Now()))*l.Noise(), season), float32(1)
	if old := l.Before(); old == old {
		former = c.LevelUnit(c.Unit(c.Join(season, old)), season)
	}
	return l.Push(c.LevelOf(x, season), unit, former)
}

// MoveLevel makes a level that of values whose season has moved with it from one to another.
func (c *Composition) MoveLevel(l *level.Level, from, to float32) {
	if c.Multiplied {
		l.Scale(from / to)
		return
	}
	l.Shift(from - to)
}

// Added returns the composition of a season and a level that are added.
func Added(zero float32) Composition { return Composition{zero: zero} }

// Multiplied returns the composition of a season and a level that are multiplied, where values are usual above 0.
func Multiplied(zero, usual float32) Composition {
	return Composition{Multiplied: true, zero: zero, tells: telling * usual}
}

// Noise is how far a value was from what season and level made expected.
type Noise struct{ Expected, Deviation float32 }

// FitUnit lets the unit grow with the expected value if deviations are clearly smaller then: typical ones, and the
// largest of most days. It tells whether it does. The noise is in order of time, of so many slots a day. Values are
// usual above 0. Nights in which nothing ever happens say nothing of noise.
func (c *Composition) FitUnit(noise []Noise, perDay int, usual float32) bool {
	noise = slices.DeleteFunc(slices.Clone(noise), func(n Noise) bool { return n.Deviation == 0 })
	if len(noise) < perDay {
		return false
	}
	var scratch orderstat.Scratch
	grows := *c
	if grows.fitUnit(noise, usual, &scratch); grows.Gain == 0 {
		return false
	}
	typical, large := c.deviationsIn(noise, perDay, &scratch)
	if t, l := grows.deviationsIn(noise, perDay, &scratch); !(t < unitGain*typical && l < unitGain*large) {
		return false
	}
	*c = grows
	return true
}

// MeanDeviation returns the mean deviation in units.
func (c *Composition) MeanDeviation(noise []Noise) float64 {
	sum := 0.0
	for _, n := range noise {
		sum += float64(n.Deviation / c.Unit(n.Expected))
	}
	return sum / float64(len(noise))
}

// deviationsIn returns a typical deviation in units, and the median of the largest ones of days. It scales the unit so
// that its geometric mean is 1. So the smaller one of two is the more likely one (Box and Cox, "An analysis of
// transformations", Journal of the Royal Statistical Society B, 1964).
func (c *Composition) deviationsIn(
	noise []Noise, perDay int, scratch *orderstat.Scratch,
) (typical, large float64) {
	logs, d := 0.0, make([]float32, len(noise))
	for i, n := range noise {
		unit := c.Unit(n.Expected)
		d[i] = n.Deviation / unit
		if c.Gain > 0 {
			logs += math.Log(float64(unit))
		}
	}
	mean := math.Exp(logs / float64(len(noise)))
	c.floor, c.Gain = c.floor/float32(mean), c.Gain/float32(mean)
	large = float64(orderstat.Median(orderstat.LargestOfEach(d, perDay))) * mean
	scratch.Sort(d)
	return float64(orderstat.Quantile(d, TypicalQuantile)) * mean, large
}

// fitUnit makes the unit grow in a straight line through two points: the median deviation of the half of the steps with
// lower expected values, and that of the other half. It leaves the unit alone if it would not grow.
func (c *Composition) fitUnit(noise []Noise, usual float32, scratch *orderstat.Scratch) {
	all := make([]float32, len(noise))
	for i, n := range noise {
		all[i] = n.Expected
	}
	scratch.Sort(all)
	middle := orderstat.Quantile(all, 0.5)
	var expected, deviation [2]float32
	for half := range expected {
		part := all[:0]
		for _, n := range noise {
			if (n.Expected > middle) == (half == 1) {
				part = append(part, n.Deviation)
				expected[half] += n.Expected - c.zero
			}
		}
		if len(part) == 0 {
			return
		}
		expected[half] /= float32(len(part))
		scratch.Sort(part)
		deviation[half] = orderstat.Quantile(part, 0.5)
	}
	if gain := (deviation[1] - deviation[0]) / (expected[1] - expected[0]); gain > 0 && gain < float32(math.Inf(1)) {
		c.Gain, c.floor = gain, max(deviation[0]-gain*expected[0], unitFloor*gain*usual)
	}
}
