package movement_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/movement"
)

// hours returns the means of hours, the newest first.
func hours(mean func(ago int) float64) *[movement.Hours]float64 {
	var all [movement.Hours]float64
	for i := range all {
		all[i] = mean(i)
	}
	return &all
}

// noise is a fixed sequence of normal values.
func noise(seed uint64) func(int) float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	values := hours(func(int) float64 { return r.NormFloat64() })
	return func(ago int) float64 { return values[ago] }
}

func TestOf_TellsHowFastAndForHowLong(t *testing.T) {
	t.Parallel()
	e := noise(3)
	for _, tc := range []struct {
		name string
		mean func(ago int) float64
		want movement.Trend
		text string
	}{
		// Each hour of a leak changes by as much as every other: none is unusual.
		{
			"a leak", func(ago int) float64 { return 900 - 29*float64(ago) + e(ago) },
			movement.Trend{Word: movement.Increasing, PerHour: 29, For: 26},
			"rising 29 an hour for a day or longer",
		},
		{
			"a leak since ten hours ago", func(ago int) float64 { return 900 - 16*math.Min(float64(ago), 10) + e(ago) },
			movement.Trend{Word: movement.Increasing, PerHour: 16, For: 10},
			"rising 16 an hour for 10 hours",
		},
		{
			"a disk that is emptied", func(ago int) float64 { return 100 + 5*float64(ago) },
			movement.Trend{Word: movement.Decreasing, PerHour: -5, For: 26},
			"falling 5 an hour for a day or longer",
		},
		{
			"a step now", func(ago int) float64 { return 100 + 50*max(0, 1-float64(ago)) + e(ago) },
			movement.Trend{Word: movement.Increasing, PerHour: 50, For: 1},
			"rising 50 in the last hour",
		},
		{
			"more and more", func(ago int) float64 { return []float64{8, 3, 1, 0}[min(ago, 3)] },
			movement.Trend{Word: movement.Accelerating, PerHour: 5, For: 3},
			"rising ever faster, 5 in the last hour",
		},
		{
			"two hours", func(ago int) float64 { return []float64{2, 6, 10}[min(ago, 2)] },
			movement.Trend{Word: movement.Decreasing, PerHour: -4, For: 2},
			"falling 4 an hour for 2 hours",
		},
		{"a jump after a slow rise", func(ago int) float64 {
			return 500 - 10*float64(ago) + 60*max(0, 1-float64(ago)) + e(ago)
		}, movement.Trend{Word: movement.Increasing, PerHour: 70, For: 1}, "rising 70 in the last hour"},
		{"a jump as large as some of the day before", func(ago int) float64 {
			return 500 - 10*float64(ago) + 60*max(0, 1-float64(ago)) + 200*float64((ago/18)*(ago%2))
		}, movement.Trend{Word: movement.Increasing, PerHour: 70, For: 1}, "rising 70 in the last hour"},
		{
			"a rise that has just ended", func(ago int) float64 { return 500 - 10*math.Max(float64(ago), 2-float64(ago)) },
			movement.Trend{Word: movement.Stable},
			"stable",
		},
		{"noise", e, movement.Trend{Word: movement.Stable}, "stable"},
		{"a level", func(int) float64 { return 1e6 }, movement.Trend{Word: movement.Stable}, "stable"},
		{
			"rounding", func(ago int) float64 { return 1e6 - 0.1*float64(ago) },
			movement.Trend{Word: movement.Stable},
			"stable",
		},
		{"not known", func(int) float64 { return math.NaN() }, movement.Trend{}, ""},
		{"a leak with gaps", func(ago int) float64 {
			if ago%4 == 2 {
				return math.NaN()
			}
			return 900 - 29*float64(ago)
		}, movement.Trend{Word: movement.Increasing, PerHour: 29, For: 25}, "rising 29 an hour for a day or longer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := movement.Of(hours(tc.mean))
			require.Equal(t, tc.want.Word, got.Word)
			require.InDelta(t, tc.want.PerHour, got.PerHour, 2)
			require.InDelta(t, tc.want.For, got.For, 2)
			got.PerHour, got.For = tc.want.PerHour, tc.want.For
			require.Equal(t, tc.text, got.Text(func(v float64) string { return fmt.Sprintf("%.0f", v) }))
		})
	}
}

// What is noise is called a line about as rarely as the comment on the constants says.
func TestOf_SeldomSeesALineInNoise(t *testing.T) {
	t.Parallel()
	moved, runs := 0, 20_000
	r := rand.New(rand.NewPCG(7, 7))
	for range runs {
		h := hours(func(int) float64 { return r.NormFloat64() })
		h[0] = h[1] // so that the newest change is never large
		if got := movement.Of(h); got.Word != movement.Stable {
			moved++
		}
	}
	t.Logf("%d of %d", moved, runs)
	require.Less(t, moved, runs/400)
}
