package change_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/calibration"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/change"
)

// sample returns statistics, of which some were away.
func sample(n int, away ...int) []calibration.Statistics {
	all := make([]calibration.Statistics, n)
	for _, i := range away {
		all[i][0] = 1
	}
	return all
}

func TestChange_DoublesWithEachTimeAsLongAsEver(t *testing.T) {
	c := change.New(3)
	require.True(t, c.Learn(sample(100), 1))
	require.InDelta(t, 0, c.Score(0), 0)
	require.InDelta(t, 3, c.Score(1), 1e-9)
	require.InDelta(t, 3+2*math.Log10(2), c.Score(3), 1e-9)
	require.InDelta(t, c.Score(60), c.Score(1000), 0)

	require.False(t, c.Learn(sample(100, 5, 20, 21, 50), 5))
	require.InDelta(t, 0, c.Score(10), 0, "as long as before")
	require.InDelta(t, 3, c.Score(11), 1e-9)
	require.InDelta(t, 3+math.Log10(2), c.Score(21), 1e-9)
}

func TestChange_SaysNothingOfWhatIsOftenAway(t *testing.T) {
	c := change.New(3)
	c.Learn(sample(10, 0, 5), 1)
	require.InDelta(t, 0, c.Score(100), 0)
}

func TestCount_IsNotEndedByOneStep(t *testing.T) {
	require.Equal(t, 65, change.Count(60, 5, true))
	require.Equal(t, 15, change.Count(60, 1, false))
	require.Equal(t, 0, change.Count(2, 1, false))
}
