package autoregression_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/autoregression"
)

// process is an AR(2) with coefficients 0.5 and 0.3; all of it may be learned from.
func process(n int) (x []float64, ok []bool) {
	rng := rand.New(rand.NewPCG(1, 0))
	x, ok = make([]float64, n), make([]bool, n)
	for i := range x {
		x[i], ok[i] = rng.NormFloat64(), true
		if i > 1 {
			x[i] += 0.5*x[i-1] + 0.3*x[i-2]
		}
	}
	return x, ok
}

func TestFit_FindsTheCoefficientsOfEachHorizon(t *testing.T) {
	t.Parallel()
	x, ok := process(20000)
	c := autoregression.Fit(x, ok, 0, 2, 500, false)
	require.InDeltaSlice(t, []float64{0.5, 0.3}, c.At(1), 0.02)
	require.InDeltaSlice(t, []float64{0.55, 0.15}, c.At(2), 0.02, "0.5 of what is forecast one step ahead, and 0.3")
	sums := autoregression.Fit(x, ok, 0, 2, 500, true)
	require.InDeltaSlice(t, []float64{1.05, 0.45}, sums.At(2), 0.04)
	require.Equal(t, sums.At(97), sums.At(400), "beyond, those of the last horizon kept")
	require.NotEqual(t, sums.At(96), sums.At(97))
}

func TestFit_SkipsWhatMustNotBeLearned(t *testing.T) {
	t.Parallel()
	x, ok := process(20000)
	for i := 0; i < len(x); i += 50 {
		x[i], ok[i] = 1e6, false
	}
	c := autoregression.Fit(x, ok, 0, 2, 1, false)
	require.InDeltaSlice(t, []float64{0.5, 0.3}, c.At(1), 0.03)
	phi, theta := autoregression.FitMoving(x, nil, ok, 2, 0, 0)
	require.InDeltaSlice(t, []float64{0.5, 0.3}, phi, 0.03)
	require.Empty(t, theta)
}

func TestFitMoving_FindsMovingAverages(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(2, 0))
	x, e, ok := make([]float64, 20000), make([]float64, 20000), make([]bool, 20000)
	for i := range x {
		e[i], ok[i] = rng.NormFloat64(), true
		x[i] = e[i]
		if i > 0 {
			x[i] += 0.6*x[i-1] + 0.3*e[i-1]
		}
	}
	phi, theta := autoregression.FitMoving(x, e, ok, 1, 1, 0)
	require.InDelta(t, 0.6, phi[0], 0.02)
	require.InDelta(t, 0.3, theta[0], 0.02)
	residuals := autoregression.Residuals(x, []float64{0.6})
	require.Zero(t, residuals[0])
	require.InDelta(t, x[10]-0.6*x[9], residuals[10], 1e-12)
}

func TestStabilize_DrawsRootsIntoTheUnitCircle(t *testing.T) {
	t.Parallel()
	require.Equal(t, []float64{0.5, 0.3}, autoregression.Stabilize([]float64{0.5, 0.3}))
	require.InDeltaSlice(t, []float64{0.999}, autoregression.Stabilize([]float64{1.2}), 1e-12)
	// Roots 2 and -0.5 become 0.999 and -0.24975.
	want := []float64{0.999 - 0.24975, 0.999 * 0.24975}
	require.InDeltaSlice(t, want, autoregression.Stabilize([]float64{1.5, 1}), 1e-9)
}

func TestSolve_ReturnsZerosWithoutASolution(t *testing.T) {
	t.Parallel()
	b := autoregression.Solve(mat.NewSymDense(2, []float64{2, 0, 0, 4}), mat.NewVecDense(2, []float64{2, 8}))
	require.InDeltaSlice(t, []float64{1, 2}, b, 1e-9)
	b = autoregression.Solve(mat.NewSymDense(2, make([]float64, 4)), mat.NewVecDense(2, []float64{2, 8}))
	require.Equal(t, []float64{0, 0}, b)
	b = autoregression.Solve(mat.NewSymDense(1, []float64{math.NaN()}), mat.NewVecDense(1, []float64{1}))
	require.Equal(t, []float64{0}, b)
}
