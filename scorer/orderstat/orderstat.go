// Package orderstat has the order statistics of the scorer: medians, quantiles and rolling medians.
//
// NaN stands for a missing value. Unless a comment says otherwise, arguments must not contain it.
package orderstat

import (
	"math"
	"slices"
)

// few is the number of values up to which they are sorted by comparing each with each. Chosen, not tuned; it must be a
// power of 2.
const few = 16

// MedianOf returns the median of what of returns for each element.
func MedianOf[T any](elements []T, of func(T) float32) float32 {
	values := make([]float32, len(elements))
	for i, e := range elements {
		values[i] = of(e)
	}
	return Median(values)
}

// Median returns the median of a few values, at least one, and sorts them. Nothing is allocated.
func Median(values []float32) float32 {
	sortFew(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// sortFew sorts a few values. The place of each is how many others are less, which is counted without a branch: an
// insertion sort compares half as often, and takes more than twice the time.
func sortFew(values []float32) {
	if len(values) > few {
		slices.Sort(values)
		return
	}
	var places [few]int
	for i, x := range values {
		place := i
		for j, y := range values[:i] {
			after := less(x, y)
			places[j] += after
			place -= after
		}
		places[i] = place
	}
	var sorted [few]float32
	for i, x := range values {
		sorted[places[i]%few] = x
	}
	copy(values, sorted[:])
}

// Quantile returns the value nearest to the q-quantile of ascending values, of which there is at least one; q is 0 to
// 1.
func Quantile[T float32 | float64](sorted []T, q float64) T {
	return sorted[QuantileIndex(len(sorted), q)]
}

// QuantileIndex returns the place of the q-quantile among n ascending values.
func QuantileIndex(n int, q float64) int { return int(q*float64(n-1) + 0.5) }

// LargestOfEach returns the largest of each n values in a row, in ascending order.
func LargestOfEach(values []float32, n int) (largest []float32) {
	for part := range slices.Chunk(values, n) {
		largest = append(largest, slices.Max(part))
	}
	slices.Sort(largest)
	return largest
}

// SizeQuantile returns the q-quantile of the absolute values of ascending values.
func SizeQuantile(sorted []float64, q float64) float64 {
	low, high := 0, len(sorted)-1
	for range len(sorted) - 1 - QuantileIndex(len(sorted), q) { // the largest is at either end
		if -sorted[low] > sorted[high] {
			low++
		} else {
			high--
		}
	}
	return max(-sorted[low], sorted[high])
}

// Mean is computed as a running mean, which cannot overflow.
func Mean(values []float64) float64 {
	m := 0.0
	for i, x := range values {
		m += (x - m) / float64(i+1)
	}
	return m
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

// ShortestWidth returns the width of the shortest interval that holds more than a share of sorted values, as the shorth
// does of half of them (Andrews and others, "Robust Estimates of Location", 1972); +Inf if there are none.
func ShortestWidth(sorted []float32, share float64) float32 {
	n, width := int(share*float64(len(sorted))), float32(math.Inf(1))
	for i := n; i < len(sorted); i++ {
		width = min(width, sorted[i]-sorted[i-n])
	}
	return width
}
