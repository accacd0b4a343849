// Package chance tells which counts of days are more than chance explains.
package chance

import "math"

// A Test has the counts of many cells.
type Test struct {
	count, days []int32
	rate, level float64
	need        []int32 // by number of days; 0 until it is asked for
}

// New returns the test of how many of so many days each cell was high on. level is that of significance: up to which
// probability a count is not put down to chance. The rate of chance is estimated from the share of cells that were
// never high: those that recur do not count among them, however many they are.
func New(count, days []int32, level float64) Test {
	var cells, never, total, longest int32
	for i, n := range days {
		if n > 0 {
			cells++
			total += n
			longest = max(longest, n)
			if count[i] == 0 {
				never++
			}
		}
	}
	rate := 1.0
	if never > 0 {
		rate = 1 - math.Pow(float64(never)/float64(cells), float64(cells)/float64(total))
	}
	return Test{count: count, days: days, rate: rate, level: level, need: make([]int32, longest+1)}
}

// Exceeds tells whether the count of a cell is more than chance explains.
func (t *Test) Exceeds(cell int) bool {
	n, days := t.count[cell], t.days[cell]
	if n == 0 {
		return false
	}
	if t.need[days] == 0 {
		t.need[days] = int32(leastUnlikely(int(days), t.rate, t.level))
	}
	return n >= t.need[days]
}

// leastUnlikely returns the least m for which m or more of n, each with the probability rate, are less probable than
// level; n+1 if there is none. It is at least 2.
func leastUnlikely(n int, rate, level float64) int {
	tail, m := 0.0, n
	a, _ := math.Lgamma(float64(n + 1))
	yes, no := math.Log(rate), math.Log1p(-rate)
	for ; m >= 0; m-- {
		b, _ := math.Lgamma(float64(m + 1))
		c, _ := math.Lgamma(float64(n - m + 1))
		tail += math.Exp(a - b - c + float64(m)*yes + float64(n-m)*no)
		if !(tail < level) {
			break
		}
	}
	return max(m+1, 2)
}
