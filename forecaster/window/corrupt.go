package window

import (
	"math"
	"slices"
)

// Guards, chosen, not tuned: unsigned numbers that wrapped around, or counters read as shares, are further off than any
// load.
const (
	corruptRanges = 100 // a corrupt sample is so many times the range of all others away from them
	corruptTimes  = 2   // what comes back more often is real
)

// Corrupt tells whether v is so far from the range of a series that, unless the next value is too, something is wrong
// with it. The range of a constant is its size; nothing is far from a series that is always 0.
func Corrupt(v, lowest, highest float64) bool {
	far := corruptRanges * (highest - lowest)
	if far == 0 {
		far = corruptRanges * math.Abs(highest)
	}
	return far > 0 && (v > highest+far || v < lowest-far)
}

// DropCorrupt returns y without its corrupt samples: single ones, once or twice, that are impossibly far from all
// others. It is y itself if there are none, else a copy with NaN in their places. A corrupt sample at the end, of which
// nobody knows yet whether it stays alone, is dropped too. What is mostly 0 is made of single events, and kept.
func DropCorrupt(y []float64) []float64 {
	above, below, mostlyZero := outermost(y)
	bad := append(farFrom(&above, below[corruptTimes].value), farFrom(&below, above[corruptTimes].value)...)
	if mostlyZero || len(bad) == 0 || !alone(y, bad) {
		return y
	}
	y = slices.Clone(y)
	for _, i := range bad {
		y[i] = math.NaN()
	}
	return y
}

// An extreme is a value and its index.
type extreme struct {
	value float64
	index int
}

// extremes are the outermost values of one side, outermost first: one more than may be corrupt.
type extremes [corruptTimes + 1]extreme

// insert takes in a value; over tells whether a is further out than b.
func (e *extremes) insert(v extreme, over func(a, b float64) bool) {
	k := len(e) - 1
	if !over(v.value, e[k].value) {
		return
	}
	for ; k > 0 && over(v.value, e[k-1].value); k-- {
		e[k] = e[k-1]
	}
	e[k] = v
}

// outermost returns the largest and the smallest finite values of y, and whether most of them are 0.
func outermost(y []float64) (above, below extremes, mostlyZero bool) {
	for k := range above {
		above[k], below[k] = extreme{math.Inf(-1), -1}, extreme{math.Inf(1), -1}
	}
	larger := func(a, b float64) bool { return a > b }
	smaller := func(a, b float64) bool { return a < b }
	zeros, count := 0, 0
	for i, v := range y {
		if !IsFinite(v) {
			continue
		}
		count++
		if v == 0 {
			zeros++
		}
		above.insert(extreme{v, i}, larger)
		below.insert(extreme{v, i}, smaller)
	}
	return above, below, 2*zeros > count
}

// farFrom returns the indices of those that are corrupt if the others range to the far end other.
func farFrom(outer *extremes, other float64) (bad []int) {
	for k := corruptTimes - 1; k >= 0; k-- {
		next := outer[k+1].value
		if outer[k+1].index < 0 || !Corrupt(outer[k].value, min(next, other), max(next, other)) {
			continue
		}
		for ; k >= 0; k-- {
			bad = append(bad, outer[k].index)
		}
	}
	return bad
}

// alone tells whether no two of bad follow each other.
func alone(y []float64, bad []int) bool {
	for _, i := range bad {
		for _, j := range bad {
			if j > i && !slices.ContainsFunc(y[i+1:j], IsFinite) {
				return false
			}
		}
	}
	return true
}
