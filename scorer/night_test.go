package scorer_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// traffic is that of office hours, with next to nothing at night, and so much of it on days off.
func traffic(at time.Duration, daysOff float64) float64 {
	h := at.Hours() + 14*24
	logistic := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	v := 40 + 1000*(logistic((math.Mod(h, 24)-7)*3)-logistic((math.Mod(h, 24)-20)*3))
	if weekday := (int(h)/24 + 3) % 7; weekday >= 5 { // 0 is a Thursday
		v *= daysOff
	}
	return v
}

// A night after a day with more or less traffic is like any other. Traffic wanders by 10 or 15 %, within an hour or a
// night: what is a tenth at noon is more than all that a night has.
func TestModel_ExpectsOfANightWhatNightsHave(t *testing.T) {
	skipStatistical(t)
	for _, wanders := range []struct{ by, hours float64 }{{0.1, 1}, {0.15, 8}} {
		for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
			n, keeps := 0, math.Exp(-step.Hours()/wanders.hours)
			for seed := range uint64(4) {
				r, x := rand.New(rand.NewPCG(seed, 11)), 0.0
				y := generate(step, 7*24*hour, func(at time.Duration) float64 {
					x = keeps*x + wanders.by*math.Sqrt(1-keeps*keeps)*r.NormFloat64()
					return traffic(at, 1) * math.Exp(x) * (1 + 0.02*r.NormFloat64())
				})
				all := liveAfter(t, scorer.Options{Step: step, ExplainThreshold: 2}, y, 14*24*hour, 7*24*hour)
				for night := 20 * hour; night < 6*24*hour; night += 24 * hour {
					more, _ := high(all, step, night, night+10*hour)
					n += more
				}
			}
			require.LessOrEqual(t, time.Duration(n)*step, hour/2, "%v at %s", wanders, step)
		}
	}
}

// Traffic falls to 40 % as a Saturday begins, and comes back after Sunday. The steps between two slots are as before it
// or as after it, though neighbours differ by more each morning.
func TestModel_KnowsTheEdgesOfNights(t *testing.T) {
	const step, week = time.Minute, 7 * 24 * hour
	for seed := range uint64(2) {
		r := rand.New(rand.NewPCG(seed, 11))
		y := generate(step, week, func(at time.Duration) float64 {
			return traffic(at, 0.4) * (1 + 0.04*r.NormFloat64())
		})
		all := liveAfter(t, scorer.Options{Step: step, ExplainThreshold: 2}, y, 2*week, week)
		for _, edge := range []time.Duration{2 * 24 * hour, 4 * 24 * hour} {
			n, _ := high(all, step, edge-10*time.Minute, edge+10*time.Minute)
			require.Zero(t, n, edge)
		}
	}
}
