package classical

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMinimize_FindsTheLeast(t *testing.T) {
	t.Parallel()
	for _, want := range [][]float64{{0.5}, {0.2, 0.9}, {0.7, 0.01, 0.4, 0.99, 0.5}} {
		evaluated := 0
		loss := func(x []float64) (sum float64) {
			evaluated++
			for i, v := range want {
				sum += (x[i] - v) * (x[i] - v) * float64(1+i)
				if i > 0 {
					sum += 0.5 * (x[i] - v) * (x[i-1] - want[i-1])
				}
			}
			return sum + 1
		}
		initial := make([]float64, len(want))
		for i := range initial {
			initial[i] = 0.3
		}
		require.InDeltaSlice(t, want, minimize(loss, initial), 1e-3)
		require.Less(t, evaluated, maxEvaluations+len(want)+2)
	}
}

func TestMinimize_GoesNoNearerToTheEndsThanEdge(t *testing.T) {
	t.Parallel()
	got := minimize(func(x []float64) float64 { return x[0] - x[1] }, []float64{0.3, 0.3})
	require.Equal(t, []float64{edge, 1 - edge}, got)
}

func TestIsSeasonal_NeedsThreeDaysAndMoreThanChance(t *testing.T) {
	t.Parallel()
	y := make([]float64, 20*24)
	for i := range y {
		y[i] = math.Sin(2*math.Pi*float64(i)/24) + math.Sin(math.E*float64(i*i))
	}
	require.True(t, isSeasonal(y, 24))
	require.False(t, isSeasonal(y[:71], 24))
	require.False(t, isSeasonal(y, 1))
	for i := range y {
		y[i] = math.Sin(math.E * float64(i*i))
	}
	require.False(t, isSeasonal(y, 24))
	require.False(t, isSeasonal(make([]float64, 20*24), 24))
}

func TestFitterOf_KnowsNames(t *testing.T) {
	t.Parallel()
	for _, name := range append(Names(), "arima(0,0,0)", "arima(5,2,5)") {
		_, ok := FitterOf(name)
		require.True(t, ok, name)
	}
	for _, name := range []string{"", "auto", "counts", "prophet", "arima(6,1,0)", "arima(01,1,0)", "arima(1,1,0) "} {
		_, ok := FitterOf(name)
		require.False(t, ok, name)
	}
}
