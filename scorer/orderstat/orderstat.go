// Package orderstat has the order statistics of the scorer: medians, quantiles and rolling medians.
//
// NaN stands for a missing value. Unless a comment says otherwise, arguments must not contain it.
package orderstat

import (
	"math"
	"slices"
)

// Median returns the median of a few values, at least one, and sorts them. It is an insertion sort: up to a dozen
// values are sorted faster than by package slices, and nothing is allocated.
func Median(values []float32) float32 {
	for i := 1; i < len(values); i++ {
		for j := i; j > 0 && values[j] < values[j-1]; j-- {
			values[j], values[j-1] = values[j-1], values[j]
		}
	}
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// Quantile returns the value nearest to the q-quantile of ascending values, of which there is at least one; q is 0 to
// 1.
func Quantile[T float32 | float64](sorted []T, q float64) T {
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

// Spread is half the distance from the first to the last decile of ascending values: robust, and of the size of a
// standard deviation. Scores do not depend on it but for rounding. Where it is 0, it is half of the range, or else 1.
func Spread(sorted []float64) float64 {
	scale := Quantile(sorted, 0.9)/2 - Quantile(sorted, 0.1)/2
	if scale == 0 {
		scale = sorted[len(sorted)-1]/2 - sorted[0]/2
	}
	if scale == 0 {
		scale = 1
	}
	return scale
}

// minShare is the part of a rolling window that has to be filled before its median means anything. Chosen, not tuned:
// of the scorer's 16 hours it is 2 hours.
const minShare = 1.0 / 8

// RollingMedian keeps the newest values of a series, also in order of size, so that their median costs nothing.
type RollingMedian struct {
	ring   []float32 // in order of time; NaN where a value is missing
	sorted []float32 // the values in the ring
	oldest int       // index in ring
}

// NewRollingMedian returns an empty window for so many values.
func NewRollingMedian(size int) RollingMedian {
	r := RollingMedian{ring: make([]float32, size), sorted: make([]float32, 0, size)}
	for i := range r.ring {
		r.ring[i] = float32(math.NaN())
	}
	return r
}

// Push replaces the oldest value by v. A missing value, NaN, also takes a place.
func (r *RollingMedian) Push(v float32) {
	if old := r.ring[r.oldest]; old == old {
		i, _ := slices.BinarySearch(r.sorted, old)
		r.sorted = slices.Delete(r.sorted, i, i+1)
	}
	if v == v {
		i, _ := slices.BinarySearch(r.sorted, v)
		r.sorted = slices.Insert(r.sorted, i, v)
	}
	r.ring[r.oldest] = v
	if r.oldest++; r.oldest == len(r.ring) {
		r.oldest = 0
	}
}

// Reset empties the window.
func (r *RollingMedian) Reset() {
	for i := range r.ring {
		r.ring[i] = float32(math.NaN())
	}
	r.sorted, r.oldest = r.sorted[:0], 0
}

// Shift adds d to all values of the window.
func (r *RollingMedian) Shift(d float32) {
	for i := range r.ring {
		r.ring[i] += d
	}
	for i := range r.sorted {
		r.sorted[i] += d
	}
}

// Scale multiplies all values of the window by f, which is positive.
func (r *RollingMedian) Scale(f float32) {
	for i := range r.ring {
		r.ring[i] *= f
	}
	for i := range r.sorted {
		r.sorted[i] *= f
	}
}

// Len returns how many values the window holds.
func (r *RollingMedian) Len() int { return len(r.sorted) }

// Size returns how many values the window has room for.
func (r *RollingMedian) Size() int { return len(r.ring) }

// Median returns the median. It is NaN while less than an eighth of the window is filled.
func (r *RollingMedian) Median() float32 {
	n := len(r.sorted)
	if n == 0 || float64(n) < minShare*float64(len(r.ring)) {
		return float32(math.NaN())
	}
	low, high := r.Middle()
	return (low + high) / 2
}

// Middle returns the two values in the middle, which are the same one if their number is odd. There has to be a value.
func (r *RollingMedian) Middle() (low, high float32) {
	n := len(r.sorted)
	return r.sorted[(n-1)/2], r.sorted[n/2]
}
