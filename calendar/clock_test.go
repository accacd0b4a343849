package calendar_test

import (
	"testing"
	"time"
	_ "time/tzdata" // zones, wherever the tests run

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
)

const (
	minute = int64(60_000)
	hour   = 60 * minute
)

func location(t *testing.T, name string) *time.Location {
	t.Helper()
	l, err := time.LoadLocation(name)
	require.NoError(t, err)
	return l
}

func instant(t *testing.T, text string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return at.UnixMilli()
}

// reading is what a wall clock shows.
func reading(local int64) string { return time.UnixMilli(local).UTC().Format("2006-01-02 15:04") }

func TestClock_FollowsDaylightSaving(t *testing.T) {
	for _, tc := range []struct{ name, zone, at, want string }{
		{"no location is UTC", "UTC", "2026-07-01T12:00:00Z", "2026-07-01 12:00"},
		{"last minute of winter", "Europe/Berlin", "2026-03-29T00:59:00Z", "2026-03-29 01:59"},
		{"put forward", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29 03:00"},
		{"last minute of summer", "Europe/Berlin", "2026-10-25T00:59:00Z", "2026-10-25 02:59"},
		{"put back", "Europe/Berlin", "2026-10-25T01:00:00Z", "2026-10-25 02:00"},
		{"west of UTC, put forward", "America/New_York", "2026-03-08T07:00:00Z", "2026-03-08 03:00"},
		{"west of UTC, put back", "America/New_York", "2026-11-01T06:00:00Z", "2026-11-01 01:00"},
		{"by half an hour", "Australia/Lord_Howe", "2026-04-04T15:00:00Z", "2026-04-05 01:30"},
		{"never changed since", "Asia/Kolkata", "2026-07-01T12:00:00Z", "2026-07-01 17:30"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := calendar.NewClock(location(t, tc.zone))
			require.Equal(t, tc.want, reading(c.Local(instant(t, tc.at))))
		})
	}
	var utc calendar.Clock
	require.Equal(t, int64(-1), utc.Local(-1), "the zero value is UTC")
	utc = calendar.NewClock(nil)
	require.Equal(t, int64(-1), utc.Local(-1))
}

// Readings agree with package time, and a reading does not depend on which one came before it.
func TestClock_AgreesWithTimeInAnyOrder(t *testing.T) {
	for _, zone := range []string{
		"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca",
	} {
		t.Run(zone, func(t *testing.T) {
			l := location(t, zone)
			want := func(at int64) int64 {
				_, seconds := time.UnixMilli(at).In(l).Zone()
				return at + int64(seconds)*1000
			}
			start, end := instant(t, "2025-12-01T00:00:00Z"), instant(t, "2027-02-01T00:00:00Z")
			forward, backward, jumping := calendar.NewClock(l), calendar.NewClock(l), calendar.NewClock(l)
			var wrong []int64
			for at := start; at < end; at += 15 * minute {
				back := start + end - at
				if forward.Local(at) != want(at) || backward.Local(back) != want(back) ||
					jumping.Local(at) != want(at) || jumping.Local(back) != want(back) {
					wrong = append(wrong, at)
				}
			}
			require.Empty(t, wrong)
		})
	}
	c := calendar.NewClock(location(t, "Europe/Berlin"))
	require.Equal(t, "1901-12-31 23:30", reading(c.Local(instant(t, "1901-12-31T22:30:00Z"))), "before the epoch")
}

// When clocks are put forward the hours of the day lack one, when they are put back one comes twice.
func TestSlotIn_SkipsAndRepeatsTheHourOfAChange(t *testing.T) {
	for _, tc := range []struct {
		name, from string
		want       []int
	}{
		{"put forward", "2026-03-28T23:00:00Z", []int{0, 1, 3, 4, 5}},
		{"put back", "2026-10-24T22:00:00Z", []int{0, 1, 2, 2, 3}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := calendar.NewClock(location(t, "Europe/Berlin"))
			var hours []int
			for i := range len(tc.want) {
				hours = append(hours, calendar.SlotIn(c.Local(instant(t, tc.from)+int64(i)*hour), calendar.Day, hour))
			}
			require.Equal(t, tc.want, hours)
		})
	}
}

func TestSlot_CountsFromTheEpochInBothDirections(t *testing.T) {
	for _, tc := range []struct {
		t, length, slot int64
		inDay, inWeek   int
	}{
		{0, hour, 0, 0, 0},
		{hour - 1, hour, 0, 0, 0},
		{hour, hour, 1, 1, 1},
		{calendar.Day + hour, hour, 25, 1, 25},
		{-1, hour, -1, 23, 167},
		{-hour, hour, -1, 23, 167},
		{-hour - 1, hour, -2, 22, 166},
		{calendar.Week, hour, 168, 0, 0},
		{calendar.Day - 1, 7 * minute, 205, 205, 205}, // the last slot of the day is shorter
	} {
		require.Equal(t, tc.slot, calendar.Slot(tc.t, tc.length), "%d", tc.t)
		require.Equal(t, tc.inDay, calendar.SlotIn(tc.t, calendar.Day, tc.length), "%d", tc.t)
		require.Equal(t, tc.inWeek, calendar.SlotIn(tc.t, calendar.Week, tc.length), "%d", tc.t)
	}
}

func BenchmarkClock(b *testing.B) {
	l, err := time.LoadLocation("Europe/Berlin")
	require.NoError(b, err)
	c := calendar.NewClock(l)
	b.ReportAllocs()
	at := int64(1_800_000_000_000)
	for b.Loop() {
		c.Local(at)
		at += minute
	}
}
