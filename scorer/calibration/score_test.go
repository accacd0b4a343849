package calibration_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/calibration"
)

func TestScore_IsTheLogarithmOfTheReturnPeriod(t *testing.T) {
	for _, tc := range []struct {
		period time.Duration
		want   float64
	}{
		{time.Second, 0},
		{5 * time.Minute, 0},
		{50 * time.Minute, 0.2},
		{5 * 100 * time.Minute, 0.4},
		{5 * 1000 * time.Minute, 0.6},
		{5 * 10_000 * time.Minute, 0.8}, // five weeks
	} {
		log := math.Log10(tc.period.Minutes() / 5)
		require.InDelta(t, tc.want, calibration.Score(log), 1e-12)
		require.InEpsilon(t, max(tc.period, 5*time.Minute).Seconds(), calibration.Seconds(log), 1e-9)
	}
}

// Above 0.8 the score is compressed, the period is not. A score of 0.9 is compressed from 1, which is a period of
// 5m * 10^5 = 347 days. Computed from 0.9 it would be 110 days.
func TestScore_DoesNotCompressThePeriod(t *testing.T) {
	for _, tc := range []struct{ uncompressed, score, days float64 }{
		{1, 0.9, 347.2},
		{1.4, 0.95, 34_722},
		{0.8 + 0.2*2, 1 - 0.2/3, 3472},
	} {
		seconds := calibration.Seconds(5 * tc.uncompressed)
		require.InDelta(t, tc.score, calibration.Score(5*tc.uncompressed), 1e-12)
		require.InEpsilon(t, 300*math.Pow(10, 5*tc.uncompressed), seconds, 1e-12)
		require.InEpsilon(t, tc.days, seconds/86400, 2e-3)
	}
	require.InDelta(t, 1, calibration.Score(math.Inf(1)), 0)
	require.True(t, math.IsInf(calibration.Seconds(math.Inf(1)), 1))
}

// However anomalous two steps are, the score tells which of them is more so.
func TestScore_KeepsTheOrderOfWhatIsRare(t *testing.T) {
	before := 0.0
	for surprisal := float64(4); surprisal < 1e4; surprisal *= 1.01 { // powers of ten
		score := calibration.Score(surprisal)
		require.Less(t, score, 1.0)
		require.Greater(t, float32(score), float32(before))
		before = score
	}
}
