package result_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

func TestSource_HasAnIDAKindAndAText(t *testing.T) {
	for _, tc := range []struct {
		source         result.Source
		id, kind, text string
	}{
		{result.Source{Name: "load"}, "load", "detector", `detector "load"`},
		{result.Source{Scaler: true, Name: "load"}, "load", "scaler", `scaler "load"`},
		{result.Source{Scaler: true, Name: "load", Resource: "cpu"}, "load/cpu", "scaler", `scaler "load"`},
	} {
		require.Equal(t, tc.id, tc.source.ID())
		require.Equal(t, tc.kind, tc.source.Kind())
		require.Equal(t, tc.text, tc.source.String())
	}
}

func TestSource_IsOrderedByIDAndDetectorsFirst(t *testing.T) {
	ascending := []result.Source{
		{Name: "a"},
		{Scaler: true, Name: "a"},
		{Scaler: true, Name: "a", Resource: "cpu"},
		{Scaler: true, Name: "a", Resource: "memory"},
		{Name: "b"},
		{Scaler: true, Name: "b"},
	}
	shuffled := []result.Source{ascending[4], ascending[2], ascending[5], ascending[0], ascending[3], ascending[1]}
	slices.SortFunc(shuffled, result.Source.Compare)
	require.Equal(t, ascending, shuffled)
	for i, a := range ascending {
		for j, b := range ascending {
			require.Equal(t, i == j, a.Compare(b) == 0)
		}
	}
}

func TestBatch_StaleKeepsTheStateOfADetectorsSeries(t *testing.T) {
	b := newBatch(everything, scored("a", 0.9), without("b", "learning", "short_history"))
	b.Source, b.Step = result.Source{Name: "d"}, 60_000
	b.Series[0].ID, b.Series[0].Input = 17, labels.FromStrings("n", "a")
	b.Quality = []feedback.Quality{{}}
	before := text(b, result.Score, 0)
	stale := b.Stale()
	require.True(t, stale.IsStale)
	require.Equal(t, b.Source, stale.Source)
	require.Equal(t, b.Step, stale.Step)
	require.Equal(t, uint64(17), stale.Series[0].ID)
	require.Equal(t, b.Series[0].Input, stale.Series[0].Input)
	require.Equal(t, `anomaly_model_state{detector="d",job="",n="a",reason="no_data",state="stale"} 1
anomaly_model_state{detector="d",n="b",reason="no_data",state="stale"} 1`, text(stale, result.ModelState, 0))
	require.Equal(t, 2, stale.Len(0), "nothing else")
	require.Empty(t, stale.Quality)
	require.True(t, math.IsNaN(stale.Series[0].Score.Value))
	require.Equal(t, before, text(b, result.Score, 0), "the batch it came from is as it was")
	require.False(t, b.IsStale)
}

func TestBatch_StaleOfAScalerIsEmpty(t *testing.T) {
	b := newBatch(everything, sized("a"))
	b.Source = result.Source{Scaler: true, Name: "s"}
	stale := b.Stale()
	require.True(t, stale.IsStale)
	require.Equal(t, b.Source, stale.Source)
	require.Zero(t, stale.Len(0))
}

func TestBatch_RelabelTouchesNotTheBatchItCameFrom(t *testing.T) {
	b := newBatch(result.Scores|result.Onsets, scored("a", 0.9), scored("b", 0.5))
	b.Series[0].Input, b.Series[1].Input = labels.FromStrings("n", "a"), labels.FromStrings("n", "b")
	b.Series[0].Totals = replicas.StrategyTotals{Seconds: 60}
	b.Alerts, b.Outcomes = []result.Alert{{Series: &b.Series[0]}}, &feedback.Outcomes{TruePositives: 1}
	b.Step, b.Models, b.Learned = 60_000, map[string]int{"x": 1}, &result.Learned{Capacity: 1}
	format, series := b.Format, slices.Clone(b.Series)

	other := result.NewFormat(result.Format{Publish: result.Scores})
	relabelled := b.Relabel(other, &result.Labeler{Add: map[string]string{"team": "x"}})
	require.Equal(t, `anomaly_score{n="a",team="x"} 0.9
anomaly_score{n="b",team="x"} 0.5`, text(relabelled, result.Score, 0))
	require.Empty(t, text(relabelled, result.Onset, 0))
	require.Equal(t, b.Step, relabelled.Step)
	require.Equal(t, b.Models, relabelled.Models)
	require.Equal(t, b.Learned, relabelled.Learned)
	// What is of the step was there once.
	require.Empty(t, relabelled.Alerts)
	require.Nil(t, relabelled.Outcomes)
	require.Zero(t, relabelled.Series[0].Totals)

	require.Same(t, format, b.Format)
	require.Equal(t, series, b.Series)
	require.Len(t, b.Alerts, 1)
	require.NotNil(t, b.Outcomes)
}

func TestBatch_ReadsValuesOfTheHistory(t *testing.T) {
	const minute = 60_000
	layout, err := history.NewLayout(time.Minute, time.Hour, 0, history.Last)
	require.NoError(t, err)
	first, second := history.New(layout), history.New(layout)
	for i := range int64(10) {
		first.Append(i*minute, float64(i), false)
	}
	second.Append(8*minute, 42, false)
	b := newBatch(everything, result.Series{History: []history.View{first.View(), second.View()}})
	b.Step = 9 * minute
	s := &b.Series[0]
	require.Equal(t, 9.0, b.Value(s, 0))
	require.Equal(t, 42.0, b.Value(s, 1), "filled as the layout says")
	require.Equal(t, 6.0, b.Before(s, 3*time.Minute))
	require.True(t, math.IsNaN(b.Before(s, 10*time.Minute)), "as it was read")
}

func TestNoScore_IsNaN(t *testing.T) {
	s := result.NoScore()
	for _, v := range []float64{s.Value, s.ReturnPeriod, s.Expected, s.Lower, s.Upper} {
		require.True(t, math.IsNaN(v))
	}
}
