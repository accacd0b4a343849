package change

import "math"

const (
	// A series that was never stuck for as long as this part of an hour counts as if it had been. Chosen, not tuned: so
	// one that never repeated a value in 14 days has a score of 0.8 after 50 minutes at steps of five minutes.
	stuckParts = 2
	// A series that repeats its value in this part of the slots, or more, often does. Chosen, not tuned.
	often = 2
	// stuckAfter is how many days have to be known. Chosen, not tuned: those of a week, whose last hours have not settled.
	// Before, no weekend may be known, on which there may be nothing to do.
	stuckAfter = 6
)

// A Stuck scores a step of a series by how many slots in a row have repeated one value. More than ever before are as
// rare as the window is long, as with Change. Of a series that often repeats its value, they say nothing. The score of
// the zero value is 0.
type Stuck struct {
	change         Change
	value          float32
	run            int // slots in a row that repeat the one before them
	slots, repeats int // of the window
	atLeast        int // slots that have to be known
}

// NewStuck returns that of a series that never repeated a value, with so many slots an hour. logWindow is as New takes
// it.
func NewStuck(logWindow float64, hour int) Stuck {
	return Stuck{
		change: Change{logWindow: logWindow, least: (hour + 1) / stuckParts},
		value:  float32(math.NaN()), atLeast: stuckAfter * 24 * hour,
	}
}

// Learn takes the value of the next slot of the window. What has not settled yet may be the beginning of an incident
// that goes on, and tells nothing.
func (s *Stuck) Learn(x float32, settled bool) {
	if s.Next(x, true); !settled || x != x {
		return
	}
	s.slots++
	if s.run > 0 {
		s.repeats++
	}
	s.change.longest = max(s.change.longest, s.run)
	s.change.flat = often*s.repeats < s.slots && s.slots >= s.atLeast
}

// Next takes the value of the next step, which begins a slot or lies within one. NaN is no value: one that is the same
// before and after a gap is still stuck.
func (s *Stuck) Next(x float32, begins bool) {
	switch {
	case x != x:
		return
	case x != s.value:
		s.run = 0
	case begins:
		s.run++
	}
	s.value = x
}

// Score is that of Change, for as many slots as the value has been repeated; 0 until that is half an hour longer than
// ever before.
func (s *Stuck) Score() float64 {
	if s.run < s.change.longest+s.change.least {
		return 0
	}
	return s.change.Score(s.run)
}
