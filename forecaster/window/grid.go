package window

import (
	"math"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
)

// A Grid is the steps of a series on the wall clock of its location, daylight saving and holidays included. Steps are
// counted from 0; those to come are on it, too. Copies are independent.
type Grid struct {
	Step int64 // the length of a step in milliseconds

	start    int64 // of step 0, in milliseconds since the epoch
	clock    calendar.Clock
	holidays calendar.Holidays
}

func newGrid(o *Options, start int64) Grid {
	return Grid{
		Step: o.Step.Milliseconds(), start: start,
		clock: calendar.NewClock(o.Location), holidays: calendar.NewHolidays(o.Holiday),
	}
}

// from returns the grid whose step 0 is step i of g.
func (g Grid) from(i int) Grid {
	g.start += int64(i) * g.Step
	return g
}

// Local returns the wall-clock time of step i, as package calendar defines it.
func (g *Grid) Local(i int) int64 { return g.clock.Local(g.start + int64(i)*g.Step) }

// Slot returns the number of the slot of a day or a week (period) that step i lies in. Lengths are in milliseconds. A
// week begins on Thursday.
func (g *Grid) Slot(i int, period, length int64) int {
	return calendar.SlotIn(g.Local(i), period, length)
}

// IsHoliday tells whether step i is on a holiday.
func (g *Grid) IsHoliday(i int) bool {
	return !g.holidays.None() && g.holidays.Contains(g.Local(i))
}

// isHoliday tells which of the first n steps are on a holiday; nil if there are no holidays.
func (g *Grid) isHoliday(n int) []bool {
	if g.holidays.None() {
		return nil
	}
	days := make([]bool, n)
	for i := range days {
		days[i] = g.IsHoliday(i)
	}
	return days
}

// DaySlots returns how many steps there are in a day, the last one of which may be cut short.
func (g *Grid) DaySlots() int { return int((calendar.Day + g.Step - 1) / g.Step) }

func stepsPerDay(step time.Duration) int {
	return max(1, int(math.Round(float64(24*time.Hour)/float64(step))))
}
