// Package rolling keeps statistics of the newest values of a series up to date: their order and their straight line.
package rolling

import "slices"

// A Median keeps the newest values in order of time and, from when it is first asked for it, in order of size. A value
// then takes time in proportion to how many others it overtakes in size, most often few.
type Median struct {
	recent []float32 // a ring; the next value goes to head
	head   int
	filled int
	sorted []float32 // empty until it is asked for
}

// NewMedian keeps up to n values, at least 1.
func NewMedian(n int) Median { return Median{recent: make([]float32, n)} }

// Len returns how many values there are.
func (m *Median) Len() int { return m.filled }

// Recent returns the values, beginning with the oldest if a new round has just begun. It is valid until the next Add.
func (m *Median) Recent() []float32 { return m.recent }

// RoundBegins tells whether the last value was the n-th of a round of n.
func (m *Median) RoundBegins() bool { return m.head == 0 }

// Sorted returns the values in order of size, least first. It is valid until the next Add.
func (m *Median) Sorted() []float32 {
	if len(m.sorted) == 0 {
		m.sort()
	}
	return m.sorted
}

func (m *Median) sort() {
	m.sorted = append(make([]float32, 0, len(m.recent)), m.recent[:m.filled]...)
	slices.Sort(m.sorted)
}

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
	if len(m.sorted) == 0 {
		return oldest
	}
	if !full {
		to := m.CountBelow(v)
		m.sorted = m.sorted[:m.filled]
		copy(m.sorted[to+1:], m.sorted[to:])
		m.sorted[to] = v
		return oldest
	}
	to, from := m.countBelow(v, oldest)
	if from < to {
		// Only what lies between the two values moves.
		to--
		copy(m.sorted[from:to], m.sorted[from+1:to+1])
	} else {
		copy(m.sorted[to+1:from+1], m.sorted[to:from])
	}
	m.sorted[to] = v
	return oldest
}

// CountBelow returns how many values are less than v.
func (m *Median) CountBelow(v float32) int {
	less, _ := m.countBelow(v, v)
	return less
}

// countBelow returns how many values are less than v, and how many less than w. It compares each with three values at a
// time, which leaves a quarter of the rest: a binary search takes fewer comparisons, but each has to wait for the one
// before it. The two searches do not wait for each other.
func (m *Median) countBelow(v, w float32) (lessV, lessW int) {
	const few = 8
	sorted := m.Sorted()
	n := len(sorted) // of those after the ones that are less, none from the n-th on is
	for n > few {
		quarter := n / 4
		a, b := sorted[lessV:lessV+3*quarter], sorted[lessW:lessW+3*quarter]
		lessV += quarter * (below(a[quarter-1], v) + below(a[2*quarter-1], v) + below(a[3*quarter-1], v))
		lessW += quarter * (below(b[quarter-1], w) + below(b[2*quarter-1], w) + below(b[3*quarter-1], w))
		n -= 3 * quarter
	}
	for _, x := range sorted[lessV : lessV+n] {
		lessV += below(x, v)
	}
	for _, x := range sorted[lessW : lessW+n] {
		lessW += below(x, w)
	}
	return lessV, lessW
}

// below returns 1 if x is less than v, else 0. It is compiled to code without a branch, which a processor would guess
// wrong half of the time.
func below(x, v float32) int {
	if x < v {
		return 1
	}
	return 0
}

// Median returns the upper median of the values; otherwise, if there are none.
func (m *Median) Median(otherwise float64) float64 {
	if m.filled == 0 {
		return otherwise
	}
	return float64(m.Sorted()[m.filled/2])
}
