// Package line finds the slope of values that go in a straight line.
package line

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

const (
	// differences is how many differences of values a slope is the median of. Chosen, not tuned.
	differences = 512
	// leastDifferences is how many of them there have to be. Guard: the median of fewer means nothing.
	leastDifferences = 20
	// tolerance is the part by which two slopes of a line may differ. Chosen, not tuned.
	tolerance = 1.0 / 2
)

// Slope returns the median slope, per place, of values that are so many places apart. NaN is no value. The slope is NaN
// if too few are known.
func Slope(values []float64, apart int, scratch *orderstat.Scratch) float64 {
	d := make([]float64, 0, 2*differences)
	for i := apart; i < len(values); i += max(1, (len(values)-apart)/differences) {
		if x := values[i] - values[i-apart]; x == x {
			d = append(d, x)
		}
	}
	if len(d) < leastDifferences {
		return math.NaN()
	}
	scratch.Sort64(d)
	return orderstat.Quantile(d, 0.5) / float64(apart)
}

// Keeps tells whether a slope of neighbouring values is also that of values so many places apart. That of a sawtooth is
// not, if it goes back to where it began within that.
func Keeps(slope float64, values []float64, apart int, scratch *orderstat.Scratch) bool {
	return math.Abs(Slope(values, apart, scratch)-slope) <= tolerance*math.Abs(slope)
}
