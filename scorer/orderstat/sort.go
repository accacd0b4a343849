package orderstat

import (
	"math"
	"slices"
)

// radixFrom is the number of values from which on values are sorted by digits (guard: fewer are sorted faster by
// comparing).
const radixFrom = 256

// A Scratch is memory for sorting that its next use finds again. The zero value is ready. It is not safe for concurrent
// use.
type Scratch struct {
	keys   []uint64
	ranks  []uint32
	set    []uint64
	sorted []float32
}

// Sort sorts values in ascending order, see Scratch.Sort.
func Sort(values []float32) { new(Scratch).Sort(values) }

// Sort sorts values in ascending order. It sorts by the bytes of their bits, the last first, which for thousands of
// values takes a fifth of the time of package slices.
func (s *Scratch) Sort(values []float32) {
	if len(values) < radixFrom {
		slices.Sort(values)
		return
	}
	s.keys = slices.Grow(s.keys[:0], 2*len(values))
	for _, x := range values {
		s.keys = append(s.keys, uint64(key(x))<<32)
	}
	for i, k := range s.sortKeys(32) {
		values[i] = value(uint32(k >> 32))
	}
}

// Sorted returns values in ascending order, in memory that the next Sorted uses.
func (s *Scratch) Sorted(values []float32) []float32 {
	s.sorted = append(s.sorted[:0], values...)
	s.Sort(s.sorted)
	return s.sorted
}

// Sort64 is Sort for values of twice the size.
func (s *Scratch) Sort64(values []float64) {
	if len(values) < radixFrom {
		slices.Sort(values)
		return
	}
	s.keys = slices.Grow(s.keys[:0], 2*len(values))
	for _, x := range values {
		s.keys = append(s.keys, key64(x))
	}
	for i, k := range s.sortKeys(0) {
		values[i] = value64(k)
	}
}

// sortKeys returns the keys in order of their bits from one on, which is 0 for the last. Their memory has room for as
// many again.
func (s *Scratch) sortKeys(from int) []uint64 {
	n := len(s.keys)
	keys, spare := s.keys, s.keys[n:2*n]
	for shift := from; shift < 64 && n > 0; shift += 8 {
		var at [256]uint32
		for _, k := range keys {
			at[byte(k>>shift)]++
		}
		if int(at[byte(keys[0]>>shift)]) == n { // all have the same digit
			continue
		}
		below := uint32(0)
		for digit, count := range at {
			at[digit] = below
			below += count
		}
		for _, k := range keys {
			place := &at[byte(k>>shift)]
			spare[*place] = k
			*place++
		}
		keys, spare = spare, keys
	}
	return keys
}

const sign, sign64 = 1 << 31, 1 << 63

// key returns a number that is the larger, the larger x is.
func key(x float32) uint32 {
	k := math.Float32bits(x)
	if k&sign != 0 { // the larger they are, the less
		return ^k
	}
	return k | sign
}

// value returns the value with a key.
func value(key uint32) float32 {
	if key&sign != 0 {
		return math.Float32frombits(key &^ sign)
	}
	return math.Float32frombits(^key)
}

func key64(x float64) uint64 {
	k := math.Float64bits(x)
	if k&sign64 != 0 {
		return ^k
	}
	return k | sign64
}

func value64(key uint64) float64 {
	if key&sign64 != 0 {
		return math.Float64frombits(key &^ sign64)
	}
	return math.Float64frombits(^key)
}
