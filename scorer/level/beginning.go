package level

import (
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

const (
	// BeginsFor is of how many hours the values say where the level begins. Chosen, not tuned: twice as long as values
	// have to stay somewhere for the level to move there. Where fewer are known, half of that do.
	BeginsFor = 2 * SettleAfter
	// JumpIn is how long values are compared before and after a jump. Chosen, not tuned: the level is back after as long.
	JumpIn = backAfter
	// farFor is how long values may be far from where the level begins. Chosen: where any was an incident, a series of
	// small counts in which bursts are frequent cost recall on the developing series (test/accuracy anomaly).
	farFor = 15 * time.Minute
	// oneLevel is the part of the distance from another level within which the values at one level typically are. Chosen,
	// not tuned: what was so for hours looks like one level of the season that it has made.
	oneLevel = 1.0 / 8
)

// A First is one of the first slots that tell the level.
type First struct {
	Slot  int64 // local time
	Level float32
	Unit  float32 // how large a deviation is that counts as 1
}

// A Season is what a level is beside.
type Season struct {
	Days    int     // the period; 0: there is none
	Settles bool    // it comes to be at a level that lasts, though the days before that were at another one
	Neutral float32 // the level of the values that make it
	Odd     float32 // deviations from which on a value is odd
	// Slots returns the number of slots in a duration.
	Slots func(d time.Duration) int
	// Jumped tells whether the values jumped around a slot, and not those of the period before.
	Jumped func(slot int64) bool
}

// A Beginning is where most of the first values are, beside the season.
type Beginning struct {
	Level float32
	Unit  float32 // how large a deviation of the level is that counts as 1
	First int64   // the first slot at this level, of local time
	Away  bool    // some of the values from which a level that follows becomes known are far from it
	Apart bool    // the values before are at another level
	// Settles is the slot at which the season comes to be at the level; 0: it does not.
	Settles int64
}

// FindBeginning finds where a level begins, if that is clear. As the window moves on, every incident and every step is
// once where the window begins, and where its second week does. first are slots of BeginsFor at most.
func (l *Level) FindBeginning(first []First, s Season) (begin Beginning) {
	if len(first) < l.settleAfter {
		return Beginning{}
	}
	first = first[:len(first)-1|1] // odd: the median of two levels is one of them
	known, seasonal := max(s.Slots(Window)/2, 1), s.Days > 0
	begin.Level = median(first)
	near, far := 0, 0
	for i, f := range first {
		switch {
		case l.IsNear(f.Level, begin.Level, f.Unit):
			near++
		case seasonal && l.IsNear(f.Level, s.Neutral, f.Unit): // a step comes soon
			near++
		// What drifts is not far from where it began, and where bursts are frequent, one is no incident.
		case i < known && !l.IsNear(f.Level, begin.Level, 2*f.Unit) && abs(f.Level-begin.Level) > s.Odd*f.Unit:
			far++
		}
	}
	if 2*near < len(first) {
		return Beginning{}
	}
	begin.Unit = orderstat.MedianOf(first, func(f First) float32 { return f.Unit })
	begin.Away = far > s.Slots(farFor)
	if s.Days == 7 && l.IsNear(begin.Level, s.Neutral, begin.Unit) {
		l.beginEarlier(&begin, first, &s)
	}
	begin.Apart = seasonal && !l.IsNear(begin.Level, s.Neutral, begin.Unit)
	if seasonal && !begin.Apart && !l.IsNear(median(first[:known]), begin.Level, 2*begin.Unit) {
		begin.Away = true
	}
	begin.First = first[max(0, slices.IndexFunc(first, func(f First) bool {
		return l.IsNear(f.Level, begin.Level, f.Unit)
	}))].Slot
	if begin.Apart && s.Settles {
		begin.Settles = begin.First + int64(l.settleAfter)
	}
	return begin
}

// beginEarlier makes a level begin where the values of the first hours are, before they come to the level of most: if
// these are at one level, and it was the week before in which the values then jumped. After an outage in that week they
// are not at one level, and are expected by other days.
func (l *Level) beginEarlier(begin *Beginning, first []First, s *Season) {
	there, n := 0, s.Slots(JumpIn)
	for i, f := range first {
		if there++; !l.IsNear(f.Level, begin.Level, f.Unit) {
			there = 0
		}
		if there < n {
			continue
		}
		before := first[:i+1-there]
		if len(before) < n && !(begin.Away && len(before) > 0) || s.Jumped(first[len(before)].Slot) {
			return
		}
		earlier := median(before)
		stray := orderstat.MedianOf(before, func(f First) float32 { return abs(f.Level - earlier) })
		if stray < oneLevel*abs(earlier-begin.Level) {
			begin.Level, begin.Away = earlier, false
		}
		return
	}
}

func median(first []First) float32 {
	return orderstat.MedianOf(first, func(f First) float32 { return f.Level })
}
