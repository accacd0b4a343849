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

// A burst of noise in the window hides no outage of the days after it. Where bursts come again and again, they are
// normal life.
func TestModel_FindsAnOutageAfterABurstOfNoise(t *testing.T) {
	const step, history, while, lasts = 5 * time.Minute, 14 * 24 * hour, 12 * hour, 3 * hour
	for _, tc := range []struct {
		name   string
		begins []time.Duration // of bursts, since the start
		burst  time.Duration
		left   float64 // of the load in the outage
		finds  bool
	}{
		{"two hours", []time.Duration{8*24*hour + 12*hour}, 2 * hour, 0, true},
		{"eight hours", []time.Duration{8*24*hour + 12*hour}, 8 * hour, 0, true},
		{"eight hours, half of the load", []time.Duration{8*24*hour + 12*hour}, 8 * hour, 0.5, true},
		{"soon after", []time.Duration{13*24*hour - 6*hour}, 8 * hour, 0, true},
		{"again and again", []time.Duration{50 * hour, 110 * hour, 200 * hour, 290 * hour}, 6 * hour, 0.5, false},
	} {
		for seed := range uint64(3) {
			t.Run(fmt.Sprintf("%s/%d", tc.name, seed), func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 23))
				s := daily{300, 900, 0.7, 0.04}
				from := 2*hour + time.Duration(seed)*hour
				y := generate(step, while, func(at time.Duration) float64 {
					noise := s.noise
					for _, begins := range tc.begins {
						if since := at + history - begins; since >= 0 && since < tc.burst {
							noise = 10 * s.noise
						}
					}
					y := max(s.at(at+history)*(1+noise*r.NormFloat64()), 0)
					if at >= from && at < from+lasts {
						y *= tc.left
					}
					return y
				})
				all := liveAfter(t, scorer.Options{Step: step, ExplainThreshold: 2}, y, history, while)
				n, of := high(all, step, from, from+lasts)
				if tc.finds {
					require.GreaterOrEqual(t, n, of/2)
				} else {
					require.Zero(t, n)
				}
			})
		}
	}
}
