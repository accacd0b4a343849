package scorer_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// The age of a backup that ends some minutes earlier or later is off by as much all day, which is nothing new. The one
// that is left out is.
func TestModel_ExpectsTheAgeOfABackupThatMoves(t *testing.T) {
	skipStatistical(t)
	const day, step, seeds, left = 24 * hour, 5 * time.Minute, 6, 21
	for _, direction := range []string{"both", "above", "below"} {
		t.Run(direction, func(t *testing.T) {
			t.Parallel()
			highBefore, before := 0, 0
			for seed := range uint64(seeds) {
				r := rand.New(rand.NewPCG(seed, 11))
				ends := make([]time.Duration, left+2)
				for i := range ends {
					ends[i] = time.Duration(i)*day - 21*hour + time.Duration((2*r.Float64()-1)*float64(10*time.Minute))
				}
				y := make([]float64, (left+1)*day/step)
				for i := range y {
					now, last := time.Duration(i)*step, ends[0]
					for k, end := range ends {
						if end <= now && k != left+1 {
							last = end
						}
					}
					y[i] = (now - last).Seconds()
				}
				all := liveFrom(t, scorer.Options{Step: step, ExplainThreshold: 2, Direction: direction}, y, 14*day, r)
				n, of := high(all, step, 0, 7*day)
				highBefore, before = highBefore+n, before+of
				if n, _ = high(all, step, 7*day+6*hour, 8*day); direction != "below" {
					require.Positive(t, n, "seed %d", seed)
				}
			}
			require.LessOrEqual(t, float64(highBefore), 0.02*float64(before), "%d of %d", highBefore, before)
		})
	}
}
