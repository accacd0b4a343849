package grid

import (
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
)

const day = time.Duration(calendar.Day) * time.Millisecond

// LocalSlots number slots by the wall clock, so that a season follows daylight saving.
type LocalSlots struct {
	PerDay int64

	clock    calendar.Clock
	holidays calendar.Holidays
	length   int64 // ms
}

// NewLocalSlots returns the slots of a grid by the wall clock of a location, nil for UTC. holiday tells which local
// dates are like Sundays; nil: none.
func NewLocalSlots(
	g Grid, location *time.Location, holiday func(year int, month time.Month, day int) bool,
) LocalSlots {
	return LocalSlots{
		PerDay:   int64(g.Slots(day)),
		clock:    calendar.NewClock(location),
		holidays: calendar.NewHolidays(holiday),
		length:   g.Slot(),
	}
}

// At returns the slot of the instant t (ms).
func (s *LocalSlots) At(t int64) int64 { return calendar.Slot(s.clock.Local(t), s.length) }

// IsHoliday tells whether a slot is on a holiday.
func (s *LocalSlots) IsHoliday(slot int64) bool { return s.holidays.Contains(slot * s.length) }

// Season returns the slot whose season counts for a slot: itself or, on a holiday, the same time on the next Sunday.
func (s *LocalSlots) Season(slot int64) int64 {
	if s.IsHoliday(slot) {
		slot += int64(calendar.DaysToSunday(slot*s.length)) * s.PerDay
	}
	return slot
}

// IsWeekend tells whether a slot is on a Saturday or Sunday.
func (s *LocalSlots) IsWeekend(slot int64) bool {
	day := calendar.SlotIn(slot*s.length, calendar.Week, calendar.Day)
	return day == calendar.Sunday || day == calendar.Sunday-1
}

// IsDayOff tells whether a slot is on a weekend or a holiday.
func (s *LocalSlots) IsDayOff(slot int64) bool { return s.IsWeekend(s.Season(slot)) }
