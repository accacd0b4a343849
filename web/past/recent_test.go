package past_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/web/past"
)

func TestMissing_IsTheShareOfStepsWithoutAValue(t *testing.T) {
	layout, err := history.NewLayout(time.Minute, 4*24*time.Hour, time.Hour, history.Drop)
	require.NoError(t, err)
	values := history.New(layout)
	begin, day := time.Date(2026, 3, 7, 0, 0, 0, 0, time.UTC).UnixMilli(), (24 * time.Hour).Milliseconds()
	for ts := begin; ts <= begin+4*day; ts += 60_000 {
		if ts < begin+day || ts >= begin+2*day {
			values.Append(ts, 1, false)
		}
	}
	values.Trim(begin + 4*day) // what is old has a value at every few steps only
	s := &result.Series{History: []history.View{values.View()}}
	require.InDelta(t, 0.25, past.Missing(s, begin, begin+4*day), 0.01, "a day of four")
	require.Zero(t, past.Missing(s, begin+2*day, begin+4*day))
	require.True(t, math.IsNaN(past.Missing(s, begin, begin)))
	b := &result.Batch{Step: begin + 4*day, Format: &result.Format{Step: time.Minute}}
	for _, m := range past.Moments(b, s, 84*time.Hour, 24) {
		gap := m.Time.UnixMilli() >= begin+day && m.Time.UnixMilli() < begin+2*day
		require.Equal(t, gap, m.Value != m.Value, m.Time)
	}
	require.True(t, math.IsNaN(past.Missing(&result.Series{}, begin, begin+day)))
}

func TestMoments_HaveNoValueInAGap(t *testing.T) {
	layout, err := history.NewLayout(time.Minute, 4*24*time.Hour, time.Hour, history.Drop)
	require.NoError(t, err)
	values := history.New(layout)
	end := time.Date(2026, 3, 7, 0, 0, 0, 0, time.UTC).UnixMilli()
	const minute = 60_000
	from, to := end-40*minute, end-30*minute
	for ts := end - 3*24*60*minute; ts <= end; ts += minute {
		if ts <= from || ts >= to {
			values.Append(ts, 1, false)
		}
	}
	values.Trim(end)
	s := &result.Series{History: []history.View{values.View()}}
	b := &result.Batch{Step: end, Format: &result.Format{Step: time.Minute}}
	for _, m := range past.Moments(b, s, time.Hour, 60) {
		gap := m.Time.UnixMilli() > from && m.Time.UnixMilli() < to
		require.Equal(t, gap, m.Value != m.Value, m.Time)
	}
	// Two days ago, a value in five minutes is kept, which is that of all five.
	for _, v := range past.Before(s, []int64{(end - minute) / 1000, end / 1000}, 60*time.Hour) {
		require.Equal(t, past.Number(1), v)
	}
}
