// Package intervals turns the errors of past forecasts into quantiles of the errors of future ones.
//
// The errors are out-of-sample: each was made by a forecast that did not know its target. Newer errors weigh more. The
// quantiles follow the split conformal rule, so no distribution is assumed. Where it fits past errors better, they are
// first divided by the Scale that was expected of them, so that intervals widen and narrow with the series.
package intervals

import "math"

// Offsets are the distances of quantiles from the central forecast of single steps, over the horizon. The zero value
// has no errors to go by: all distances are 0.
type Offsets struct {
	knots     []float64 // logarithms of the horizon in steps, ascending; one for each table
	logHours  float64   // logarithm of the hours of a step
	tables    []QuantileTable
	exponents []Exponent
}

// NewOffsets returns Offsets without any errors yet. knots are logarithms of the horizon in steps, ascending; minutes
// is the length of a step.
func NewOffsets(knots []float64, minutes float64) Offsets {
	return Offsets{knots: knots, logHours: math.Log(minutes / 60)}
}

// Add makes the table of the next knot from the errors s in order of time, which it sorts, and returns it. So many of
// them are of times that do not overlap. They were divided by their scales to the power e.
func (o *Offsets) Add(s Sample, apart float64, e Exponent) QuantileTable {
	t := s.blended(o.knots[len(o.tables)]+o.logHours, widening(s.independent(apart)))
	o.tables, o.exponents = append(o.tables, t), append(o.exponents, e)
	return t
}

// Repeat gives the next knot the table of the knot before it, for want of errors of its own.
func (o *Offsets) Repeat() {
	last := len(o.tables) - 1
	o.tables, o.exponents = append(o.tables, o.tables[last]), append(o.exponents, o.exponents[last])
}

// At returns the distance of quantile p from the central forecast, where errors have scale s. logSteps is the logarithm
// of the horizon in steps.
func (o *Offsets) At(logSteps, p float64, s Scale) float64 {
	if p == 0.5 || len(o.tables) == 0 {
		return 0
	}
	i, x := Interpolate(o.knots, logSteps)
	a := o.exponents[i].Factor(s) * o.tables[i].At(p)
	if x > 0 {
		a += x * (o.exponents[i+1].Factor(s)*o.tables[i+1].At(p) - a)
	}
	return a
}

// Interpolate finds where v lies among ascending knots: x of the way from knot i to the next. Outside of the knots the
// nearest one holds, with x = 0.
func Interpolate(knots []float64, v float64) (i int, x float64) {
	last := len(knots) - 1
	if v >= knots[last] {
		return last, 0
	}
	if v <= knots[0] {
		return 0, 0
	}
	for v >= knots[i+1] {
		i++
	}
	return i, (v - knots[i]) / (knots[i+1] - knots[i])
}

// Signed quantiles follow a skewed load and are better at short horizons. At long ones few errors are independent, so
// quantiles of the size of errors, used with both signs, are mixed in. A little inflation pays for levels that shift
// and for weights that were chosen on the same errors.
//
// Tuned with a prototype of this combination, over the horizons of the hourly series of the M4 competition: an 80 %
// interval held 79.7 % (signed alone 75.4 %, symmetric alone 77.3 %), a 95 % interval 95.6 % (93.6, 94.3). Inflation of
// 1.02 to 1.35 without symmetry held 84.8 %. A day ahead the inflation was 1.10 before the widening, with the same
// coverage.
var (
	horizonKnots      = [...]float64{math.Log(0.25), math.Log(1), math.Log(6), math.Log(24)} // of hours ahead
	symmetricWeight   = [...]float64{0, 0.5, 0.8, 0.8}
	intervalInflation = [...]float64{1, 1, 1.04, 1.08}
)

// blended makes the table of single steps from the errors s, which it sorts. logHours is the logarithm of the horizon
// in hours.
func (s Sample) blended(logHours, widening float64) (t QuantileTable) {
	s.sort()
	signed, even := s.quantiles(), s.symmetric()
	i, x := Interpolate(horizonKnots[:], logHours)
	g, inflate := symmetricWeight[i], intervalInflation[i]
	if x > 0 {
		g += x * (symmetricWeight[i+1] - g)
		inflate += x * (intervalInflation[i+1] - inflate)
	}
	inflate *= widening
	for k := range t {
		t[k] = float32(inflate * ((1-g)*float64(signed[k]) + g*float64(even[k])))
	}
	t[middle] = 0
	for k := middle + 1; k < numProbabilities; k++ {
		t[k] = max(t[k], t[k-1])
		j := numProbabilities - 1 - k
		t[j] = min(t[j], t[j+1])
	}
	return t
}

// widening returns how many times wider an interval has to be that rests on so many independent errors: the 0.9
// quantile of Student's t distribution over that of the normal one (Abramowitz and Stegun, "Handbook of Mathematical
// Functions", 1964, 26.7.5, to the second order).
func widening(independent float64) float64 {
	const z2 = 1.2816 * 1.2816
	free := max(independent-1, 1)
	return 1 + (z2+1)/(4*free) + (5*z2*z2+16*z2+3)/(96*free*free)
}

// independent returns how many independent errors s is worth, of which so many do not overlap. s is in order of time:
// independent errors change their sign half of the time, and those that have much in common keep it. Chosen on
// generated series of a few days, from white noise to a random walk.
func (s Sample) independent(apart float64) float64 {
	if len(s) == 0 {
		return 0
	}
	changes := 0
	for i := 1; i < len(s); i++ {
		if (s[i].Value > 0) != (s[i-1].Value > 0) {
			changes++
		}
	}
	n := float64(len(s))
	mixed := min(float64(2*changes)/n, 1)
	return apart * math.Pow(max(n/apart, 1), mixed*mixed*mixed)
}
