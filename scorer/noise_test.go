package scorer_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// A level that has changed is normal after a day and a half also if noise grew with it, and a fall from there is not.
func TestModel_ExpectsTheNoiseOfANewLevel(t *testing.T) {
	skipStatistical(t)
	const day, history, from = 24 * hour, 14 * 24 * hour, 20*24*hour + 10*hour // a Wednesday
	for _, tc := range []struct {
		step   time.Duration
		shape  daily
		factor float64
		most   float64 // of the scores after the change
	}{
		{time.Minute, daily{8, 8, 1, 0.03}, 2, 0.01},
		{5 * time.Minute, daily{8, 8, 1, 0.03}, 2, 0.01},
		{5 * time.Minute, daily{8, 8, 1, 0.06}, 1.6, 0.01},
		{time.Minute, daily{1.3, 7, 1, 0.03}, 2, 0.01},
		{5 * time.Minute, daily{1.3, 7, 1, 0.03}, 2, 0.01},
		{hour, daily{1.3, 7, 1, 0.03}, 2, 0.06},
	} {
		t.Run(fmt.Sprintf("%s/%v/%g", tc.step, tc.shape, tc.factor), func(t *testing.T) {
			t.Parallel()
			wrong, of := 0, 0
			for seed := range uint64(3) {
				r := rand.New(rand.NewPCG(seed, 83))
				until := from + 36*hour + 2*day
				y := make([]float64, (until+2*hour)/tc.step)
				for i := range y {
					at := time.Duration(i) * tc.step
					y[i] = tc.shape.at(at) * (1 + tc.shape.noise*r.NormFloat64())
					switch {
					case at >= until:
						y[i] *= 0.3
					case at >= from:
						y[i] *= tc.factor
					}
				}
				all := liveFrom(t, scorer.Options{Step: tc.step, ExplainThreshold: 2}, y, history, r)
				n, steps := high(all, tc.step, from-history+36*hour+max(5*time.Minute, tc.step), until-history)
				wrong, of = wrong+n, of+steps
				n, _ = high(all, tc.step, until-history, until-history+2*hour)
				require.Positive(t, n, "the fall of seed %d", seed)
			}
			t.Logf("%d of %d", wrong, of)
			require.LessOrEqual(t, float64(wrong), tc.most*float64(of))
		})
	}
}
