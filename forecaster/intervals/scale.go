package intervals

import (
	"math"
	"slices"
)

// A Scale says how much larger than usual an error is expected to be, as logarithms of ratios, by three signs: how
// volatile the series has been in the last hours, the time of day, and the level that is forecast.
type Scale struct{ Recent, Daily, Level float64 }

// An Exponent says how far each part of a Scale is followed. The zero value follows none.
type Exponent struct{ Recent, Daily, Level float64 }

// Factor returns the ratio of errors with scale s to usual ones.
func (e Exponent) Factor(s Scale) float64 {
	if e == (Exponent{}) {
		return 1
	}
	return math.Exp(e.Recent*s.Recent + e.Daily*s.Daily + e.Level*s.Level)
}

// exponents are the powers to choose from; the first one is kept unless another is better by MinImprovement. They are
// chosen, not tuned. On the hourly series of the M4 competition, MSIS was 5.99 without Recent and Daily and 5.74 with
// them, and 5.735 without Level and 5.720 with it (docs/accuracy.md, "What was tried").
var exponents = [...]Exponent{
	{},
	{Recent: 0.5},
	{Recent: 1},
	{Daily: 0.5},
	{Daily: 1},
	{Recent: 0.5, Daily: 0.5},
	{Level: 0.5},
	{Level: 1},
	{Recent: 0.5, Level: 0.5},
	{Recent: 0.5, Level: 1},
}

// MinImprovement is the largest ratio of losses at which a more complex alternative replaces the plain one. Guard: a
// smaller gain may be chance. 0.97 is chosen, not tuned.
const MinImprovement = 0.97

// A ScaledError is an error with the scale that was expected of it.
type ScaledError struct {
	WeightedError
	Scale Scale

	root roots
}

// roots are those of the ratios that a Scale is of, of the usual size to the expected one; 0: not asked for yet.
type roots struct{ recent, daily, level float64 }

// ScaledErrors is a set of errors, each with its scale.
type ScaledErrors []ScaledError

// Normalize divides the errors by their scales to the power that makes them most alike, and returns that power.
func (s ScaledErrors) Normalize() Exponent {
	best := s.exponent()
	if best == (Exponent{}) {
		return best
	}
	for i := range s {
		s[i].Value /= best.Factor(s[i].Scale)
	}
	return best
}

// exponent returns the power of scales that makes errors most alike: the one of the least log likelihood loss if errors
// are Laplace distributed. Without weights or scales it is zero.
func (s ScaledErrors) exponent() Exponent {
	total, sum := s.totals()
	if total == 0 || sum == (Scale{}) {
		return Exponent{}
	}
	sizes := s.sizes()
	best, least := Exponent{}, math.Inf(1)
	for k, x := range exponents {
		loss := math.Log(sizes[k]/total) + (x.Recent*sum.Recent+x.Daily*sum.Daily+x.Level*sum.Level)/total
		if k > 0 {
			loss -= math.Log(MinImprovement)
		}
		if loss < least {
			best, least = x, loss
		}
	}
	return best
}

// totals returns the weight of all errors, and the weighted sum of their scales.
func (s ScaledErrors) totals() (weight float64, scale Scale) {
	for _, e := range s {
		weight += e.Weight
		scale.Recent += e.Weight * e.Scale.Recent
		scale.Daily += e.Weight * e.Scale.Daily
		scale.Level += e.Weight * e.Scale.Level
	}
	return weight, scale
}

// sizes returns, for each of exponents, the weighted sum of the sizes of errors divided by their scale to that power.
func (s ScaledErrors) sizes() (sums [len(exponents)]float64) {
	for i := range s {
		e := &s[i]
		if e.root == (roots{}) {
			e.root = roots{math.Exp(-e.Scale.Recent / 2), math.Exp(-e.Scale.Daily / 2), math.Exp(-e.Scale.Level / 2)}
		}
		// All powers are products of the roots.
		recent, daily, level := e.root.recent, e.root.daily, e.root.level
		size := e.Weight * math.Abs(e.Value)
		for k, factor := range [len(exponents)]float64{
			1, recent, recent * recent, daily, daily * daily, recent * daily,
			level, level * level, recent * level, recent * level * level,
		} {
			sums[k] += size * factor
		}
	}
	return sums
}

// Sample returns the errors without their scales, in room if it has the capacity.
func (s ScaledErrors) Sample(room Sample) Sample {
	out := slices.Grow(room[:0], len(s))[:len(s)]
	for i := range s {
		out[i] = s[i].WeightedError
	}
	return out
}

// Table returns the quantiles of the errors divided by their scale, and the power of the scale. So many of the errors
// are of times that do not overlap: where these are few, the quantiles are further from the median.
func (s ScaledErrors) Table(apart float64) (Exponent, QuantileTable) {
	x, out := s.exponent(), s.Sample(nil)
	for i := range out {
		out[i].Value /= x.Factor(s[i].Scale)
	}
	out.sort()
	t := out.quantiles()
	t.widen(widening(apart))
	return x, t
}
