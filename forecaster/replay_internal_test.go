package forecaster

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/candidates"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/combination"
)

// After a fit a Model goes on as if it had seen everything in one go.
func TestModel_AdvanceEqualsReplay(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 0))
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, time.Hour} {
		day := int(24 * time.Hour / step)
		y := make([]float64, 15*day)
		for i := range y {
			y[i] = 10 + 5*math.Sin(2*math.Pi*float64(i)/float64(day)) + rng.NormFloat64()
		}
		o := Options{Step: step, Horizons: []int{1, 12, 3 * day}}
		m, err := Fit(o, 1767571200000, y[:14*day], nil)
		require.NoError(t, err)
		for _, v := range y[14*day:] {
			m.Advance(v)
		}
		o.setDefaults()
		w := o.newWindow(1767571200000, y[:14*day], nil)
		replayed := combination.Fit(w, combination.Options{Horizons: o.Horizons})
		for _, v := range y {
			replayed.Advance(w.Scaling.Forward(v))
		}
		for _, steps := range []int{1, 12, day, 3 * day} {
			h := candidates.NewHorizon(steps, step.Hours())
			var want, got combination.Prediction
			replayed.Predict(&h, &want)
			m.predictor.Predict(&h, &got)
			require.Equal(t, want, got, "step %v, %d ahead", step, steps)
		}
	}
}
