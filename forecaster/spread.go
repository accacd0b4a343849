package forecaster

import "math"

// A spread follows how uncertain a series is: how restless it has been of late, and at which times of the day it
// strays from the usual day.
type spread struct {
	rates            [3]float64
	restless, normal float64 // exponential means of the size of changes, over hours and over days
	near             float64 // of the size of departures from the usual day, over the last hour
	bySlot           []float32
	mean             float64 // of bySlot
	closed           int
	lag              int // steps that near is behind
}

const (
	restlessHalfLife = 120 // minutes, as the other two
	normalHalfLife   = 2 * 24 * 60
	nearHalfLife     = 45
	nearLag          = 30
	spreadBlend      = 0.25 // weight of the newest day
	spreadFloor      = 0.2  // of the mean, added to either side of a ratio
	levelFloor       = 0.05 // the same, of levels
)

func newSpread(w *window, slots int) spread {
	return spread{
		rates:  [3]float64{w.decay(restlessHalfLife), w.decay(normalHalfLife), w.decay(nearHalfLife)},
		bySlot: make([]float32, slots),
		lag:    int(nearLag / w.minutes),
	}
}

func (s *spread) step(change, departure float64, now int) {
	change, departure = math.Abs(change), math.Abs(departure)
	if now == 1 {
		s.restless, s.normal = change, change
	}
	s.restless += s.rates[0] * (change - s.restless)
	s.normal += s.rates[1] * (change - s.normal)
	s.near += s.rates[2] * (departure - s.near)
}

func (s *spread) close(slot int) {
	v := float32(s.near)
	if s.closed > 2*len(s.bySlot) {
		v = s.bySlot[slot] + spreadBlend*(v-s.bySlot[slot])
	}
	s.closed++
	s.mean += (float64(v) - s.mean) / float64(len(s.bySlot))
	s.bySlot[slot] = v
}

// A scale says how much larger than usual errors are to be expected, as logarithms: from the last hours, from the time of
// day, and from the level that is forecast.
type scale struct{ recent, daily, level float64 }

// An exponent says how far each part of a scale is followed.
type exponent struct{ recent, daily, level float64 }

func (e exponent) of(s scale) float64 {
	if e == (exponent{}) {
		return 1
	}
	return math.Exp(e.recent*s.recent + e.daily*s.daily + e.level*s.level)
}

// logRatio compares a with a mean, to both of which a share of the mean is added.
func logRatio(a, mean, share float64) float64 {
	if mean <= 0 {
		return 0
	}
	return math.Log((a + share*mean) / (mean * (1 + share)))
}

// scale at lead l, where median is forecast.
func (s *state) scale(l *lead, median float64) scale {
	at := s.uncertain(l)
	at.level = s.level(median, s.weekMean)
	return at
}

// uncertain is the scale at lead l, whatever is forecast.
func (s *state) uncertain(l *lead) scale {
	slot := s.clock.slot(s.now+l.h+s.spread.lag, s.day.period, s.day.length)
	return scale{
		recent: logRatio(s.spread.restless, s.spread.normal, spreadFloor),
		daily:  logRatio(float64(s.spread.bySlot[slot]), s.spread.mean, spreadFloor),
	}
}

// level compares how far a forecast and a usual value are from the ends of the range that values can have: what is
// multiplied strays in proportion to its distance from 0, a share in proportion to the product of its distances from
// both ends.
func (s *state) level(median, usual float64) float64 {
	if !s.scales {
		return 0
	}
	room := func(v float64) float64 { return max(v-s.zero, 0) * max(s.most-v, 0) }
	if math.IsInf(s.most, 1) {
		room = func(v float64) float64 { return max(v-s.zero, 0) }
	}
	return logRatio(room(median), room(usual), levelFloor)
}

// exponents are what can be chosen from; the first one is kept unless another is clearly better.
var exponents = [...]exponent{
	{}, {recent: 0.5}, {recent: 1}, {daily: 0.5}, {daily: 1}, {recent: 0.5, daily: 0.5},
	{level: 0.5}, {level: 1}, {recent: 0.5, level: 0.5}, {recent: 0.5, level: 1},
}

const clearlyBetter = 0.97

// A sampled is a set of errors with the scale that was expected of each.
type sampled []scaledError

type scaledError struct {
	weighted
	scale scale
}

// scaled divides the errors by their scales to the power that fits them best, as errors of a Laplace distribution, and
// returns that.
func (s sampled) scaled() exponent {
	total, mean := 0.0, scale{}
	for _, e := range s {
		total += e.weight
		mean.recent += e.weight * e.scale.recent
		mean.daily += e.weight * e.scale.daily
		mean.level += e.weight * e.scale.level
	}
	if total == 0 || mean == (scale{}) {
		return exponent{}
	}
	var sums [len(exponents)]float64
	for _, e := range s {
		// The roots of the ratios: of them all powers are made.
		recent, daily, level := math.Exp(-e.scale.recent/2), math.Exp(-e.scale.daily/2), math.Exp(-e.scale.level/2)
		size := e.weight * math.Abs(e.value)
		for k, factor := range [len(exponents)]float64{
			1, recent, recent * recent, daily, daily * daily, recent * daily,
			level, level * level, recent * level, recent * level * level,
		} {
			sums[k] += size * factor
		}
	}
	best, least := exponent{}, math.Inf(1)
	for k, x := range exponents {
		loss := math.Log(sums[k]/total) + (x.recent*mean.recent+x.daily*mean.daily+x.level*mean.level)/total
		if k > 0 {
			loss -= math.Log(clearlyBetter)
		}
		if loss < least {
			best, least = x, loss
		}
	}
	if best == (exponent{}) {
		return best
	}
	for i := range s {
		s[i].value /= best.of(s[i].scale)
	}
	return best
}

func (s sampled) sample() sample {
	out := make(sample, len(s))
	for i, e := range s {
		out[i] = e.weighted
	}
	return out
}
