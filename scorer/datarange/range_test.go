package datarange_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/datarange"
)

func TestRange_TakesWhatIsRightBesideItToBeAtItsEnd(t *testing.T) {
	inf := math.Inf(1)
	for _, tc := range []struct {
		r                 datarange.Range
		y, atEnd, clipped float64
		contains          bool
	}{
		{datarange.Range{0, 100}, 0, 0, 0, true},
		{datarange.Range{0, 100}, 100.0001, 100, 100, false},
		{datarange.Range{0, 100}, -0.0009, 0, 0, false},
		{datarange.Range{0, 100}, 100.1, 100.1, 100, false},
		{datarange.Range{0, inf}, -1e-9, -1e-9, 0, false}, // nothing tells what is right beside it
		{datarange.Range{0, inf}, 1e300, 1e300, 1e300, true},
		{datarange.Range{-inf, inf}, -inf, -inf, -inf, false},
	} {
		require.Equal(t, tc.contains, tc.r.Contains(tc.y), "%v", tc)
		require.Equal(t, tc.atEnd, tc.r.AtEnd(tc.y), "%v", tc)
		require.Equal(t, tc.clipped, tc.r.Clip(tc.y), "%v", tc)
	}
	require.False(t, datarange.Range{-inf, inf}.Contains(math.NaN()))
}
