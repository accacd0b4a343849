package calibration

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// halfNormal is a sample of the half-normal distribution.
func halfNormal(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 0))
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(math.Abs(r.NormFloat64()))
	}
	return v
}

// What lies in a few clusters leaves the tail alone, what comes back many times is normal.
func TestFitTail_CensorsFewClustersButNotMany(t *testing.T) {
	const n, separation = 4000, 36
	with := func(every, length int) float64 { // 36 values of about 8, so many in a row, and so far apart
		v := halfNormal(n, 1)
		for i := range 36 {
			v[200+i/length*every+i%length] = 8 + float32(i)/10
		}
		tail := FitTail(v, separation)
		return tail.Surprisal(8)
	}
	quiet := FitTail(halfNormal(n, 1), separation)
	require.Greater(t, quiet.Surprisal(8), 15.0)
	require.Greater(t, with(1000, 12), 8.0, "three clusters")
	require.Less(t, with(100, 1), 6.0, "thirty-six")
}

// The probability of a value that many have is their share, however far the next one is.
func TestFitTail_GivesTiedValuesTheirShare(t *testing.T) {
	v := make([]float32, 8000)
	for i := range 170 {
		v[47*i] = 1
	}
	v[13], v[4000], v[7000] = 2, 2, 2
	tail := FitTail(v, 0)
	require.InDelta(t, -math.Log(173.0/8000), tail.Surprisal(1), 0.1)
	require.InDelta(t, -math.Log(3.0/8000), tail.Surprisal(2), 0.4)
	require.Greater(t, tail.Surprisal(3), tail.Surprisal(2)+1)
}

// Where hardly anything ever happens, how rare something large is hardly depends on whether a few more or fewer things
// have happened than a tail holds.
func TestFitTail_HardlyDependsOnTheNumberOfEvents(t *testing.T) {
	const n = 3000
	for events := minTail - 20; events <= minTail+20; events++ {
		r := rand.New(rand.NewPCG(7, 0))
		v := make([]float32, n)
		for i := range events {
			v[i*n/events] = 6 + float32(r.ExpFloat64())
		}
		tail := FitTail(v, 0)
		// By its scale it is ln(n/events) + 12, of which the doubt about scale and shape leaves two thirds.
		require.Greater(t, tail.Surprisal(18), math.Log(float64(n)/float64(events))+6, "%d events", events)
	}
}

func TestFitTail_LeavesTheSampleAsItIs(t *testing.T) {
	for _, separation := range []int{0, 36} {
		v := halfNormal(500, 2)
		before := slices.Clone(v)
		FitTail(v, separation)
		require.Equal(t, before, v)
	}
}

// Surprisal grows with the value and has no jumps beyond the threshold, whether the tail has an end or none. Quantile
// is its inverse.
func TestTail_SurprisalGrowsWithoutJumps(t *testing.T) {
	for _, shape := range []float32{-0.1, -0.02, 1e-4, 0.3} {
		tail := Tail{threshold: 1, rate: 4, scale: 0.5, shape: shape}
		last := tail.Surprisal(1)
		for x := float32(1.01); x < 30; x += 0.01 {
			s := tail.Surprisal(x)
			require.Greater(t, s, last, "%g at %g", shape, x)
			require.Less(t, s, last+0.21, "%g at %g", shape, x)
			last = s
		}
		for s := 4.5; s < 12; s += 0.5 {
			require.InDelta(t, s, tail.Surprisal(tail.Quantile(s)), 1e-3, "%g", shape)
		}
	}
}

// Of independent values all are, of runs of ten one in ten.
func TestExtremalIndex_IsTheShareOfIndependentValues(t *testing.T) {
	const n, run = 40_000, 10
	independent := halfNormal(n, 4)
	runs := make([]float32, n)
	for i := range runs {
		runs[i] = independent[i/run]
	}
	limit := float32(math.Inf(1))
	require.InDelta(t, 1, extremalIndex(independent, 2.5, limit), 0.15)
	require.InDelta(t, 1.0/run, extremalIndex(runs, 2, limit), 0.03)
	require.InDelta(t, 1, extremalIndex(runs, 20, limit), 0, "nothing beyond the threshold")
}

// What comes in runs has told less of what is rare than as many independent values.
func TestFitPredictiveTail_KnowsLessFromRuns(t *testing.T) {
	const n, run, separation = 4000, 20, 36
	runs := make([]float32, n)
	few := halfNormal(n/run, 6)
	for i := range runs {
		runs[i] = few[i/run]
	}
	plain := FitTail(runs, separation)
	predictive, _ := FitPredictiveTail(runs, separation)
	require.InDelta(t, plain.shape+0.08, predictive.shape, 0.03)
	independent := halfNormal(n, 6)
	plain = FitTail(independent, separation)
	predictive, _ = FitPredictiveTail(independent, separation)
	require.InDelta(t, plain.shape, predictive.shape, 0.01)
	predictive, variance := FitPredictiveTail(make([]float32, n), separation)
	require.Equal(t, FitTail(make([]float32, n), separation), predictive)
	require.Zero(t, variance)
}

// The farther one looks beyond the threshold, the more the shape is in doubt.
func TestTail_DoubtShapeGrowsWithTheDistance(t *testing.T) {
	tail := Tail{threshold: 1, rate: 4, scale: 0.5, shape: 0.1}
	require.Equal(t, tail, tail.widenShape(0.01, 6))
	require.InDelta(t, 0.1+0.01*2.25, tail.widenShape(0.01, 9).shape, 1e-6)
	require.InDelta(t, 0.1+0.01*6.25, tail.widenShape(0.01, 11).shape, 1e-6)
}

// A tail that is one episode says how much that one moves, and nothing of the next.
func TestFitTail_ScalesByEpisodesWhereTheyAreFew(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	sample := make([]float32, 14*288)
	var sizes []float32
	for day := range 14 { // is off by a few minutes, each day by others, for eight hours
		size := float32(360 * r.Float64())
		sizes = append(sizes, size)
		for i := range 96 {
			sample[288*day+i] = size + 0.1*r.Float32()
		}
	}
	slices.Sort(sizes)
	tail := FitTail(sample, 36)
	require.Less(t, tail.Surprisal(sizes[13]+40), 12.0, "a little more than ever before")
	require.Greater(t, tail.Surprisal(20*sizes[13]), 20.0)
	// Where the tail holds many episodes, they are not looked for, nor in two days of noise, where the largest values are
	// never far apart.
	for i := range sample {
		sample[i] = float32(r.ExpFloat64())
	}
	require.InDelta(t, 1, FitTail(sample, 36).scale, 0.3)
	tail = FitTail(sample[:2*288], 36)
	require.Zero(t, tail.episodeScale(sample[:2*288], 36))
}
