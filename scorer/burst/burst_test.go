package burst_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/burst"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/envelope"
)

const minute, slot = int64(60_000), 5 * int64(60_000)

// add adds two days of no deviations but for some, by minute.
func add(days *burst.Days, deviations map[int64]float32) {
	for m := range 2 * calendar.Day / minute {
		days.Add(m*minute, int(m%5), deviations[m])
	}
}

func TestDays(t *testing.T) {
	const hour, day = 60, 24 * 60
	nan := float32(math.NaN())
	for _, tc := range []struct {
		name       string
		deviations map[int64]float32
		at         int64 // minutes
		on0, on1   envelope.Interval
		next       envelope.Interval
	}{
		{"none", nil, hour, envelope.None(), envelope.None(), envelope.None()},
		{
			"on the first day",
			map[int64]float32{hour + 3: 4},
			hour + 3,
			envelope.None(),
			envelope.Interval{High: 6},
			envelope.Interval{High: 6},
		},
		{
			"on both days, at other times",
			map[int64]float32{hour + 3: 4, day + hour + 13: -8},
			hour + 7,
			envelope.Interval{Low: -12},
			envelope.Interval{High: 6},
			envelope.Interval{Low: -12, High: 6},
		},
		{
			"within ten minutes",
			map[int64]float32{hour + 3: 4},
			hour - 10,
			envelope.None(),
			envelope.Interval{High: 6},
			envelope.Interval{High: 6},
		},
		{
			"farther away",
			map[int64]float32{hour + 3: 4},
			hour - 11,
			envelope.None(), envelope.None(), envelope.None(),
		},
		{
			"around midnight",
			map[int64]float32{day - 2: 4},
			9,
			envelope.None(),
			envelope.Interval{High: 6},
			envelope.Interval{High: 6},
		},
		{"too small", map[int64]float32{hour + 3: 2}, hour + 3, envelope.None(), envelope.None(), envelope.None()},
		{
			"longer than a slot",
			map[int64]float32{hour + 4: 4, hour + 5: 4},
			hour + 4,
			envelope.None(), envelope.None(), envelope.None(),
		},
		{
			"ends at an unknown value",
			map[int64]float32{hour + 4: 4, hour + 5: nan},
			hour + 4,
			envelope.None(), envelope.None(), envelope.None(),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			days := burst.New(2*calendar.Day, slot, 2)
			add(days, tc.deviations)
			normal := days.Next()
			at := tc.at * minute % calendar.Day
			for want, got := range map[*envelope.Interval]envelope.Interval{
				&tc.on0: days.On(at), &tc.on1: days.On(at + calendar.Day), &tc.next: normal.At(at),
			} {
				if want.IsNone() {
					require.True(t, got.IsNone(), "%v", got)
					continue
				}
				require.Equal(t, *want, got)
			}
		})
	}
}

// A slot of seven steps of 43 s does not divide the day.
func TestDays_SlotThatDoesNotDivideTheDay(t *testing.T) {
	const step, stride = 43_000, 7
	days := burst.New(2*calendar.Day, step*stride, 2)
	for i := range 2 * calendar.Day / step {
		d := float32(0)
		if i%stride == 3 {
			d = 4
		}
		days.Add(i*step, int(i%stride), d)
	}
	normal := days.Next()
	for i := range calendar.Day / step {
		require.Equal(t, envelope.Interval{High: 6}, normal.At(i*step))
	}
}
