package result_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

func TestSelect_TranslatesThePublishedKinds(t *testing.T) {
	all := map[string]result.Selection{
		"score": result.Scores, "onset": result.Onsets, "contribution": result.Contributions, "expected": result.Expected,
		"forecast": result.Forecasts, "state": result.States, "model": result.Models,
	}
	for name, want := range all {
		s := result.Select([]string{name, "unknown"})
		require.Equal(t, want, s)
		for _, other := range all {
			require.Equal(t, other == want, s.Has(other))
		}
	}
	require.Zero(t, result.Select(nil))
	require.Equal(t, result.Scores|result.States, result.Select([]string{"score", "state"}))
}

// A series over the threshold has 1 score and 1 return period, 1 onset, 2 contributions, 3 expected and 1 observed, 6
// forecasts, 2 maxima, 4 breaches, 1 time to a breach, 2 bounds, 1 model.
func TestNewSnapshot_DropsWholeKindsInOrderAndCountsThem(t *testing.T) {
	batches := []*result.Batch{
		newBatch(ofDetectors, scored("a", 0.9), scored("b", 0.9)),
		newBatch(ofDetectors&^result.Onsets&^result.Expected, scored("c", 0.1), without("d", "muted", "mute")),
	}
	const scores, onsets, contributions, forecasts, expected, states, models = 6, 2, 4, 3 * 15, 8, 1, 3
	const rest = scores + states + models
	const all = rest + expected + forecasts + onsets + contributions
	none := func() map[string]int {
		return map[string]int{"contribution": 0, "onset": 0, "forecast": 0, "expected": 0}
	}
	for _, tc := range []struct {
		limit   int
		dropped result.Selection
		want    int
		counts  map[string]int
	}{
		{1000, 0, all, none()},
		{all, 0, all, none()},
		{
			all - 1, result.Contributions,
			rest + expected + forecasts + onsets,
			map[string]int{"contribution": contributions, "onset": 0, "forecast": 0, "expected": 0},
		},
		{
			rest + expected + forecasts + onsets - 1, result.Contributions | result.Onsets, rest + expected + forecasts,
			map[string]int{"contribution": contributions, "onset": onsets, "forecast": 0, "expected": 0},
		},
		{
			rest + expected + forecasts - 1, result.Contributions | result.Onsets | result.Forecasts, rest + expected,
			map[string]int{"contribution": contributions, "onset": onsets, "forecast": forecasts, "expected": 0},
		},
		{
			rest + expected - 1, result.Contributions | result.Onsets | result.Forecasts | result.Expected, rest,
			map[string]int{"contribution": contributions, "onset": onsets, "forecast": forecasts, "expected": expected},
		},
		{ // scores and states are never dropped
			1, result.Contributions | result.Onsets | result.Forecasts | result.Expected, rest,
			map[string]int{"contribution": contributions, "onset": onsets, "forecast": forecasts, "expected": expected},
		},
	} {
		s := result.NewSnapshot(batches, tc.limit)
		require.Equal(t, tc.dropped, s.Dropped, "limit %d", tc.limit)
		require.Equal(t, tc.counts, s.Counts, "limit %d", tc.limit)
		require.Equal(t, tc.want, s.Len(), "limit %d", tc.limit)
		require.Same(t, batches[0], s.Batches[0], "what has not changed is the same")
	}
}

func TestNewSnapshot_NeverDropsRecommendations(t *testing.T) {
	s := result.NewSnapshot([]*result.Batch{newBatch(result.Recommendations|result.States, sized("a"))}, 0)
	require.Equal(t, 2, s.Len())
}
