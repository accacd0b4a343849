package baseline

import (
	"cmp"
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/envelope"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/level"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/season"
)

const (
	// The next three were tuned together, on the developing series (test/accuracy anomaly) and on generated ones.
	//
	// multipliedGain is the part of other deviations that those from a season times a level may have for it to be taken:
	// where it hardly matters, season and level are added.
	multipliedGain = 0.9
	// unitGain is the part of the same deviations that those in a unit that grows with the expected value may have for it
	// to be taken: else nights become more sensitive for little.
	unitGain = 0.8
	// typicalQuantile is the quantile of deviations that stands for all of them there: the hours in which the level
	// follows a change are not noise, and the median of counts is often 0.
	typicalQuantile = 0.8

	// telling is how large the season must be, as a part of the mean value, so that its quotient with a value tells the
	// level. Chosen, not tuned: where next to nothing is expected, the quotient is noise.
	telling = 1.0 / 4
	// unitFloor bounds the unit of small expected values: it is at least that of this part of the mean value. Chosen, not
	// tuned: one request more or less at night says nothing.
	unitFloor = 1.0 / 20
	// outage is the level below which nothing is left of the shape of a season. Chosen, not tuned.
	outage = 1.0 / 8
	// farFromZero is how many times its usual range a series is away from 0 where it makes no difference (guard).
	farFromZero = 10
)

// A composition says how season and level make the expected value. They are added, if a level of 100 more is 100 more
// at any time of day. They are multiplied, if it is half as much again at any time of day. Noise may then grow with the
// expected value, and deviations count in units that do.
type composition struct {
	multiplied  bool
	zero        float32 // the scaled value of 0
	tells       float32 // how far the season is from 0 where it tells the level
	floor, gain float32 // of the unit; gain 0: the unit is 1
}

// neutral returns the level at which the season is expected as it is.
func (c *composition) neutral() float32 {
	if c.multiplied {
		return 1
	}
	return 0
}

// join returns what is expected.
func (c *composition) join(season, level float32) float32 {
	if c.multiplied {
		return c.zero + (season-c.zero)*level
	}
	return season + level
}

// without returns the value x as it would be at the neutral level; NaN if that is not known.
func (c *composition) without(x, level float32) float32 {
	switch {
	case !c.multiplied:
		return x - level
	case level < outage:
		return nan32
	}
	return c.zero + (x-c.zero)/level
}

// levelOf returns the level at which x is expected.
func (c *composition) levelOf(x, season float32) float32 {
	if c.multiplied {
		return (x - c.zero) / (season - c.zero)
	}
	return x - season
}

// difference returns the level that leads from one level to another.
func (c *composition) difference(to, from float32) float32 {
	if c.multiplied {
		return to / from
	}
	return to - from
}

// at returns an interval at a level.
func (c *composition) at(i envelope.Interval, level float32) envelope.Interval {
	return envelope.Interval{Low: c.join(i.Low, level), High: c.join(i.High, level)}
}

// lost tells whether a season cannot move with the level.
func (c *composition) lost(from, to float32) bool {
	return c.multiplied && !(from > outage*to && to > outage*from)
}

// unit returns how large a deviation from an expected value is that counts as 1.
func (c *composition) unit(expected float32) float32 {
	if c.gain == 0 || expected != expected {
		return 1
	}
	return c.floor + c.gain*max(expected-c.zero, 0)
}

// teaches tells whether the level learns from a slot, given the season's value of it.
func (c *composition) teaches(of seasonValue) bool {
	return !of.holiday && !(c.multiplied && of.value-c.zero < c.tells)
}

// levelUnit returns how large a deviation of the level is that counts as 1, where unit is one of the value.
func (c *composition) levelUnit(unit, season float32) float32 {
	if c.multiplied {
		return unit / (season - c.zero)
	}
	return 1
}

// take makes a level learn from the value x.
func (c *composition) take(l *level.Level, x, season float32) (from float32, moved bool) {
	if c.multiplied && season-c.zero < c.tells {
		return l.Pass()
	}
	return l.Push(c.levelOf(x, season), c.levelUnit(c.unit(c.join(season, l.Now())), season))
}

