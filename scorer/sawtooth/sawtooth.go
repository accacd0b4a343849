// Package sawtooth recognizes series that go somewhere slowly and jump back, again and again: the free space of a disk
// whose logs are rotated, or the memory of a process that is restarted.
package sawtooth

import (
	"math"
	"slices"
)

const (
	// jumpShare is the part of the range of a window that a jump has at least, and with which one of them is not expected.
	// Chosen, not tuned.
	jumpShare = 1.0 / 3
	// atLeast is the number of jumps in a window. Chosen, not tuned: what has happened twice may happen again.
	atLeast = 2
	// otherWay is the part of the jumps that may be in the other direction. Chosen, not tuned.
	otherWay = 1.0 / 8
	// between is the part of the time in which values are in the middle half of their range. Chosen, not tuned: of teeth
	// it is half of the time, of outages with a slow recovery hardly any.
	between = 1.0 / 4
	// ofMovement is the part that jumps have in all movement in their direction. Chosen, not tuned: where there is a
	// season, most of it is slow.
	ofMovement = 1.0 / 2
	// lasting is the part of a jump that is left an hour after it, from an hour before it. Chosen, not tuned.
	lasting = 1.0 / 2
	// margin is the part of the range by which it may be left at either end, besides by as much as resets differ.
	// Chosen, not tuned.
	margin = 1.0 / 20
	// regular is the part of the days before resets that had one at that time of day, from which resets are daily, and
	// regularDays of how many. Chosen, not tuned: a season says more of these, also if they are left out on weekends. What
	// drifts by some minutes a day is elsewhere before the median of a week knows.
	regular, regularDays = 2.0 / 3, 7
)

// A Series is what a window shows.
type Series struct {
	Values []float64 // by slot; NaN: not known
	Day    int       // slots of a day
	Hour   int       // slots of an hour, at least one
	New    int       // slots at the end that say nothing of the range: what has just left it is not normal yet
	Again  int       // slots by which what comes again may be earlier or later
	Block  int       // slots whose median tells the slow movement; teeth are longer
}

// Leaves returns the first of the slots at the end whose value is beyond the teeth.
func (s *Series) Leaves(t Teeth) (slot int, ok bool) {
	for k := max(len(s.Values)-s.New, 0); k < len(s.Values); k++ {
		if y := s.Values[k]; y < t.Low || y > t.High {
			return k, true
		}
	}
	return 0, false
}

// Teeth are those of a sawtooth.
type Teeth struct {
	Low, High float64 // from where to where it goes
	Resets    int     // how often it was reset; 0: the series is no sawtooth
}

// Find returns the teeth of a sawtooth that is reset at any time of day.
func (s *Series) Find() Teeth {
	low, high := math.Inf(1), math.Inf(-1)
	for _, y := range s.Values[:max(len(s.Values)-s.New, 0)] {
		if y == y {
			low, high = min(low, y), max(high, y)
		}
	}
	limit := jumpShare * (high - low)
	jumps, isQuick := s.jumps(limit)
	if !(high > low) || len(jumps) < atLeast || isQuick || !s.isBetween(low, high) {
		return Teeth{}
	}
	up, sum := 0, 0.0
	for _, k := range jumps {
		d := s.Values[k] - s.Values[k-1]
		if sum += d; d > 0 {
			up++
		}
	}
	down := len(jumps) - up
	if max(up, down) < atLeast || float64(min(up, down)) > otherWay*float64(len(jumps)) || s.isDaily(jumps) {
		return Teeth{}
	}
	if !s.isSlow(jumps, limit) || math.Abs(sum) < ofMovement*s.movement(sum > 0) {
		return Teeth{}
	}
	beyond := margin * (high - low)
	before, after := s.spread(jumps, -1)+beyond, s.spread(jumps, 0)+beyond
	if sum < 0 {
		before, after = after, before
	}
	return Teeth{low - before, high + after, max(up, down)}
}

// jumps returns the slots to which the series has jumped, and has stayed, and whether it jumps more often than in each
// block, or has not stayed most of the time: the level and its noise say enough of such a series.
func (s *Series) jumps(limit float64) (slots []int, isQuick bool) {
	all := 0
	for k := 1; k < len(s.Values); k++ {
		d := s.Values[k] - s.Values[k-1]
		if !(d > limit || d < -limit) {
			continue
		}
		all++
		left := s.Values[min(k+s.Hour, len(s.Values)-1)] - s.Values[max(k-1-s.Hour, 0)]
		if left/d >= lasting {
			slots = append(slots, k)
		}
	}
	return slots, all*s.Block > len(s.Values) || 2*len(slots) < all
}

// isBetween tells whether the series is often enough in the middle of its range.
func (s *Series) isBetween(low, high float64) bool {
	middle, quarter, in, of := (low+high)/2, (high-low)/4, 0, 0
	for _, y := range s.Values {
		if y == y {
			of++
			if math.Abs(y-middle) <= quarter {
				in++
			}
		}
	}
	return float64(in) >= between*float64(of)
}

// isDaily tells whether jumps come at the time of day of the days before.
func (s *Series) isDaily(jumps []int) bool {
	daily, of := 0, 0
	for i, k := range jumps {
		for days := 1; days <= regularDays && k-days*s.Day >= jumps[0]-s.Again; days++ {
			of++
			if slices.ContainsFunc(jumps[:i], func(before int) bool {
				d := k - days*s.Day - before
				return max(d, -d) <= s.Again
			}) {
				daily++
			}
		}
	}
	return of > 0 && float64(daily) >= regular*float64(of)
}

// spread returns by how much the values so many slots after jumps differ.
func (s *Series) spread(jumps []int, after int) float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for _, k := range jumps {
		low, high = min(low, s.Values[k+after]), max(high, s.Values[k+after])
	}
	return high - low
}

// isSlow tells whether the series has gone back slowly between jumps.
func (s *Series) isSlow(jumps []int, limit float64) bool {
	slow := 0
	for i, k := range jumps[1:] {
		from := jumps[i]
		back, jump := s.Values[k-1]-s.Values[from], s.Values[from]-s.Values[from-1]
		if back*jump < 0 && math.Abs(back) > limit {
			slow++
		}
	}
	return float64(slow) >= (1-otherWay)*float64(len(jumps)-1)
}

// movement returns how far the series has moved up or down, from the median of one block to that of the next.
func (s *Series) movement(up bool) (sum float64) {
	last := math.NaN()
	for block := range slices.Chunk(s.Values, s.Block) {
		known := slices.DeleteFunc(slices.Clone(block), math.IsNaN)
		if len(known) == 0 {
			continue
		}
		slices.Sort(known)
		now := known[len(known)/2]
		if d := now - last; d == d && d > 0 == up {
			sum += math.Abs(d)
		}
		last = now
	}
	return sum
}
