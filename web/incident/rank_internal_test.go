package incident

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func likeliest(share []float64) int {
	most := 0
	for i, s := range share {
		if s > share[most] {
			most = i
		}
	}
	return most
}

func TestSuspicion_IsProportionalToEvidenceWithoutCalls(t *testing.T) {
	require.Equal(t, []float64{0.25, 0, 0.75}, suspicion([]float64{2, 0, 6}, nil))
	require.Equal(t, []float64{0, 0}, suspicion([]float64{0, 0}, [][2]int{{0, 1}}))
	require.Empty(t, suspicion(nil, nil))
}

// A front calls two services, one of which calls a database. What is broken makes its callers anomalous, often more
// than itself.
func TestSuspicion_FollowsTheCallsToWhatIsBroken(t *testing.T) {
	const front, cart, search, database = 0, 1, 2, 3
	calls := [][2]int{{front, cart}, {front, search}, {search, database}}
	for _, tc := range []struct {
		name     string
		evidence []float64
		want     int
	}{
		{"the database", []float64{9, 1, 8, 7}, database},
		{"search, not what it calls", []float64{9, 1, 8, 1}, search},
		{"the front, though nothing else is", []float64{9, 1, 1, 1}, front},
		{"cart, in spite of noise in the database", []float64{8, 8, 2, 3}, cart},
	} {
		share := suspicion(tc.evidence, calls)
		require.Equal(t, tc.want, likeliest(share), "%s: %v", tc.name, share)
		require.InDelta(t, 1, sum(share), 1e-9)
	}
}

// Calls may form a circle, or an entity may call itself.
func TestSuspicion_EndsOnCircles(t *testing.T) {
	share := suspicion([]float64{5, 5, 5}, [][2]int{{0, 1}, {1, 2}, {2, 0}, {1, 1}})
	for _, s := range share {
		require.InDelta(t, 1.0/3, s, 1e-9)
	}
	share = suspicion([]float64{maxSurprise, 0, 3}, [][2]int{{0, 1}, {1, 0}, {1, 2}})
	require.False(t, math.IsNaN(sum(share)))
	require.InDelta(t, 1, sum(share), 1e-9)
}

func sum(of []float64) (s float64) {
	for _, v := range of {
		s += v
	}
	return s
}

// What calls do not connect is compared by its evidence, whatever the calls of others.
func TestSuspicion_RanksWhatNoCallReaches(t *testing.T) {
	share := suspicion([]float64{0, 0, 2, 8, 4}, [][2]int{{0, 1}})
	require.Zero(t, share[0])
	require.Zero(t, share[1])
	require.Less(t, share[2], share[4])
	require.Less(t, share[4], share[3])
}

func TestEvidence_GrowsWithRarityAndSize(t *testing.T) {
	small := evidenceOf(4, 12, 10, 9, 11)
	require.Less(t, small, evidenceOf(6, 12, 10, 9, 11), "rarer")
	require.Less(t, small, evidenceOf(4, 16, 10, 9, 11), "larger")
	require.InDelta(t, small, evidenceOf(4, 8, 10, 9, 11), 1e-12, "in either direction")
	require.InDelta(t, small, evidenceOf(4, 1200, 1000, 900, 1100), 1e-12, "in any unit")
	require.Zero(t, evidenceOf(4, 10, 10, 10, 10))
	require.Zero(t, evidenceOf(-1, 12, 10, 9, 11))

	t.Run("what never changed is compared by how far it falls", func(t *testing.T) {
		require.Less(t, evidenceOf(3, 95, 100, 100, 100), evidenceOf(3, 90, 100, 100, 100))
		require.False(t, math.IsInf(evidenceOf(3, 1, 0, 0, 0), 0))
	})
	t.Run("several signals together have no range", func(t *testing.T) {
		nan := math.NaN()
		require.Less(t, evidenceOf(3, 1, nan, nan, nan), evidenceOf(6, 1, nan, nan, nan))
	})
	require.False(t, math.IsInf(evidenceOf(math.Inf(1), 2, 1, 1, 1), 0), "outside of the data range")
}

func TestAgreement_CountsEachSeriesLessThanTheOneBefore(t *testing.T) {
	require.Zero(t, agreement(nil))
	require.InDelta(t, 8+0.3*4+0.09*2, agreement([]float64{2, 8, 4}), 1e-12)
	require.Less(t, agreement(slices.Repeat([]float64{4}, 100)), 5.8)
}
