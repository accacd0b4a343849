package rollingorigin_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rollingorigin"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

func TestSample_TakesOnlyLearnedValuesAsOriginsAndTargets(t *testing.T) {
	t.Parallel()
	y, learn := make([]float64, 7*1440), make([]bool, 7*1440)
	for i := range y {
		y[i] = float64(i % 1440)
		learn[i] = i%5 == 0 || i > 5*1440
	}
	w := window.New(window.Options{Step: time.Minute}, 0, y, learn)
	ends := rollingorigin.Buckets(w, 360)
	require.Equal(t, []int{1, 5, 10, 15, 30, 60, 120, 240, 360}, ends)
	s := rollingorigin.Sample(w, ends, 1440)
	for b, hi := range ends {
		lo := 0
		if b > 0 {
			lo = ends[b-1]
		}
		from, to := s.Bucket(b)
		require.GreaterOrEqual(t, to-from, 100)
		for i := from; i < to; i++ {
			require.True(t, learn[s.Origin[i]] && learn[s.Target(i)])
			require.True(t, int(s.Steps[i]) > lo && int(s.Steps[i]) <= hi)
			require.GreaterOrEqual(t, int(s.Origin[i]), 1440)
		}
	}
}
