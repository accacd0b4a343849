package scorer_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// A corrupt sample, or a few, at steps of a minute has a high score while it lasts and for the five minutes after it,
// also if a model is fitted then. What flickers for an hour has one for as long.
func TestModel_ForgetsABlip(t *testing.T) {
	const history, from = 14 * 24 * hour, 2 * hour
	for _, tc := range []struct {
		name  string
		is    func(s time.Duration) bool // since it began
		lasts time.Duration
		short bool
	}{
		{"a minute", func(s time.Duration) bool { return s == 0 }, time.Minute, true},
		{"four minutes", func(s time.Duration) bool { return s >= 0 && s < 4*time.Minute }, 4 * time.Minute, true},
		{"every ten minutes", func(s time.Duration) bool { return s >= 0 && s <= hour && s%(hour/6) == 0 }, hour, false},
	} {
		for _, factor := range []float64{0, 2} {
			for seed := range uint64(3) {
				t.Run(fmt.Sprintf("%s/%g/%d", tc.name, factor, seed), func(t *testing.T) {
					r := rand.New(rand.NewPCG(seed, 17))
					s := daily{100, 900, 0.7, 0.04}
					y := make([]float64, (history+6*hour)/time.Minute)
					for i := range y {
						at := time.Duration(i) * time.Minute
						y[i] = s.at(at) * (1 + s.noise*r.NormFloat64())
						if tc.is(at - history - from) {
							y[i] *= factor
						}
					}
					all := liveFrom(t, scorer.Options{Step: time.Minute, ExplainThreshold: 2}, y, history, r)
					high, _ := high(all, time.Minute, from, 6*hour)
					if most := int((tc.lasts + 4*time.Minute) / time.Minute); tc.short {
						require.Positive(t, high)
						require.LessOrEqual(t, high, most)
					} else {
						require.GreaterOrEqual(t, high, int(hour/time.Minute))
					}
				})
			}
		}
	}
}
