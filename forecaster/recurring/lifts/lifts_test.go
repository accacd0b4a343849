package lifts_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/recurring/lifts"
)

const cell, perDay = 5 * 60_000, 288

// noise returns lifts of two days of white noise (standard deviation 1) around 0, the second of which is by so much
// higher; the usual is 0.
func noise(r *rand.Rand, higher float32) lifts.Lifts {
	l := lifts.New(cell, cell, 2*perDay)
	for i := range 2 * perDay {
		usual := float32(i/perDay) * higher
		l.Advance(float32(r.NormFloat64()))
		l.Keep(i, usual)
	}
	l.Finish(higher, 2*perDay-1, func(int) float32 { return 0 })
	return l
}

func TestLifts_TellAHigherLevelFromChance(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	other := 0
	for range 1000 {
		l := noise(r, 0)
		if l.Since(perDay-1) != 0 {
			other++
		}
	}
	require.Less(t, other, 100, "of 1,000 levels that are the same")
	l := noise(r, 20)
	require.InDelta(t, 20, l.Up(), 1)
	require.InDelta(t, 20, l.Since(perDay-1), 1.5)
	require.Zero(t, l.Since(-1), "before the window")
	require.Zero(t, l.Since(2*perDay), "after it")
	for range 36 { // 3 hours
		l.Advance(-5)
	}
	require.Zero(t, l.Up())
	require.Zero(t, l.Since(perDay-1), "lower")
}
