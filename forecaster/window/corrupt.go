package window

import (
	"math"
	"slices"
)

// Guards, chosen, not tuned: unsigned numbers that wrapped around, or counters read as shares, are further off than any
// load.
const (
	corruptRanges = 100     // a corrupt sample is so many times the range of all others away from them
	corruptEvents = 1e6     // likewise where most values are 0: a series of single events may have one that is large
	corruptCount  = 1 << 53 // likewise where all values are 0: up to it, numbers are exact
	corruptTimes  = 4       // what comes back more often is real
)

// Corrupt tells whether v is so far from the range of a series, most values of which may be 0, that something is wrong
// with it unless the next value is as far. The range of a constant is its size.
func Corrupt(v, lowest, highest float64, mostlyZero bool) bool {
	size := highest - lowest
	if size == 0 {
		size = math.Abs(highest)
	}
	far := corruptRanges * size
	switch {
	case size == 0:
		far = corruptCount
	case mostlyZero:
		far = corruptEvents * size
	}
	return v > highest+far || v < lowest-far
}

// DropCorrupt returns y without its corrupt samples: single ones, up to four, that are impossibly far from all others.
// It is y itself if there are none, else a copy with NaN in their places. A corrupt sample at the end, of which nobody
// knows yet whether it stays alone, is dropped too.
func DropCorrupt(y []float64) []float64 {
	above, below, mostlyZero := outermost(y)
	bad := farFrom(&above, below[corruptTimes].value, mostlyZero)
	bad = append(bad, farFrom(&below, above[corruptTimes].value, mostlyZero)...)
	if len(bad) == 0 || !alone(y, bad) {
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
func farFrom(outer *extremes, other float64, mostlyZero bool) (bad []int) {
	for k := corruptTimes - 1; k >= 0; k-- {
		next := outer[k+1].value
		if outer[k+1].index < 0 || !Corrupt(outer[k].value, min(next, other), max(next, other), mostlyZero) {
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
