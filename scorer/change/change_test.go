package change_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/calibration"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/change"
)

// sample returns statistics, of which some were away.
func sample(n int, away ...int) []calibration.Statistics {
	all := make([]calibration.Statistics, n)
	for _, i := range away {
		all[i][0] = 1
	}
	return all
}

func TestChange_DoublesWithEachTimeAsLongAsEver(t *testing.T) {
	c := change.New(3)
	require.True(t, c.Learn(sample(100), 1))
	require.InDelta(t, 0, c.Score(0), 0)
	require.InDelta(t, 3, c.Score(1), 1e-9)
	require.InDelta(t, 3+2*math.Log10(2), c.Score(3), 1e-9)
	require.InDelta(t, c.Score(60), c.Score(1000), 0)

	require.False(t, c.Learn(sample(100, 5, 20, 21, 50), 5))
	require.InDelta(t, 0, c.Score(10), 0, "as long as before")
	require.InDelta(t, 3, c.Score(11), 1e-9)
	require.InDelta(t, 3+math.Log10(2), c.Score(21), 1e-9)
}

func TestChange_SaysNothingOfWhatIsOftenAway(t *testing.T) {
	c := change.New(3)
	c.Learn(sample(10, 0, 5), 1)
	require.InDelta(t, 0, c.Score(100), 0)
}

// Excursions last for as long as what moves has been beyond the limit, or away, at least for a slot. More than half an
// hour is too long.
func TestChange_KnowsHowLongExcursionsLast(t *testing.T) {
	moves, distances := sample(100), make([]float32, 100)
	for i := range moves {
		distances[i] = float32(i % 7)
		moves[i][0] = distances[i]
	}
	for name, tc := range map[string]struct {
		limit   float32
		away    int
		longest int
	}{
		"a slot":           {limit: 6, longest: 5},
		"beyond the limit": {limit: 3, longest: 15}, // 4, 5 and 6
		"away":             {limit: 3, away: 30, longest: 30},
	} {
		t.Run(name, func(t *testing.T) {
			c := change.New(3)
			require.False(t, c.Learn(moves, 5))
			c.LearnExcursions(change.Excursions{Distances: distances, Limit: tc.limit, Away: tc.away, Stride: 5, Hour: 60})
			require.InDelta(t, 0, c.Score(1000), 0)
			require.InDelta(t, 0, c.Lasting(2*tc.longest-1), 0)
			require.InDelta(t, 3+math.Log10(2), c.Lasting(2*tc.longest), 1e-9)
			require.InDelta(t, 3+4*math.Log10(2), c.Lasting(5*tc.longest), 1e-9)
			require.InDelta(t, c.Lasting(1e5), c.Lasting(1e6), 0)
		})
	}
	c := change.New(3)
	c.Learn(moves, 5)
	c.LearnExcursions(change.Excursions{Distances: distances, Limit: 3, Away: 31, Stride: 5, Hour: 60})
	require.InDelta(t, 0, c.Lasting(1000), 0, "they last for too long")

	c.Learn(sample(100, 5), 1)
	c.LearnExcursions(change.Excursions{Distances: make([]float32, 100), Stride: 1, Hour: 12})
	require.InDelta(t, 0, c.Lasting(1000), 0, "it does not move")
}

func TestCount_IsNotEndedByOneStep(t *testing.T) {
	require.Equal(t, 65, change.Count(60, 5, true))
	require.Equal(t, 15, change.Count(60, 1, false))
	require.Equal(t, 0, change.Count(2, 1, false))
}

// A series is stuck once it repeats a value for half an hour longer than ever before, of what has settled. For as long
// again, its return period doubles. What often repeats values is not stuck, and a gap says nothing.
func TestStuck_CountsRepetitions(t *testing.T) {
	learn := func(repeats, days int, settled bool) change.Stuck {
		s := change.NewStuck(3, 4) // quarters of an hour
		for i := range days * 24 * 4 {
			s.Learn(float32(i-min(i%10, repeats)), settled)
			s.Learn(float32(math.NaN()), settled)
		}
		return s
	}
	for name, tc := range map[string]struct {
		s    change.Stuck
		want []float64 // from the first step on
	}{
		"never":    {learn(0, 7, true), []float64{0, 0, 3 + math.Log10(2)/2, 3 + 2*math.Log10(2)/2}},
		"before":   {learn(3, 7, true), []float64{0, 0, 0, 0, 0, 3 + math.Log10(2)/3, 3 + 2*math.Log10(2)/3}},
		"often":    {learn(6, 7, true), []float64{0, 0, 0, 0, 0, 0, 0, 0, 0}},
		"too late": {learn(2, 7, false), []float64{0, 0, 0, 0}},
		"young":    {learn(2, 5, true), []float64{0, 0, 0, 0, 0, 0, 0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			for i, want := range tc.want {
				tc.s.Next(7, true)
				require.InDelta(t, want, tc.s.Score(), 1e-9, i)
				tc.s.Next(7, false)
				tc.s.Next(float32(math.NaN()), true)
				require.InDelta(t, want, tc.s.Score(), 1e-9, "within a slot, and in a gap")
			}
			tc.s.Next(8, false)
			require.Zero(t, tc.s.Score())
		})
	}
}

func TestChange_HeldIsAsRareAsItIsLong(t *testing.T) {
	twoWeeks := math.Log10(14 * 24 * 12)
	for _, window := range []float64{2, twoWeeks, twoWeeks + math.Log10(2)} {
		c := change.New(window)
		sample := make([]calibration.Statistics, 100)
		for i := range sample {
			sample[i][0] = float32(i % 3)
		}
		c.Learn(sample, 1)
		require.Zero(t, c.Held(100), "not known")
		c.LearnHeld(12)
		require.Zero(t, c.Held(12))
		require.InDelta(t, min(window, twoWeeks)+math.Log10(2.5), c.Held(30), 1e-4)
	}
	flat := change.New(twoWeeks)
	flat.LearnHeld(12)
	require.Zero(t, flat.Held(30), "what is nearly always the same has its own way")
}
