package detector

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
)

func TestFeedback(t *testing.T) {
	for _, tc := range []struct {
		name                 string
		steps                int
		median, lower, upper float64
		mase, bias, coverage float64
	}{
		{"as it is", 3, 10, 9, 11, (0 + 0.1) / (2 + 0.1), 0, 1},
		{"too high by 1", 3, 11, 10.5, 12, (1 + 0.1) / (2 + 0.1), 0.1, 0},
		{"too low by 4, at a horizon of which not all are kept", 100, 6, 4, 10, (4 + 0.1) / (2 + 0.1), -0.4, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFeedback(tc.steps, time.Minute)
			_, ok := assess([]*feedback{f})
			require.False(t, ok)
			for at := int64(1_000_000); at < 1_000_400; at++ {
				f.settle(at, 10, 12) // a day before it was 12
				f.keep(at, forecaster.Point{Median: tc.median, Lower: tc.lower, Upper: tc.upper})
			}
			f.settle(1_000_400, math.NaN(), 12)
			q, ok := assess([]*feedback{f, newFeedback(3, time.Minute)})
			require.True(t, ok)
			require.InDelta(t, tc.mase, q.mase, 1e-9)
			require.InDelta(t, tc.bias, q.bias, 1e-9)
			require.InDelta(t, tc.coverage, q.coverage, 1e-9)
		})
	}
}

func TestFeedbackForgets(t *testing.T) {
	quality := func(days int) quality {
		f := newFeedback(1, time.Hour)
		for at := int64(500_000); at < 500_000+24*7+24*int64(days); at++ {
			median := 10.0
			if at < 500_000+24*7 {
				median = 1000 // for a week all forecasts were wrong by far
			}
			f.settle(at, 10, 12)
			f.keep(at, forecaster.Point{Median: median})
		}
		q, ok := assess([]*feedback{f})
		require.True(t, ok)
		return q
	}
	// What is left of the error of that week halves each day: 990 is 471 times what 2.1 is, as errors and scales are raised by 0.1.
	require.InDelta(t, 471.5/2, quality(1).mase, 10)
	require.InDelta(t, 471.5/128, quality(7).mase, 0.3)
}
