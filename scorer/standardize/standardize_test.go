package standardize_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/datarange"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/standardize"
)

func TestStandardizer_ScalesAroundItsLine(t *testing.T) {
	s := standardize.Standardizer{Center: 100, Scale: 5, Slope: 0.5, Origin: 1000}
	for _, tc := range []struct {
		t    int64
		y    float64
		want float32
	}{{1000, 100, 0}, {1000, 110, 2}, {1010, 105, 0}, {990, 105, 2}} {
		require.Equal(t, tc.want, s.Scaled(tc.t, tc.y), "%v", tc)
		require.InDelta(t, tc.y, s.Value(tc.t, tc.want), 1e-12)
	}
	require.InDelta(t, 10, s.Distance(2), 0)
}

func TestStandardizer_TakesHugeAndTinyValues(t *testing.T) {
	huge := standardize.Standardizer{Center: -1e308, Scale: 1e300}
	require.Equal(t, float32(2e8), huge.Scaled(0, 1e308), "the difference overflows")
	tiny := standardize.Standardizer{Center: 1, Scale: 1e-300}
	require.Equal(t, float32(standardize.Max), tiny.Scaled(0, 2))
	require.Equal(t, float32(-standardize.Max), tiny.Scaled(0, -math.MaxFloat64))
}

func TestStandardizer_TakesWhatIsBesideTheNominalRangeToBeAtItsEnd(t *testing.T) {
	s := standardize.Standardizer{Scale: 1, Nominal: datarange.Range{0, 100}}
	require.Equal(t, float32(100), s.Scaled(0, 100.0001))
	require.Equal(t, float32(101), s.Scaled(0, 101))
}

func TestStandardizer_ResolvesNoSmallerDistance(t *testing.T) {
	s := standardize.Standardizer{Resolution: 0.1}
	require.Equal(t, float32(5.05), s.Resolve(5, 5.05))
	require.Equal(t, float32(5), s.Resolve(5, 5.2))
}
