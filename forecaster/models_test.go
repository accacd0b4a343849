package forecaster_test

import (
	"encoding/csv"
	"math"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
)

// testdata/reference.R made the values, with R's forecast package. Where both estimate parameters, but not by the same
// criterion, the tolerance is that of the estimate.
func TestFit_AgreesWithR(t *testing.T) {
	t.Parallel()
	reference := readReference(t)
	for _, tc := range []struct {
		model, series string
		tolerance     float64
	}{
		{"drift", "flat", 1e-6},
		{"mean", "flat", 1e-6},
		{"seasonal_naive", "hourly", 1e-4}, // kept in single precision
		{"ses", "flat", 0.01},
		{"holt", "flat", 0.3},
		{"theta", "flat", 0.01},
		{"holt_winters", "hourly", 5}, // R fits the 24 initial seasons too
		{"arima", "flat", 0.01},
		{"arima(1,1,1)", "flat", 0.5},
		{"arima(2,0,0)", "flat", 0.1},
		{"fourier", "hourly", 0.02},
	} {
		t.Run(tc.model, func(t *testing.T) {
			t.Parallel()
			want := reference[[2]string{tc.model, tc.series}]
			o := forecaster.Options{Model: tc.model, Step: 24 * time.Hour, Horizons: []int{len(want)}}
			if tc.series == "hourly" {
				o.Step = time.Hour
			}
			m, err := forecaster.Fit(o, monday, reference[[2]string{"values", tc.series}], nil)
			require.NoError(t, err)
			require.Equal(t, tc.model, m.Name())
			for i, v := range want {
				require.InDelta(t, v, m.Quantile(i+1, 0.5), tc.tolerance, "step %d", i+1)
			}
		})
	}
}

func readReference(t *testing.T) map[[2]string][]float64 {
	t.Helper()
	f, err := os.Open("testdata/reference.csv")
	require.NoError(t, err)
	defer f.Close()
	r := csv.NewReader(f)
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	require.NoError(t, err)
	out := map[[2]string][]float64{}
	for _, row := range rows {
		var values []float64
		for _, text := range row[2:] {
			v, err := strconv.ParseFloat(text, 64)
			require.NoError(t, err)
			values = append(values, v)
		}
		out[[2]string{row[0], row[1]}] = values
	}
	return out
}

func TestModel_AdvanceEqualsRefitWithoutParameters(t *testing.T) {
	t.Parallel()
	y := daily(1000, 5*time.Minute, 2)
	for _, model := range []string{"seasonal_naive", "drift", "mean"} {
		o := forecaster.Options{Model: model, Step: 5 * time.Minute, Horizons: []int{72}}
		live, err := forecaster.Fit(o, monday, y[:900], nil)
		require.NoError(t, err)
		for _, v := range y[900:] {
			live.Advance(v)
		}
		refit, err := forecaster.Fit(o, monday, y, nil)
		require.NoError(t, err)
		for h := 1; h <= 72; h++ {
			require.InDelta(t, refit.Quantile(h, 0.5), live.Quantile(h, 0.5), 1e-4, model)
		}
	}
}

func TestFit_KnowsModelsByName(t *testing.T) {
	t.Parallel()
	y := daily(600, 5*time.Minute, 1)
	for _, model := range append(forecaster.Models(), "arima(0,1,1)", "arima(2,2,1)", "arima(0,0,0)") {
		o := five(3, 12)
		o.Model = model
		m, err := forecaster.Fit(o, monday, y, nil)
		require.NoError(t, err, model)
		require.False(t, math.IsNaN(m.Quantile(12, 0.9)), model)
		for range 20 {
			m.Advance(math.NaN())
			m.Advance(100)
		}
		require.False(t, math.IsNaN(m.MaxQuantile(12, 0.9)), model)
	}
	for _, model := range []string{"prophet", "arima(6,1,0)", "arima(1,1,0) ", "arima(1,3,0)", "arima(-1,0,0)"} {
		_, err := forecaster.Fit(forecaster.Options{Model: model, Step: time.Minute, Horizons: []int{3}}, monday, y, nil)
		require.ErrorContains(t, err, "unknown model")
	}
}
