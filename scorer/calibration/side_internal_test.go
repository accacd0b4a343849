package calibration

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// The probabilities are those of tables of the sign test: of 5 episodes none on one side is 1/32, of 7 none or one is
// 8/128, of 8 it is 9/256, of 10 up to two are 56/1024, of 11 they are 67/2048.
func TestFewer_IsASignTest(t *testing.T) {
	for _, tc := range []struct {
		few, many int
		want      bool
	}{
		{0, 0, false}, {0, 4, false}, {0, 5, true}, {1, 6, false}, {1, 7, true}, {2, 8, false}, {2, 9, true}, {9, 2, false},
	} {
		require.Equal(t, tc.want, fewer(tc.few, tc.many), "%d, %d", tc.few, tc.many)
	}
}

// Bursts above make others normal, and nothing below that was never seen.
func TestCombine_ComparesWhatIsBeyondAllWithItsOwnSide(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	sample := make([]Statistics, 2016)
	for i := range sample {
		x := float32(r.NormFloat64())
		if i%200 < 6 {
			x += 30
		}
		sample[i] = Statistics{x}
	}
	c := Fit(Options{Enabled: [MaxStatistics]bool{true}, Slot: 5 * 60_000, Separation: 36}, sample, 7*24*3_600_000)
	log := func(x float32, side int) float64 {
		all, parts := c.Combine(&Statistics{x}, side)
		period, _ := c.LogPeriod(all, &parts)
		return period
	}
	require.Greater(t, log(-15, -1), log(-15, 0)+2, "100 times as rare")
	require.Equal(t, log(30, 0), log(30, 1), "as the bursts are")
	require.InDelta(t, log(-1, 0), log(-1, -1), 0.05, "usual on its own side")
	require.Less(t, c.BandBeyond(-1), float32(10))
	require.Greater(t, c.Band(), float32(25))
	require.Equal(t, c.Band(), c.BandBeyond(1))
}

// Where sides are alike, they count together.
func TestCombine_HasOneTailForSidesThatAreAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	sample := make([]Statistics, 4032)
	for i := range sample {
		sample[i] = Statistics{float32(r.NormFloat64())}
	}
	c := Fit(Options{Enabled: [MaxStatistics]bool{true}, Slot: 5 * 60_000, Separation: 36}, sample, 14*24*3_600_000)
	for _, x := range []float32{-8, -4, 4, 8} {
		want, _ := c.Combine(&Statistics{x}, 0)
		got, _ := c.Combine(&Statistics{x}, int(math.Copysign(1, float64(x))))
		require.Equal(t, want, got, x)
	}
}
