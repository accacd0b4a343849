// Package rolling keeps statistics of the newest values of a series up to date: their order and their straight line.
package rolling

import "math"

// A Median keeps the newest values in order of time and, until it is disabled, in order of size. A value takes time in
// proportion to how many others it overtakes in size, most often few.
type Median struct {
	recent []float32 // a ring; the next value goes to head
	head   int
	filled int
	sorted []float32
}

// NewMedian keeps up to n values, at least 1.
func NewMedian(n int) Median {
	return Median{recent: make([]float32, n), sorted: make([]float32, 0, n)}
}

// Disable stops sorting, to save time: from then on there is no order of size.
func (m *Median) Disable() { m.sorted = nil }

// Len returns how many values there are.
func (m *Median) Len() int { return m.filled }

// Recent returns the values, beginning with the oldest if a new round has just begun. It is valid until the next Add.
func (m *Median) Recent() []float32 { return m.recent }

// RoundBegins tells whether the last value was the n-th of a round of n.
func (m *Median) RoundBegins() bool { return m.head == 0 }

// Sorted returns the values in order of size, least first; nil if that is disabled. It is valid until the next Add.
func (m *Median) Sorted() []float32 { return m.sorted }

// Add takes a value, which must not be NaN, and returns the one that it pushes out, or 0.
func (m *Median) Add(v float32) (oldest float32) {
	full := m.filled == len(m.recent)
	if full {
		oldest = m.recent[m.head]
	} else {
		m.filled++
	}
	m.recent[m.head] = v
	if m.head++; m.head == len(m.recent) {
		m.head = 0
	}
	if cap(m.sorted) == 0 {
		return oldest
	}
	to := m.CountBelow(v)
	if !full {
		m.sorted = m.sorted[:m.filled]
		copy(m.sorted[to+1:], m.sorted[to:])
	} else if from := m.CountBelow(oldest); from < to {
		// Only what lies between the two values moves.
		to--
		copy(m.sorted[from:to], m.sorted[from+1:to+1])
	} else {
		copy(m.sorted[to+1:from+1], m.sorted[to:from])
	}
	m.sorted[to] = v
	return oldest
}

// CountBelow returns how many values are less than v. It compares by the sign of a difference, not by a branch, which a
// processor would guess wrong half of the time.
func (m *Median) CountBelow(v float32) int {
	low, sorted := 0, m.sorted
	for n := len(sorted); n > 0; {
		half := (n + 1) / 2
		less := int(math.Float32bits(sorted[low+half-1]-v) >> 31)
		low += half & -less
		n -= half
	}
	return low
}

// Median returns the upper median of the values; otherwise, if there are none or sorting is disabled.
func (m *Median) Median(otherwise float64) float64 {
	if len(m.sorted) == 0 {
		return otherwise
	}
	return float64(m.sorted[len(m.sorted)/2])
}
