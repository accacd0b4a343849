package scorer

import (
	"math"
	"slices"
)

var nan32 = float32(math.NaN())

// window keeps the last values of a series in order of size, so that their median costs nothing.
type window struct {
	ring   []float32 // by time; NaN = no value
	sorted []float32
	oldest int
}

func newWindow(size int) window {
	w := window{ring: make([]float32, size), sorted: make([]float32, 0, size)}
	for i := range w.ring {
		w.ring[i] = nan32
	}
	return w
}

// push replaces the oldest value by v; NaN takes a place without a value.
func (w *window) push(v float32) {
	if old := w.ring[w.oldest]; old == old {
		i, _ := slices.BinarySearch(w.sorted, old)
		w.sorted = slices.Delete(w.sorted, i, i+1)
	}
	if v == v {
		i, _ := slices.BinarySearch(w.sorted, v)
		w.sorted = slices.Insert(w.sorted, i, v)
	}
	w.ring[w.oldest] = v
	if w.oldest++; w.oldest == len(w.ring) {
		w.oldest = 0
	}
}

// median is NaN while the window holds less than an eighth of what it could.
func (w *window) median() float32 {
	n := len(w.sorted)
	if n == 0 || 8*n < len(w.ring) {
		return nan32
	}
	return (w.sorted[(n-1)/2] + w.sorted[n/2]) / 2
}

// median of the few values in v, which it sorts.
func median(v []float32) float32 {
	for i := 1; i < len(v); i++ { // insertion sort: v holds a handful
		for j := i; j > 0 && v[j] < v[j-1]; j-- {
			v[j], v[j-1] = v[j-1], v[j]
		}
	}
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

// quantile of ascending values, by the nearest.
func quantile[T float32 | float64](sorted []T, q float64) T {
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}
