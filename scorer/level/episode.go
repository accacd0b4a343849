package level

import "slices"

// An Episode is one of values that are away from the level.
type Episode struct {
	First, Last int   // slots, as in grid.Position
	Since       int64 // the first slot, of local time
	Away        int   // slots
	Up          bool
	Settled     bool // it has become the level
}

// End adds the episode to those that lasted so many slots, if it did, and was away for half of the time at least.
func (e *Episode) End(lasting []Episode, from int) []Episode {
	if e.Away >= from && 2*e.Away >= e.Last-e.First+1 {
		lasting = append(lasting, *e)
	}
	e.Away = 0
	return lasting
}

// Lasts tells whether a slot lies in one of the episodes.
func Lasts(episodes []Episode, slot int) bool {
	for _, e := range episodes {
		if slot >= e.First && slot <= e.Last {
			return true
		}
	}
	return false
}

// Overlaps tells whether one of the episodes that have become the level, or have not, is partly at the same time.
func (e *Episode) Overlaps(episodes []Episode, settled bool) bool {
	return slices.ContainsFunc(episodes, func(o Episode) bool {
		return o.Settled == settled && o.First <= e.Last && e.First <= o.Last
	})
}

// Watched returns how many of the episodes are on the side that matters: 1 above the level, -1 below it, 0 both.
func Watched(episodes []Episode, side int) (n int) {
	for _, e := range episodes {
		if side == 0 || e.Up == (side > 0) {
			n++
		}
	}
	return n
}