// moveLevel makes a level that of values whose season has moved with it from one to another.
func (c *composition) moveLevel(l *level.Level, from, to float32) {
	if c.multiplied {
		l.Scale(from / to)
		return
	}
	l.Shift(from - to)
}

// chooseComposition multiplies season and level if deviations are clearly smaller then.
func (b *Backtest) chooseComposition() {
	s := b.series
	zero := s.Scaled(s.origin, 0)
	if b.season.Days == 0 || s.slope != 0 || !(zero < 0 && zero > -farFromZero) {
		return
	}
	sum := 0.0
	for at := range b.Positions(0) {
		x := b.Values[at.Index]
		if x < zero {
			return
		}
		if x == x {
			sum += float64(x - zero)
		}
	}
	usual := float32(sum / float64(b.Learned))
	c := composition{multiplied: true, zero: zero, tells: telling * usual}
	test := b.follow(b.season, b.seasonal, &c)
	noise, multiplied, added := b.noiseOf(&test)
	if len(noise) < MinValues || !(multiplied < multipliedGain*added) {
		return
	}
	grows := c
	grows.fitUnit(noise, usual)
	if grows.typicalDeviation(noise) < unitGain*c.typicalDeviation(noise) {
		c = grows
	}
	b.added = b.choice
	b.composition, b.seasonTest = c, test
}

// noisy is how far a value was from what a season times a level made expected.
type noisy struct{ expected, deviation float32 }

// noiseOf returns deviations of the steps by which seasons are chosen, their sum, and that of the same steps where
// season and level are added. Outages do not count: a level of 0 explains them whatever the season is.
func (b *Backtest) noiseOf(test *seasonTest) (noise []noisy, multiplied, added float64) {
	from := len(b.Values) - b.series.Grid.Steps(choiceWindow)
	noise = make([]noisy, 0, b.count)
	for at := range b.Positions(0) {
		if at.Index < from || !(test.levels[at.Slot] >= outage) {
			continue
		}
		x, e := b.Values[at.Index], test.expected[at.Slot]
		d, other := min(abs(x-e), season.MaxDeviation), min(abs(x-b.expected[at.Slot]), season.MaxDeviation)
		if d == d && other == other {
			noise = append(noise, noisy{e, d})
			multiplied, added = multiplied+float64(d), added+float64(other)
		}
	}
	return noise, multiplied, added
}

// typicalDeviation returns a typical deviation in units, and scales the unit so that its geometric mean is 1. So the
// smaller one of two is the more likely one (Box and Cox, "An analysis of transformations", Journal of the Royal
// Statistical Society B, 1964).
func (c *composition) typicalDeviation(noise []noisy) float64 {
	logs, d := 0.0, make([]float32, len(noise))
	for i, n := range noise {
		unit := c.unit(n.expected)
		d[i] = n.deviation / unit
		logs += math.Log(float64(unit))
	}
	orderstat.Sort(d)
	typical := math.Exp(logs / float64(len(noise)))
	c.floor, c.gain = c.floor/float32(typical), c.gain/float32(typical)
	return float64(orderstat.Quantile(d, typicalQuantile)) * typical
}

// fitUnit makes the unit grow in a straight line through two points: the median deviation of the half of the steps with
// lower expected values, and that of the other half. It leaves the unit alone if it would not grow.
func (c *composition) fitUnit(noise []noisy, usual float32) {
	slices.SortFunc(noise, func(a, b noisy) int { return cmp.Compare(a.expected, b.expected) })
	var expected, deviation [2]float32
	half := len(noise) / 2
	for i, part := range [...][]noisy{noise[:half], noise[half:]} {
		d := make([]float32, len(part))
		for k, n := range part {
			d[k] = n.deviation
			expected[i] += (n.expected - c.zero) / float32(len(part))
		}
		orderstat.Sort(d)
		deviation[i] = orderstat.Quantile(d, 0.5)
	}
	if gain := (deviation[1] - deviation[0]) / (expected[1] - expected[0]); gain > 0 && gain < infinite {
		c.gain, c.floor = gain, max(deviation[0]-gain*expected[0], unitFloor*gain*usual)
	}
}
