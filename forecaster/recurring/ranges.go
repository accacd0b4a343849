package recurring

import (
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
)

const (
	// nearCells to both sides of a cell hold what comes at nearly the same time. Chosen, not tuned: ten minutes.
	nearCells = 2
	// rangeDays other days are needed to tell a range. Guard: what comes is beyond all of them once in six times.
	rangeDays = 5
)

var (
	nan    = float32(math.NaN())
	lowest = float32(math.Inf(-1))
)

// A Range is between which values a series has kept on other days.
type Range struct{ Low, High float64 }

// ranges are those of what recurs, high or low.
type ranges struct {
	near  []bool  // by cell of the week: whether something recurs at nearly the same time
	known []int32 // days, by cell of the day
	// What the days held at nearly the same time, by cell of the day; of lows with the other sign.
	highs, lows []largest
}

// A largest is the largest value of all days, and that of the days but one.
type largest struct {
	v, next float32
	day     int32 // of v
}

func (l *largest) add(v float32, day int) {
	switch {
	case !(v <= l.v):
		l.v, l.next, l.day = v, l.v, int32(day)
	case !(v <= l.next):
		l.next = v
	}
}

// but returns the largest value of the days other than one.
func (l *largest) but(day int) float64 {
	if l.day == int32(day) {
		return float64(l.next)
	}
	return float64(l.v)
}

// findRanges finds the ranges where something recurs: in r, or in lows, which has the smallest values with the other
// sign.
func (r *Profile) findRanges(lows *Profile) {
	a := &ranges{near: r.near(nearCells)}
	for c, near := range lows.near(nearCells) {
		a.near[c] = a.near[c] || near
	}
	if !slices.Contains(a.near, true) {
		return
	}
	a.known = make([]int32, r.perDay)
	a.highs, a.lows = r.largest(a.known), lows.largest(nil)
	r.ranges = a
}

// largest returns the largest values of the days at nearly the same time, by cell of the day. It counts the days that
// are known, unless known is nil.
func (r *Profile) largest(known []int32) []largest {
	found := make([]largest, r.perDay)
	for c := range found {
		found[c] = largest{nan, nan, -1}
	}
	near := slices.Clone(r.cells)
	for range nearCells {
		widen(near)
	}
	for day := range r.days {
		for c, v := range near[day*r.perDay : (day+1)*r.perDay] {
			if v != v {
				continue
			}
			found[c].add(v, day)
			if known != nil {
				known[c]++
			}
		}
	}
	return found
}

// RangeAt returns between which values the series kept on other days at nearly the same time as a step; ok is false
// unless something recurs then. r may be nil.
func (r *Profile) RangeAt(step int) (v Range, ok bool) {
	if r == nil || r.ranges == nil {
		return v, false
	}
	a := r.ranges
	local := r.grid.Local(step)
	cell := calendar.SlotIn(local, calendar.Week, r.length)
	if !a.near[cell] {
		return v, false
	}
	day, c := int(calendar.Slot(local, calendar.Day)-r.first), cell%r.perDay
	others := a.known[c]
	if day >= 0 && day < r.days {
		others--
	}
	return Range{-a.lows[c].but(day), a.highs[c].but(day)}, others >= rangeDays
}
