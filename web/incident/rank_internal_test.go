package incident

import (
	"math"
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

func TestSuspicion_IsProportionalToSurpriseWithoutCalls(t *testing.T) {
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
		surprise []float64
		want     int
	}{
		{"the database", []float64{9, 1, 8, 7}, database},
		{"search, not what it calls", []float64{9, 1, 8, 1}, search},
		{"the front, though nothing else is", []float64{9, 1, 1, 1}, front},
		{"cart, in spite of noise in the database", []float64{8, 8, 2, 3}, cart},
	} {
		share := suspicion(tc.surprise, calls)
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
