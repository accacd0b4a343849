package calendar

import (
	"math"
	"time"
)

// Holidays tells which days are holidays. It remembers the day that it was asked for last. Copies are independent. The
// zero value has no holidays.
type Holidays struct {
	isHoliday func(year int, month time.Month, day int) bool // nil: none is
	asked     int64                                          // the day asked for last, counted from the epoch
	answer    bool
}

// NewHolidays returns the holidays for which isHoliday says so, a pure function of the local date; nil: there are none.
func NewHolidays(isHoliday func(year int, month time.Month, day int) bool) Holidays {
	return Holidays{isHoliday: isHoliday, asked: math.MinInt64}
}

// None tells whether there can be no holiday at all.
func (h *Holidays) None() bool { return h.isHoliday == nil }

// Contains tells whether a wall-clock time is on a holiday.
func (h *Holidays) Contains(local int64) bool {
	if h.isHoliday == nil {
		return false
	}
	if day := Slot(local, Day); day != h.asked {
		h.asked, h.answer = day, h.isHoliday(time.UnixMilli(day*Day).UTC().Date())
	}
	return h.answer
}

// DaysToSunday returns how many days after a wall-clock time the next Sunday is: 0 on a Sunday, 6 on a Monday.
func DaysToSunday(local int64) int { return (Sunday - SlotIn(local, Week, Day) + 7) % 7 }
