package scorer_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// What is 0 but for rounding, and what is full but for rounding, is no change. An error is one.
func TestModel_TakesRoundingForNoChange(t *testing.T) {
	choose := func(values ...float64) func(r *rand.Rand) float64 {
		return func(r *rand.Rand) float64 { return values[r.IntN(len(values))] }
	}
	const ulp = 0x1p-53
	percent, ratio, none := [2]float64{0, 100}, [2]float64{0, 1}, [2]float64{}
	for _, tc := range []struct {
		name          string
		dataRange     [2]float64
		before, later func(r *rand.Rand) float64
		trouble       float64
	}{
		{"1 - a/b from a new version on", none, choose(0), choose(0, ulp, -ulp, 2*ulp), 0.01},
		{"1 - a/b always", none, choose(0, 0, 0, 0, 0, 0, 0, ulp, -ulp), choose(0, ulp, -ulp), 1e-6},
		{"1 - a/b of a share", ratio, choose(0), choose(0, ulp, -ulp), 0.01},
		{"1 - a/b in a wide range", [2]float64{0, 1e10}, choose(0), choose(0, ulp, -ulp), 0.01},
		{"full", percent, choose(100), choose(100.0001), 99},
		{"empty", percent, choose(0), choose(-0.0001), 1},
		{"full, now and then more", percent, choose(100, 100.0002), choose(100.0001), 99},
		{"available", ratio, choose(1), choose(1.000002), 0.999},
	} {
		for _, step := range []time.Duration{time.Minute, 5 * time.Minute, hour} {
			t.Run(fmt.Sprintf("%s/%s", tc.name, step), func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, uint64(step)))
				y := generate(step, 48*hour, func(at time.Duration) float64 {
					switch {
					case at >= 42*hour:
						return tc.trouble
					case at >= 9*hour:
						return tc.later(r)
					}
					return tc.before(r)
				})
				o := scorer.Options{Step: step, DataRange: tc.dataRange, ExplainThreshold: 2}
				all := liveFrom(t, o, y, 14*24*hour, r)
				for _, s := range all[:42*hour/step] {
					require.LessOrEqual(t, s.Value, 0.1)
					require.False(t, math.IsNaN(s.Expected))
				}
				n, of := high(all, step, 42*hour+3*step+10*time.Minute, 48*hour)
				require.Equal(t, of, n)
			})
		}
	}
}
