package scorer_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// A spike is over when it is over, at long steps too.
func TestModel_ScoresASpikeOfAnHourForHoursAndNotForDays(t *testing.T) {
	for _, step := range []time.Duration{30 * time.Minute, hour} {
		steps := 0
		const spikes = 20
		for seed := range uint64(spikes) {
			r := rand.New(rand.NewPCG(seed, 1))
			y := generate(step, 2*24*hour, func(at time.Duration) float64 {
				x := 100 + 40*math.Sin(2*math.Pi*at.Hours()/24) + 2*r.NormFloat64()
				if at >= 0 && at < hour {
					x += 40
				}
				return x
			})
			all := live(t, scorer.Options{Step: step, ExplainThreshold: 2}, y)
			n, _ := high(all, step, 0, 2*24*hour)
			require.GreaterOrEqual(t, n, int(hour/step))
			steps += n
		}
		after := time.Duration(steps) * step / spikes
		t.Log(step, after)
		require.Less(t, after, 11*hour, "mean time over 0.8 at a step of %s", step)
	}
}
