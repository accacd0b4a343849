package orderstat

import (
	"iter"
	"math"
	"slices"
)

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
	old := r.ring[r.oldest]
	r.ring[r.oldest] = v
	if r.oldest++; r.oldest == len(r.ring) {
		r.oldest = 0
	}
	s := r.sorted
	switch {
	case old != old && v != v:
	case old != old:
		r.sorted = slices.Insert(s, place(s, v), v)
	case v != v:
		i := place(s, old)
		r.sorted = slices.Delete(s, i, i+1)
	case v > old: // moves the ones between
		i, to := place(s, old), place(s, v)-1
		copy(s[i:to], s[i+1:])
		s[to] = v
	default:
		i, to := place(s, old), place(s, v)
		copy(s[to+1:i+1], s[to:i])
		s[to] = v
	}
}

// place returns the place of the first of ascending values that is not less than v: it counts the blocks that are less,
// and then the values of the next one. A binary search takes fewer steps, but the processor guesses half of them wrong.
func place(sorted []float32, v float32) int {
	const block = 16
	n := 0
	for last := block - 1; last < len(sorted); last += block {
		n += block * less(sorted[last], v)
	}
	for _, x := range sorted[n:min(n+block, len(sorted))] {
		n += less(x, v)
	}
	return n
}

// less returns 1 if x is less than v, else 0. It is compiled to code without a branch.
func less(x, v float32) int {
	if x < v {
		return 1
	}
	return 0
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

// All yields the values of the window in order of time.
func (r *RollingMedian) All() iter.Seq[float32] {
	return func(yield func(float32) bool) {
		for i := range r.ring {
			if v := r.ring[(r.oldest+i)%len(r.ring)]; v == v && !yield(v) {
				return
			}
		}
	}
}

// Median returns the median. It is NaN while less than an eighth of the window is filled.
func (r *RollingMedian) Median() float32 {
	n := len(r.sorted)
	if n == 0 || float64(n) < minShare*float64(len(r.ring)) {
		return float32(math.NaN())
	}
	low, high := r.Middle()
	return (low + high) / 2
}

// MedianDeviation returns the median distance from a value; 0 if the window is empty.
func (r *RollingMedian) MedianDeviation(from float32) (d float32) {
	low, high := 0, len(r.sorted)-1
	for range (len(r.sorted) + 1) / 2 { // what is farthest is at either end
		below, above := from-r.sorted[low], r.sorted[high]-from
		if d = max(below, above); below > above {
			low++
		} else {
			high--
		}
	}
	return d
}

// Middle returns the two values in the middle, which are the same one if their number is odd. There has to be a value.
func (r *RollingMedian) Middle() (low, high float32) {
	n := len(r.sorted)
	return r.sorted[(n-1)/2], r.sorted[n/2]
}
