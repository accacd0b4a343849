package lines_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/lines"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rolling"
)

const perDay = 24 * lines.HourParts

// noisy returns RecentTrends that have seen a week of noise around the usual.
func noisy(r *rand.Rand) lines.RecentTrends {
	recent := lines.NewRecentTrends(1.0/perDay, lines.HourParts)
	for range 7 * perDay {
		e := r.NormFloat64()
		recent.Add(e, 100+e, 1, true)
	}
	return recent
}

func TestRecentTrends_AdjustALineWhereItsSlopeHasChanged(t *testing.T) {
	for name, tc := range map[string]struct{ slope, want float64 }{
		"as steep":      {1, 1},
		"a little less": {0.95, 1},
		"stopped":       {0, 0},
		"turned":        {-1, -1},
		"faster":        {3, 3},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			recent := noisy(r)
			// A line of eight hours, the last three of which have another slope.
			v, trend := 0.0, rolling.FadingLine{}
			const parts = 8 * lines.HourParts
			for i := range parts {
				if v++; i >= 5*lines.HourParts {
					v += tc.slope - 1
				}
				e := 0.1 * r.NormFloat64()
				recent.Add(v+e, 100+v+e, 1, false)
				trend.Fade(lines.Fade(i+1, 5))
				trend.Add(v + e)
			}
			line := lines.Fit(&trend, parts, 1, 0)
			recent.AdjustSlope(&line, 0)
			require.Greater(t, line.Slope, tc.want-0.3)
			require.Less(t, line.Slope, max(2*tc.want, tc.want+0.3), "it may go on to get faster")
			require.InDelta(t, v, line.Level, 3)
		})
	}
}

func TestRecentTrends_DoNotAdjustALineWithoutNoiseToJudgeBy(t *testing.T) {
	recent, trend := lines.NewRecentTrends(1.0/perDay, lines.HourParts), rolling.FadingLine{}
	for i := range perDay {
		v := float64(i * i)
		recent.Add(v, v, 1, false)
		trend.Fade(lines.Fade(i+1, 5))
		trend.Add(v)
	}
	line := lines.Fit(&trend, perDay, 1, 0)
	want := line
	recent.AdjustSlope(&line, 0)
	require.Equal(t, want, line)
}

// A rise that restarts end each day is continued when it is higher than ever, and straight.
func TestRise_IsContinuedAboveAllOthers(t *testing.T) {
	rise, recent := lines.NewRise(lines.HourParts), noisy(rand.New(rand.NewPCG(3, 4)))
	advance := func(v float64) lines.Extrapolation {
		rise.Advance(v, 5)
		recent.Add(v, v, 1, false)
		return rise.Extrapolate(v, &recent, 1)
	}
	for range 3 {
		for i := range perDay {
			require.Zero(t, advance(float64(i)).Share, "as on other days")
		}
	}
	var l lines.Extrapolation
	for i := range 3 * perDay / 2 {
		l = advance(float64(i))
	}
	require.InDelta(t, 1, l.Share, 0)
	require.InDelta(t, 1, l.Slope, 0.01)
	require.True(t, l.OfValues)
	require.InDelta(t, 3*perDay/2+lines.MedianLag(lines.HourParts), l.Level, 2, "its values are medians of the hour")
	require.InDelta(t, perDay-1, rise.Range(), 0)
}

func TestExtrapolation_OfDeparturesBeatsValuesIfItIsSurerOrNearer(t *testing.T) {
	surer, values := lines.Extrapolation{Share: 0.6}, lines.Extrapolation{Share: 0.5}
	require.True(t, surer.Beats(&values, true))
	require.False(t, values.Beats(&surer, false))
	require.True(t, values.Beats(&values, false), "as sure")
	require.False(t, values.Beats(&values, true), "as sure, and no nearer where the usual jumps")
	near, far := (&lines.Trend{RSquared: 0.99}).Extrapolate(1), (&lines.Trend{RSquared: 0.95}).Extrapolate(1)
	require.True(t, near.Beats(&far, true))
}

func TestFade_HalvesAPointInHalfOfTheTimeThatItsLineHasLasted(t *testing.T) {
	for minutes, exact := range map[float64]float64{1: 1e-5, 5: 2e-4, 10: 1e-3, 15: 2e-3, 60: 0.02} {
		require.InDelta(t, 0.5, math.Pow(lines.Fade(int(6*60/minutes), minutes), 3*60/minutes), exact, minutes)
		require.InDelta(t, 0.5, math.Pow(lines.Fade(1, minutes), 60/minutes), exact, "at least an hour")
		require.InDelta(t, 0.5, math.Pow(lines.Fade(1e6, minutes), 8*60/minutes), exact, "at most eight hours")
	}
	require.Zero(t, lines.Fade(1e6, 24*60))
}
