package level_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/level"
)

// About as many values are far from a new level, in its noise, as from one whose noise is known, at most twice as many,
// although it is known from few values; and a week later it is known well.
func TestLevel_LearnsTheNoiseOfANewOne(t *testing.T) {
	const usual, times, seeds = 2, 3, 300
	settled := func(seed uint64, alike float64, slots func(time.Duration) int) (*level.Level, func() float32) {
		r := rand.New(rand.NewPCG(seed, 1))
		e := 0.0
		next := func() float32 {
			e = alike*e + math.Sqrt(1-alike*alike)*r.NormFloat64()
			return float32(usual * e)
		}
		l := level.New(slots, 6*usual, 6*usual, 1)
		l.ExpectNoise(9)
		for range slots(10 * 24 * time.Hour) {
			l.Push(next(), 1, 1)
		}
		require.Equal(t, float32(1), l.Noise())
		after := func() float32 { return 100 + times*next() }
		for moved := false; !moved; {
			_, moved = l.Push(after(), 1, 1)
		}
		return &l, after
	}
	for name, tc := range map[string]struct {
		step   time.Duration
		alike  float64
		within float64 // of the noise a week later
	}{
		"5 minutes":            {5 * time.Minute, 0, 0.1},
		"an hour":              {time.Hour, 0, 0.3},
		"5 minutes, alike":     {5 * time.Minute, 0.9, 0.35},
		"an hour, a bit alike": {time.Hour, 0.5, 0.45},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slots := func(d time.Duration) int { return int(d / tc.step) }
			far, of := 0, 0
			for seed := range uint64(seeds) {
				l, next := settled(seed, tc.alike, slots)
				for range slots(12 * time.Hour) {
					x := next()
					if math.Abs(float64(x-100)) > 3*usual*float64(l.Noise()) {
						far++
					}
					of++
					l.Push(x, l.Noise(), 1)
				}
				if seed < 20 {
					for range slots(7 * 24 * time.Hour) {
						l.Push(next(), l.Noise(), 1)
					}
					require.InEpsilon(t, times, l.Noise(), tc.within, seed)
				}
			}
			require.Less(t, float64(far)/float64(of), 2*math.Erfc(3/math.Sqrt2))
		})
	}
}
