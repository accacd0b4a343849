package movement_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/movement"
)

func TestSeries_PerHourSumsTheGainsOfAnHour(t *testing.T) {
	two := movement.Series(func(int) float64 { return 2 })
	require.InDelta(t, 24, two.PerHour(5*time.Minute, 5*time.Minute), 1e-12, "of increase(x[5m])")
	require.InDelta(t, 4, two.PerHour(5*time.Minute, 30*time.Minute), 1e-12, "of increase(x[30m])")
	require.InDelta(t, 7200, two.PerHour(time.Hour, time.Second), 1e-9, "of a rate")
	odd := movement.Series(func(back int) float64 {
		if back%2 == 1 {
			return math.NaN()
		}
		return 2
	})
	require.InDelta(t, 24, odd.PerHour(5*time.Minute, 5*time.Minute), 1e-12, "missing ones are like the others")
	none := movement.Series(func(int) float64 { return math.NaN() })
	require.True(t, math.IsNaN(none.PerHour(time.Minute, time.Minute)))
}

func TestSeries_TrendIsByHoursOrLongerSteps(t *testing.T) {
	for step, perHour := range map[time.Duration]float64{5 * time.Minute: 12, time.Hour: 1, 2 * time.Hour: 0.5} {
		leak := movement.Series(func(back int) float64 { return -float64(back) })
		trend := leak.Trend(step)
		require.Equal(t, movement.Increasing, trend.Word, step)
		require.InDelta(t, perHour, trend.PerHour, 1e-9, step)
	}
}
