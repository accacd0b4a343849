package intervals

import "slices"

const (
	// longestSpread is how many errors there are at most to spread them over slots. Guard: the memory for more is not on
	// the stack.
	longestSpread = 512
	// mostInSlot is how many errors may share a slot. Guard: those of a slot are sorted by insertion.
	mostInSlot = 24
)

// sort sorts the errors by value. It spreads them evenly over as many slots from the least to the largest, and sorts
// within slots: comparing errors of which neither order is likelier makes a processor wait after each wrong guess, and
// takes six times as long for normal ones. It falls back on that where values are alike or one is far away.
func (s Sample) sort() {
	if !s.spread() {
		slices.SortFunc(s, func(a, b WeightedError) int {
			switch {
			case a.Value < b.Value:
				return -1
			case a.Value > b.Value:
				return 1
			}
			return 0
		})
	}
}

// spread sorts what spreads evenly; if s does not, or holds a value twice, it returns false and leaves s as it is.
func (s Sample) spread() bool {
	if len(s) < 2 || len(s) > longestSpread {
		return false
	}
	least, most := s[0].Value, s[0].Value
	for i := range s {
		switch v := s[i].Value; {
		case v < least:
			least = v
		case v > most:
			most = v
		case v != v:
			return false
		}
	}
	perUnit := float64(len(s)-1) / (most - least)
	if !(perUnit > 0 && perUnit < 1e300) { // they are all the same, or infinitely far apart
		return false
	}
	slot := func(e *WeightedError) int { return int((e.Value - least) * perUnit) }
	var ends [longestSpread + 1]int // of the slot before, then of the slot
	for i := range s {
		ends[slot(&s[i])+1]++
	}
	for i := 1; i < len(s); i++ {
		if ends[i] > mostInSlot {
			return false
		}
		ends[i] += ends[i-1]
	}
	var room [longestSpread]WeightedError
	spread := room[:len(s)]
	for i := range s {
		end := &ends[slot(&s[i])]
		spread[*end] = s[i]
		*end++
	}
	for i, e := range spread {
		for ; i > 0 && spread[i-1].Value > e.Value; i-- {
			spread[i] = spread[i-1]
		}
		if i > 0 && spread[i-1].Value == e.Value {
			return false
		}
		spread[i] = e
	}
	copy(s, spread)
	return true
}
