package calibration

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// The reference values are those of scipy.stats.norm.isf.
func TestNormalDeviate_AgreesWithSciPy(t *testing.T) {
	for p, want := range map[float64]float64{
		0.9: 0, 0.5: 0, 0.3: 0.524401, 0.1: 1.281552, 0.01: 2.326348, 1e-4: 3.719016, 1e-10: 6.361341, 1e-100: 21.273453,
	} {
		require.InDelta(t, want, normalDeviate(-math.Log(p)), 4.5e-4)
	}
}

// The deviates of a skewed sample are those of a normal distribution.
func TestMarginal_MakesSkewedValuesNormal(t *testing.T) {
	v := halfNormal(20_000, 3)
	m := FitMarginal(v, 0)
	for _, tc := range []struct{ x, want float64 }{
		{0.6744898, 0},       // the median
		{1.6448536, 1.28155}, // exceeded by 10 %
		{2.5758293, 2.32635}, // by 1 %
		{0.1256613, -1.28155},
		{0.0125335, -2.32635},
	} {
		require.InDelta(t, tc.want, float64(m.Deviate(float32(tc.x))), 0.1, "%g", tc.x)
	}
}
