package forecaster

import "math"

// A running keeps the newest values in order of time and, unless told not to, in order of size.
type running struct {
	recent []float32 // a ring; the next value goes to head
	head   int
	filled int
	sorted []float32
}

func newRunning(n int) running {
	return running{recent: make([]float32, n), sorted: make([]float32, 0, n)}
}

// unsorted makes a running that has no median.
func (r *running) unsorted() { r.sorted = nil }

// add takes a value, and returns the one that it pushes out, or 0.
func (r *running) add(v float32) (oldest float32) {
	full := r.filled == len(r.recent)
	if full {
		oldest = r.recent[r.head]
	} else {
		r.filled++
	}
	r.recent[r.head] = v
	if r.head++; r.head == len(r.recent) {
		r.head = 0
	}
	if cap(r.sorted) == 0 {
		return oldest
	}
	to := rank(r.sorted, v)
	if !full {
		r.sorted = r.sorted[:r.filled]
		copy(r.sorted[to+1:], r.sorted[to:])
	} else if from := rank(r.sorted, oldest); from < to {
		// Only what lies between the two values moves, most often little.
		to--
		copy(r.sorted[from:to], r.sorted[from+1:to+1])
	} else {
		copy(r.sorted[to+1:from+1], r.sorted[to:from])
	}
	r.sorted[to] = v
	return oldest
}

// rank is how many values of sorted are less than v. It asks by the sign of a difference, not by a branch, which a
// processor would guess wrong half of the time.
func rank(sorted []float32, v float32) int {
	low := 0
	for n := len(sorted); n > 0; {
		half := (n + 1) / 2
		less := int(math.Float32bits(sorted[low+half-1]-v) >> 31)
		low += half & -less
		n -= half
	}
	return low
}

// median is the upper median of the values; otherwise, if there are none.
func (r *running) median(otherwise float64) float64 {
	if len(r.sorted) == 0 {
		return otherwise
	}
	return float64(r.sorted[len(r.sorted)/2])
}
