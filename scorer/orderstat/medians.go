package orderstat

import (
	"math"
	"math/bits"
	"slices"
)

// AppendRollingMedians appends what the median of a RollingMedian of a size is before each of the values is pushed, and
// after the last: one more than there are values. As they are all known beforehand, that takes a quarter of the time.
//
// The values are sorted once. A window is then a set of ranks, which has a bit for each. As it moves by a value, the
// rank of its median moves to the next or the previous bit, if at all.
func (s *Scratch) AppendRollingMedians(medians, values []float32, size int) []float32 {
	ranks, sorted := s.rank(values)
	s.set = append(s.set[:0], make([]uint64, len(sorted)/64+1)...)
	w := rankWindow{set: s.set}
	median := func() float32 {
		if w.n == 0 || float64(w.n) < minShare*float64(size) {
			return float32(math.NaN())
		}
		low := w.middle
		high := low
		if w.n%2 == 0 {
			high = w.next(low)
		}
		return (value(uint32(sorted[low]>>32)) + value(uint32(sorted[high]>>32))) / 2
	}
	for i := range values {
		medians = append(medians, median())
		if i >= size {
			w.remove(ranks[i-size])
		}
		w.add(ranks[i])
	}
	return append(medians, median())
}

// missing is the rank of a missing value.
const missing = math.MaxUint32

// rank returns the ranks of values, and by rank their keys above their indices.
func (s *Scratch) rank(values []float32) (ranks []uint32, sorted []uint64) {
	s.long, s.ranks = slices.Grow(s.long[:0], 2*len(values)), slices.Grow(s.ranks[:0], len(values))
	for i, x := range values {
		s.ranks = append(s.ranks, missing)
		if x == x {
			s.long = append(s.long, uint64(key(x))<<32|uint64(i))
		}
	}
	n := len(s.long)
	sorted, _ = sortKeys(s.long, s.long[n:2*n], 32)
	for rank, k := range sorted {
		s.ranks[uint32(k)] = uint32(rank)
	}
	return s.ranks, sorted
}

// A rankWindow is a rolling window of ranks.
type rankWindow struct {
	set    []uint64 // a bit for each rank
	n      int      // of the window
	middle uint32   // the rank in the middle, the lower one of two
	below  int      // ranks of the window below that
}

func (w *rankWindow) add(rank uint32) {
	if rank == missing {
		return
	}
	w.set[rank/64] |= 1 << (rank % 64)
	w.n++
	switch {
	case w.n == 1:
		w.middle, w.below = rank, 0
	case rank < w.middle:
		w.below++
	}
	w.settle()
}

// remove takes out a rank. The middle has a next one, unless it is the only one.
func (w *rankWindow) remove(rank uint32) {
	switch {
	case rank == missing:
		return
	case rank < w.middle:
		w.below--
	case rank == w.middle && w.n > 1:
		w.middle = w.next(rank)
	}
	w.set[rank/64] &^= 1 << (rank % 64)
	if w.n--; w.n > 0 {
		w.settle()
	}
}

// settle moves the middle to where it belongs.
func (w *rankWindow) settle() {
	switch half := (w.n - 1) / 2; {
	case w.below > half:
		w.middle = w.previous(w.middle)
		w.below--
	case w.below < half:
		w.middle = w.next(w.middle)
		w.below++
	}
}

// next returns the next larger rank of the window.
func (w *rankWindow) next(rank uint32) uint32 {
	i := (rank + 1) / 64
	word := w.set[i] >> ((rank + 1) % 64) << ((rank + 1) % 64)
	for word == 0 {
		i++
		word = w.set[i]
	}
	return 64*i + uint32(bits.TrailingZeros64(word))
}

// previous returns the next smaller rank of the window.
func (w *rankWindow) previous(rank uint32) uint32 {
	i := (rank - 1) / 64
	word := w.set[i] << (63 - (rank-1)%64) >> (63 - (rank-1)%64)
	for word == 0 {
		i--
		word = w.set[i]
	}
	return 64*i + uint32(bits.Len64(word)) - 1
}
