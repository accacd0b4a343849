package window

import (
	"math"
	"slices"
	"time"
)

// Guards, chosen, not tuned: unsigned numbers that wrapped around, or counters read as shares, are further off than any
// load.
const (
	corruptRanges = 20      // a corrupt sample is so many times the range of all others away from them
	corruptEvents = 1e6     // likewise where most values are 0: a series of single events may have one that is large
	corruptCount  = 1 << 53 // likewise where all values are 0: up to it, numbers are exact
	corruptTimes  = 4       // what comes back more often is real

	// corruptFor is how long what is wrong may stay: the window of most rates and averages, which hold a corrupt sample
	// for as long.
	corruptFor = 5 * time.Minute
)

// CorruptSteps returns for how many steps in a row corrupt samples may be wrong.
func CorruptSteps(step time.Duration) int { return 1 + int(corruptFor/step) }

// Corrupt tells whether v is so far from the range of a series, most values of which may be 0, that something is wrong
// with it unless the next ones are as far. The range of a constant is its size.
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

// DropCorrupt returns y without its corrupt samples: up to four runs of as many steps that are impossibly far from all
// others. It is y itself if there are none, else a copy with NaN in their places, and in those of the values beside
// them that were not observed: learn is false there, and nil is true everywhere. Corrupt samples at the end, of which
// nobody knows yet how long they stay, are dropped too.
func DropCorrupt(y []float64, learn []bool, steps int) []float64 {
	isObserved := func(i int) bool { return IsFinite(y[i]) && (learn == nil || learn[i]) }
	above, below, mostlyZero := outermost(y, isObserved, corruptTimes*steps)
	bad := farFrom(above, below[len(below)-1].value, mostlyZero)
	bad = append(bad, farFrom(below, above[len(above)-1].value, mostlyZero)...)
	slices.Sort(bad)
	if len(bad) == 0 || !areFewRuns(bad, steps, isObserved) {
		return y
	}
	y = slices.Clone(y)
	for _, i := range bad {
		y[i] = math.NaN()
		for k := i - 1; k >= 0 && !isObserved(k); k-- {
			y[k] = math.NaN()
		}
		for k := i + 1; k < len(y) && !isObserved(k); k++ {
			y[k] = math.NaN()
		}
	}
	return y
}

// An extreme is a value and its index; -1 is none.
type extreme struct {
	value float64
	index int
}

// extremes are the outermost values of one side, outermost first: one more than may be corrupt.
type extremes []extreme

// insert takes in a value; over tells whether a is further out than b.
func (e extremes) insert(v extreme, over func(a, b float64) bool) {
	k := len(e) - 1
	if !over(v.value, e[k].value) {
		return
	}
	for ; k > 0 && over(v.value, e[k-1].value); k-- {
		e[k] = e[k-1]
	}
	e[k] = v
}

// outermost returns the n+1 largest and the n+1 smallest observed values of y, and whether most of them are 0.
func outermost(y []float64, isObserved func(i int) bool, n int) (above, below extremes, mostlyZero bool) {
	above = slices.Repeat(extremes{{math.Inf(-1), -1}}, n+1)
	below = slices.Repeat(extremes{{math.Inf(1), -1}}, n+1)
	larger := func(a, b float64) bool { return a > b }
	smaller := func(a, b float64) bool { return a < b }
	zeros, count := 0, 0
	for i, v := range y {
		if !isObserved(i) {
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
func farFrom(outer extremes, other float64, mostlyZero bool) (bad []int) {
	for k := len(outer) - 2; k >= 0; k-- {
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

// areFewRuns tells whether bad, ascending, are at most corruptTimes runs of so many steps. A run has no observed value
// between its first and its last.
func areFewRuns(bad []int, steps int, isObserved func(i int) bool) bool {
	runs, from := 1, bad[0]
	for k, i := range bad[1:] {
		for j := bad[k] + 1; j < i; j++ {
			if isObserved(j) {
				runs++
				from = i
				break
			}
		}
		if i-from >= steps {
			return false
		}
	}
	return runs <= corruptTimes
}
