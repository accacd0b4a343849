package orderstat

import (
	"math"
	"math/bits"
	"slices"
)

// RollingMedians finds the medians of windows over values that are all known beforehand: in a quarter of the time that
// it takes to push them into a RollingMedian. The zero value is ready, and keeps its memory for the next values.
//
// The values are sorted once. A window is then a set of ranks, which has a bit for each. As it moves by a value, the
// rank of its median moves to the next or the previous bit, if at all.
type RollingMedians struct {
	keys   []uint64 // key and index of the values
	sorted []uint64 // the half of keys that is in order
	ranks  []uint32 // by index; missing: no value

	window []uint64 // bits by rank
	n      int      // of the window
	middle uint32   // the rank of its median, of the lower one of two
	below  int      // ranks of the window below that
}

const missing = math.MaxUint32

// Of returns what the median of a RollingMedian of that size is before each of the values is pushed, and after the
// last: one more than there are values.
func (m *RollingMedians) Of(values []float32, size int) []float32 {
	m.sort(values)
	m.window = append(m.window[:0], make([]uint64, len(m.sorted)/64+1)...)
	m.n = 0
	medians := make([]float32, len(values)+1)
	for i := range values {
		medians[i] = m.median(size)
		if i >= size {
			m.remove(m.ranks[i-size])
		}
		m.add(m.ranks[i])
	}
	medians[len(values)] = m.median(size)
	return medians
}

// sort ranks the values.
func (m *RollingMedians) sort(values []float32) {
	m.keys, m.ranks = slices.Grow(m.keys[:0], 2*len(values)), m.ranks[:0]
	for i, x := range values {
		m.ranks = append(m.ranks, missing)
		if x == x {
			m.keys = append(m.keys, uint64(key(x))<<32|uint64(i))
		}
	}
	n := len(m.keys)
	m.sorted = m.keys
	if n > 0 {
		m.sorted = sortByDigits(m.keys, m.keys[n:2*n], 4)
	}
	for rank, k := range m.sorted {
		m.ranks[uint32(k)] = uint32(rank)
	}
}

func (m *RollingMedians) median(size int) float32 {
	if m.n == 0 || float64(m.n) < minShare*float64(size) {
		return float32(math.NaN())
	}
	low := m.value(m.middle)
	if m.n%2 == 1 {
		return (low + low) / 2
	}
	return (low + m.value(m.next(m.middle))) / 2
}

// value returns the value of a rank.
func (m *RollingMedians) value(rank uint32) float32 { return value(uint32(m.sorted[rank] >> 32)) }

func (m *RollingMedians) add(rank uint32) {
	if rank == missing {
		return
	}
	m.window[rank/64] |= 1 << (rank % 64)
	m.n++
	switch {
	case m.n == 1:
		m.middle, m.below = rank, 0
	case rank < m.middle:
		m.below++
	}
	m.settle()
}

// remove takes out a rank. The middle has a next one, unless it is the only one.
func (m *RollingMedians) remove(rank uint32) {
	switch {
	case rank == missing:
		return
	case rank < m.middle:
		m.below--
	case rank == m.middle && m.n > 1:
		m.middle = m.next(rank)
	}
	m.window[rank/64] &^= 1 << (rank % 64)
	if m.n--; m.n > 0 {
		m.settle()
	}
}

// settle moves the middle to where it belongs.
func (m *RollingMedians) settle() {
	switch half := (m.n - 1) / 2; {
	case m.below > half:
		m.middle = m.previous(m.middle)
		m.below--
	case m.below < half:
		m.middle = m.next(m.middle)
		m.below++
	}
}

// next returns the next larger rank of the window.
func (m *RollingMedians) next(rank uint32) uint32 {
	i := (rank + 1) / 64
	word := m.window[i] >> ((rank + 1) % 64) << ((rank + 1) % 64)
	for word == 0 {
		i++
		word = m.window[i]
	}
	return 64*i + uint32(bits.TrailingZeros64(word))
}

// previous returns the next smaller rank of the window.
func (m *RollingMedians) previous(rank uint32) uint32 {
	i := (rank - 1) / 64
	word := m.window[i] << (63 - (rank-1)%64) >> (63 - (rank-1)%64)
	for word == 0 {
		i--
		word = m.window[i]
	}
	return 64*i + uint32(bits.Len64(word)) - 1
}
