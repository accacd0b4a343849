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

// multiplicative returns noise that grows with the value: lognormal of that sigma, or with hours of memory.
func multiplicative(r *rand.Rand, step time.Duration, sigma float64, remembers bool) func() float64 {
	keep, now := 0.0, 0.0
	if remembers {
		keep = math.Exp(-step.Hours() / 2)
	}
	return func() float64 {
		now = keep*now + math.Sqrt(1-keep*keep)*r.NormFloat64()
		return math.Exp(sigma*now + 0.02*r.NormFloat64())
	}
}

// However a series falls, at once or over days, a detector that looks above tells nothing of it for a week: neither
// while values are on their way, nor of the noise at the new level, nor when a season is known again. So it is with a
// rise for one that looks below.
func TestModel_IgnoresChangesToTheOtherSide(t *testing.T) {
	skipStatistical(t)
	const week = 7 * 24 * hour
	flat, days, weeks := daily{100, 100, 1, 0}, daily{40, 100, 1, 0}, daily{10, 100, 0.6, 0}
	for _, tc := range []struct {
		name      string
		load      daily
		sigma     float64 // of the noise
		remembers bool
		times     float64       // what is more or less
		at, lasts time.Duration // since the end of the history, a Wednesday
		back      time.Duration // until it is undone; 0: it is not
	}{
		{"lognormal", flat, 0.5, false, 2, 34 * hour, 0, 0},
		{"lognormal, slowly", flat, 0.5, false, 16, 34 * hour, 48 * hour, 0},
		{"daily lognormal", days, 0.2, false, 4, 34 * hour, 0, 0},
		{"daily lognormal, and back", days, 0.2, false, 4, 34 * hour, hour, 60 * hour},
		{"daily with memory", days, 0.1, true, 4, 34 * hour, 12 * hour, 0},
		{"weekly", weeks, 0.03, false, 4, 58 * hour, 48 * hour, 0},
		{"weekly, and back", weeks, 0.03, false, 4, 58 * hour, 48 * hour, 30 * hour},
		{"weekly with memory", weeks, 0.1, true, 16, 34 * hour, 0, 0},
		{"on a Saturday", weeks, 0.03, false, 2, 58 * hour, 0, 0},
	} {
		for _, step := range []time.Duration{time.Minute, 5 * time.Minute, hour} {
			for _, direction := range []string{"above", "below"} {
				if step == time.Minute && tc.at == 34*hour {
					continue // takes long
				}
				t.Run(fmt.Sprintf("%s/%s/%s", tc.name, step, direction), func(t *testing.T) {
					t.Parallel()
					noise := multiplicative(rand.New(rand.NewPCG(1, 7)), step, tc.sigma, tc.remembers)
					y := generate(step, tc.at+week, func(at time.Duration) float64 {
						share := part(at-tc.at, tc.lasts)
						if tc.back > 0 {
							share -= part(at-tc.at-tc.lasts-tc.back, tc.lasts)
						}
						times := 1 + (tc.times-1)*share
						if direction == "above" {
							times = 1 + (1/tc.times-1)*share
						}
						return tc.load.at(at+14*24*hour) * times * noise()
					})
					o := scorer.Options{Step: step, Direction: direction, ExplainThreshold: 2}
					all := live(t, o, y)
					n, of := high(all, step, tc.at, tc.at+week)
					require.LessOrEqual(t, n, int(15*time.Minute/step)+1, "of %d", of)
				})
			}
		}
	}
}

// part returns which part has passed of what lasts so long.
func part(since, lasts time.Duration) float64 {
	if since < 0 || lasts == 0 {
		return map[bool]float64{true: 1}[since >= 0]
	}
	return min(float64(since)/float64(lasts), 1)
}

// What leaves a level that wanders is found, though it does not go beyond where that was some days ago.
func TestModel_FindsWhatLeavesALevelThatWanders(t *testing.T) {
	const step, lasts, seeds = 5 * time.Minute, 4 * hour, 12
	for direction, times := range map[string]float64{"above": 1.6, "below": 1 / 1.6} {
		found := 0
		for seed := range uint64(seeds) {
			r := rand.New(rand.NewPCG(seed, 3))
			walk, start := 0.0, time.Duration(6+r.IntN(12))*hour
			y := generate(step, start+lasts, func(at time.Duration) float64 {
				walk += 0.1 * math.Sqrt(step.Hours()/24) * r.NormFloat64() // a tenth in a day
				x := 100 * math.Exp(walk) * (1 + 0.03*r.NormFloat64())
				if at >= start {
					x *= times
				}
				return x
			})
			all := live(t, scorer.Options{Step: step, Direction: direction, ExplainThreshold: 2}, y)
			if n, _ := high(all, step, start, start+lasts); n > 0 {
				found++
			}
		}
		require.Equal(t, seeds, found, direction)
	}
}
