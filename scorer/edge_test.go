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

// What rises for an hour and falls at its end is normal up to the last minute, also if that is missing in every hour:
// the history of two weeks knows it every 5 minutes only.
func TestModel_ExpectsAnHourlySawtoothUpToItsEdge(t *testing.T) {
	const day, history = 1440, 14 * 1440
	for _, tc := range []struct {
		perMinute float64
		gap       [2]int // minutes of every hour
	}{
		{perMinute: 10},
		{perMinute: -10},
		{10, [2]int{55, 60}},
		{10, [2]int{50, 60}},
		{10, [2]int{58, 60}},
		{-10, [2]int{13, 27}},
	} {
		t.Run(fmt.Sprintf("%g/%d-%d", tc.perMinute, tc.gap[0], tc.gap[1]), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 1))
			y := make([]float64, history+day)
			for i := range y {
				m := i % 60
				y[i] = 1000 + tc.perMinute*float64(m) + 5*r.NormFloat64()
				if m >= tc.gap[0] && m < tc.gap[1] {
					y[i] = math.NaN()
				}
			}
			window, learn := thin(y[:history], time.Minute)
			m, err := scorer.Fit(scorer.Options{Step: time.Minute, ExplainThreshold: 2}, 0, window, learn)
			require.NoError(t, err)
			high, outside := 0, 0
			for _, v := range y[history:] {
				s := m.Score(v, true)
				if s.Value >= 0.8 {
					high++
				}
				if v < s.Lower || v > s.Upper {
					outside++
				}
			}
			require.Less(t, high, day/20)
			require.Less(t, outside, day/20)
		})
	}
}
