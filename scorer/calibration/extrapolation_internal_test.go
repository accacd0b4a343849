package calibration

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

func TestEpisodes_CountsRunsBeyondAThreshold(t *testing.T) {
	for _, tc := range []struct {
		sample []float32
		want   int
	}{
		{[]float32{0, 0, 0}, 1},
		{[]float32{2, 0, 2, 0, 0, 2}, 1},
		{[]float32{2, 0, 0, 0, 2, 2}, 2},
		{[]float32{0, 2, 0, 0, 0, 2, 0, 0, 0, 2}, 3},
	} {
		require.Equal(t, tc.want, episodes(tc.sample, 1, 3), "%v", tc.sample)
	}
}

// spread returns a sample of exponential noise whose tail is so many episodes.
func spread(n, episodes int) []float32 {
	r := rand.New(rand.NewPCG(1, 0))
	v := make([]float32, n)
	for i := range v {
		v[i] = min(float32(r.ExpFloat64()), 3)
	}
	for i := range minTail {
		v[i%episodes*(n/episodes)+i/episodes] = 3 + float32(r.ExpFloat64())
	}
	return v
}

// Within the sample a tail is worth what it says. Beyond, it is worth the less the fewer episodes it is made of, also
// if it ends.
func TestExtrapolation_GoesNoFurtherThanTheEpisodesSupport(t *testing.T) {
	const n = 4000
	for _, shape := range []float32{-0.1, 1e-4, 0.3} {
		few, many := spread(n, 3), spread(n, 80)
		tail := FitTail(few, 0)
		tail.shape = shape
		ofFew, ofMany := newExtrapolation(few, &tail, 36), newExtrapolation(many, &tail, 36)
		before := 0.0
		for surprisal := 0.1; surprisal < 60; surprisal += 0.1 {
			got := ofFew.limit(&tail, surprisal)
			require.Greater(t, got, before, "rarer is rarer")
			before = got
			if surprisal <= math.Log(n) {
				require.InDelta(t, surprisal, got, 0)
				continue
			}
			require.Less(t, got, surprisal)
			require.Less(t, got, ofMany.limit(&tail, surprisal))
		}
	}
}

// What is ten times as far away is rarer by as much as the doubt about the shape allows, also where the fit of the tail
// has an end.
func TestExtrapolation_HasNoEndWhereTheTailHasOne(t *testing.T) {
	sample := spread(4000, 9)
	for _, shape := range []float32{-0.1, -0.05, 1e-4, 0.1} {
		tail := FitTail(sample, 0)
		tail.shape = shape
		e := newExtrapolation(sample, &tail, 36)
		far := func(scales float32) float64 {
			return e.limit(&tail, tail.Surprisal(tail.threshold+scales*tail.scale))
		}
		require.Greater(t, far(500)-far(50), 0.9*math.Log(10)/(max(float64(shape), 0)+e.doubt), "%v", shape)
	}
}

func TestTail_ExcessIsTheInverseOfSurprisal(t *testing.T) {
	for _, shape := range []float32{-0.1, -0.03, 1e-4, 0.4} {
		tail := Tail{threshold: 2, rate: 4, scale: 0.5, shape: shape}
		for scales := float32(0.5); scales < 200; scales *= 1.5 {
			require.InEpsilon(t, scales, tail.excess(tail.Surprisal(2+scales/2)), 1e-3, "%v", shape)
		}
	}
}

// A tenth of a sample tells heavy tails from light ones better than its tail does.
func TestWideShape_TellsHeavyTails(t *testing.T) {
	const n = 4000
	light, heavy := 0, 0
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		student := make([]float32, n) // with 3 degrees of freedom: the shape is 1/3
		for i := range student {
			a, b, c := r.NormFloat64(), r.NormFloat64(), r.NormFloat64()
			student[i] = float32(math.Abs(r.NormFloat64()) / math.Sqrt((a*a+b*b+c*c)/3))
		}
		var scratch orderstat.Scratch
		if wideShape(scratch.Sorted(halfNormal(n, seed)), 0) < 0.05 {
			light++
		}
		if wideShape(scratch.Sorted(student), 0) > 0.15 {
			heavy++
		}
	}
	require.GreaterOrEqual(t, light, 18)
	require.GreaterOrEqual(t, heavy, 18)
}

// Statistics that are means of heavy-tailed deviations look normal, but are as heavy-tailed beyond the sample.
func TestFit_DoubtsMeansOfHeavyTailedDeviations(t *testing.T) {
	const n, seeds = 4000, 10
	worth := func(deviation func(r *rand.Rand) float64) (sum float64) {
		for seed := range uint64(seeds) {
			sample := make([]Statistics, n)
			r, mean := rand.New(rand.NewPCG(seed, 1)), halfNormal(n, seed)
			for i := range sample {
				sample[i] = Statistics{float32(deviation(r)), mean[i]}
			}
			c := Fit(Options{
				Enabled: [MaxStatistics]bool{true, true}, Slot: 300_000, Separation: 36,
			}, sample, n*300_000)
			sum += c.beyond[1].limit(&c.tails[1], c.tails[1].Surprisal(12)) / seeds
		}
		return sum
	}
	normal := worth(func(r *rand.Rand) float64 { return math.Abs(r.NormFloat64()) })
	heavy := worth(func(r *rand.Rand) float64 { return math.Pow(r.Float64(), -1.0/3) })
	require.Greater(t, normal, heavy+3)
}

// The supported period grows with each statistic, never jumps, and is never longer than that of the score.
func TestSupported_GrowsAndNeverExceedsTheScore(t *testing.T) {
	const n = 2000
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			sample := make([]Statistics, n)
			a, b, c := halfNormal(n, 3*seed+1), halfNormal(n, 3*seed+2), halfNormal(n, 3*seed+3)
			for i := range sample {
				sample[i] = Statistics{a[i], b[i], c[i]}
			}
			fitted := Fit(Options{
				Enabled: [MaxStatistics]bool{true, true, true}, Slot: 300_000, Separation: 36,
			}, sample, n*300_000)
			before := 0.0
			for x := float32(0); x < 40; x += 0.01 {
				all, parts := fitted.Combine(&Statistics{x, 1, x / 2})
				log, got := fitted.LogPeriod(all, &parts)
				require.LessOrEqual(t, got, log)
				require.GreaterOrEqual(t, got, before)
				if x > 0.1 {
					require.Less(t, got, before+0.1, "at %v", x)
				}
				before = got
			}
		})
	}
}
