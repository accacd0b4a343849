package baseline

import (
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/grid"
)

const day = time.Duration(calendar.Day) * time.Millisecond

// localSlots numbers slots by the wall clock, so that a season follows daylight saving.
type localSlots struct {
	clock    calendar.Clock
	holidays calendar.Holidays
	length   int64 // ms
	perDay   int64
}

func newLocalSlots(
	g grid.Grid, location *time.Location, holiday func(year int, month time.Month, day int) bool,
) localSlots {
	return localSlots{
		clock:    calendar.NewClock(location),
		holidays: calendar.NewHolidays(holiday),
		length:   g.Slot(),
		perDay:   int64(g.Slots(day)),
	}
}

// at returns the slot of the instant t (ms).
func (s *localSlots) at(t int64) int64 { return calendar.Slot(s.clock.Local(t), s.length) }

func (s *localSlots) isHoliday(slot int64) bool { return s.holidays.Contains(slot * s.length) }

// seasonSlot returns the slot whose season counts for a slot: itself or, on a holiday, the same time on the next
// Sunday.
func (s *localSlots) seasonSlot(slot int64) int64 {
	if s.isHoliday(slot) {
		slot += int64(calendar.DaysToSunday(slot*s.length)) * s.perDay
	}
	return slot
}

func (s *localSlots) isWeekend(slot int64) bool {
	day := calendar.SlotIn(slot*s.length, calendar.Week, calendar.Day)
	return day == calendar.Sunday || day == calendar.Sunday-1
}
