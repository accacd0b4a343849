package calendar_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
)

func christmas(_ int, month time.Month, day int) bool { return month == time.December && day == 25 }

func TestHolidays_BeginAndEndAtLocalMidnight(t *testing.T) {
	for _, tc := range []struct {
		zone, at string
		want     bool
	}{
		{"Europe/Berlin", "2026-12-24T22:59:00Z", false},
		{"Europe/Berlin", "2026-12-24T23:00:00Z", true},
		{"Europe/Berlin", "2026-12-25T22:59:00Z", true},
		{"Europe/Berlin", "2026-12-25T23:00:00Z", false},
		{"America/New_York", "2026-12-25T04:59:00Z", false},
		{"America/New_York", "2026-12-25T05:00:00Z", true},
		{"America/New_York", "2026-12-26T04:59:00Z", true},
		{"UTC", "1931-12-25T12:00:00Z", true}, // before the epoch
		{"UTC", "1931-12-26T00:00:00Z", false},
	} {
		c, h := calendar.NewClock(location(t, tc.zone)), calendar.NewHolidays(christmas)
		require.Equal(t, tc.want, h.Contains(c.Local(instant(t, tc.at))), "%s, %s", tc.zone, tc.at)
	}
}

// A day on which clocks are changed is 23 or 25 hours long, and all of these are on the holiday.
func TestHolidays_LastAsLongAsTheDay(t *testing.T) {
	for day, want := range map[string]int{"2026-03-29": 23, "2026-03-30": 24, "2026-10-25": 25} {
		c := calendar.NewClock(location(t, "Europe/Berlin"))
		h := calendar.NewHolidays(func(year int, month time.Month, d int) bool {
			return time.Date(year, month, d, 0, 0, 0, 0, time.UTC).Format(time.DateOnly) == day
		})
		hours := 0
		for at := instant(t, day+"T00:00:00Z") - 24*hour; at < instant(t, day+"T00:00:00Z")+48*hour; at += hour {
			if h.Contains(c.Local(at)) {
				hours++
			}
		}
		require.Equal(t, want, hours, day)
	}
}

func TestHolidays_AskOncePerDay(t *testing.T) {
	asked := 0
	h := calendar.NewHolidays(func(_ int, _ time.Month, day int) bool { asked++; return day == 2 })
	for at := int64(0); at < 3*calendar.Day; at += hour {
		require.Equal(t, at/calendar.Day == 1, h.Contains(at))
	}
	require.Equal(t, 3, asked)
}

func TestHolidays_NoneWithoutAFunction(t *testing.T) {
	var zero calendar.Holidays
	for _, h := range []calendar.Holidays{zero, calendar.NewHolidays(nil)} {
		require.True(t, h.None())
		require.False(t, h.Contains(0))
	}
	h := calendar.NewHolidays(christmas)
	require.False(t, h.None())
}

func TestDaysToSunday_AgreesWithTime(t *testing.T) {
	for day := int64(-20); day < 20; day++ {
		for _, within := range []int64{0, calendar.Day - 1} {
			local := day*calendar.Day + within
			sunday := time.UnixMilli(local).UTC().AddDate(0, 0, calendar.DaysToSunday(local))
			require.Equal(t, time.Sunday, sunday.Weekday(), "day %d", day)
			require.Less(t, calendar.DaysToSunday(local), 7)
		}
	}
}
