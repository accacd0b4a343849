package hours_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/envelope"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/hours"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/season"
)

var nan = float32(math.NaN())

func TestNearest(t *testing.T) {
	for _, tc := range []struct{ x, expected, center, want float32 }{
		{10, 4, 7, 7},
		{10, 7, 4, 7},
		{1, 4, 7, 4},
		{1, 7, 4, 4},
		{5, 4, 7, 5},
		{5, 7, 4, 5},
		{4, 4, 7, 4},
		{1, 4, nan, 4},
		{nan, 4, 7, 4},
	} {
		require.Equal(t, tc.want, hours.Nearest(tc.x, tc.expected, tc.center), "%v", tc)
	}
}

// days returns the values of whole days, by day and slot of the day.
func days(n, perDay int, value func(day, slot int) float32) []float32 {
	values := make([]float32, n*perDay)
	for i := range values {
		values[i] = value(i/perDay, i%perDay)
	}
	return values
}

func TestHours_At(t *testing.T) {
	for _, perDay := range []int{288, 96, 24, 12} { // slots of 5 minutes to 2 hours
		for _, firstDay := range []int64{-5, 0, 19_000} {
			hourly := func(day, slot int) float32 { return float32(24*slot/perDay) + float32(day)/16 }
			values := days(14, perDay, hourly)
			levelled := days(14, perDay, func(day, slot int) float32 { return hourly(day, slot) - 100 })
			noon := perDay / 2
			values[3*perDay+noon] = -50 // an incident
			values[5*perDay+noon] = 500 // another one, above
			values[2*perDay+noon] = nan // not known
			h := hours.New(&season.Values{First: firstDay * int64(perDay), PerDay: perDay, Values: values}, levelled, true)
			at := h.At((firstDay+14)*int64(perDay) + int64(noon))
			require.InDelta(t, 12-100+6.5/16, at.Center, 1, "%d a day", perDay)
			width := float32(1) // within an hour
			if perDay == 12 {
				width = 0
			}
			require.InDelta(t, 12-width, at.Range.Low, 2.0/16, "%d a day", perDay)
			require.InDelta(t, 12+width+13.0/16, at.Range.High, 2.0/16, "%d a day", perDay)
		}
	}
}

// What is the half of an hour on two days of seven is not its center.
func TestHours_CenterIsThatOfManyDays(t *testing.T) {
	values := days(7, 288, func(day, slot int) float32 {
		if day < 2 && slot%12 < 6 {
			return 400
		}
		return 10
	})
	h := hours.New(&season.Values{First: 0, PerDay: 288, Values: values}, values, true)
	for slot := range int64(288) {
		require.Equal(t, float32(10), h.At(7*288+slot).Center)
	}
}

func TestHours_DaysOff(t *testing.T) {
	dayOff := func(slot int64) bool { return slot/24%7 >= 5 }
	values := days(14, 24, func(day, _ int) float32 {
		if day%7 >= 5 {
			return 1
		}
		return 9
	})
	h := hours.New(&season.Values{First: 0, PerDay: 24, Values: values, DayOff: dayOff}, values, false)
	require.Equal(t, hours.Hour{Center: 9, Range: envelope.Interval{Low: 9, High: 9}}, h.At(14*24+12))
	require.Equal(t, hours.Hour{Center: 1, Range: envelope.Interval{Low: 1, High: 1}}, h.At(19*24+12))
}

// A range is known after four days, a center after one; of slots without values, neither is.
func TestHours_WhatIsNotKnown(t *testing.T) {
	values := days(3, 24, func(_, slot int) float32 {
		if slot < 6 {
			return nan
		}
		return 5
	})
	h := hours.New(&season.Values{First: 0, PerDay: 24, Values: values}, values, true)
	for _, at := range []hours.Hour{(*hours.Hours)(nil).At(3), h.At(3)} {
		require.True(t, math.IsNaN(float64(at.Center)))
		require.True(t, at.Range.IsNone())
	}
	at := h.At(12)
	require.Equal(t, float32(5), at.Center)
	require.True(t, at.Range.IsNone())
	values = days(4, 24, func(int, int) float32 { return 5 })
	at = hours.New(&season.Values{First: 0, PerDay: 24, Values: values}, nil, true).At(12)
	require.True(t, math.IsNaN(float64(at.Center)))
	require.Equal(t, envelope.Interval{Low: 5, High: 5}, at.Range)
}
