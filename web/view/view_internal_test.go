package view

import (
	"context"
	"math"
	"net/url"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/web/past"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestView_IdentityLeavesOutWhatTheConfigurationAdds(t *testing.T) {
	cfg := &config.Config{Detectors: []config.Detector{
		{Name: "other", Labels: map[string]string{"pod": "x"}},
		{Name: "load", Labels: map[string]string{"team": "x", "namespace": "renamed"}},
	}}
	v := &View{o: Options{Config: func() *config.Config { return cfg }}}
	s := &Series{
		Labels: map[string]string{"detector": "load", "pod": "a", "team": "x", "namespace": "renamed"},
		batch:  &result.Batch{Source: result.Source{Name: "load"}},
		series: &result.Series{Input: labels.FromStrings("pod", "a", "namespace", "shop")},
	}
	require.Equal(t, `{detector="load", namespace="renamed", pod="a"}`, v.Identity(s).String(),
		"a label that the series has tells it apart, whatever its value has become")
}

func TestSeries_SelectorFindsItself(t *testing.T) {
	s := Series{Labels: map[string]string{"job": `a"b\c`, "my.label": "x\ny", "detector": "d"}}
	selectors, err := ParseSelectors([]string{s.Selector()})
	require.NoError(t, err)
	require.Len(t, selectors[0], 3)
	for _, m := range selectors[0] {
		require.True(t, m.Matches(s.Labels[m.Name]), m)
	}
}

// published returns a View of results of a detector without pools, and of one that compares the pods of a namespace.
func published(now int64, series ...result.Series) *View {
	cfg := &config.Config{Detectors: []config.Detector{{Name: "alone"}, {Name: "pods", PoolBy: []string{"namespace"}}}}
	batches := map[string]*result.Batch{}
	for i, s := range series {
		s.ID, s.Input, s.Score.Expected = uint64(i), s.Labels.Without("detector"), 1
		name := s.Labels.Get("detector")
		if batches[name] == nil {
			batches[name] = &result.Batch{Source: result.Source{Name: name}, Step: now}
		}
		batches[name].Series = append(batches[name].Series, s)
	}
	return &View{past: past.New(nil), o: Options{
		Config: func() *config.Config { return cfg },
		Now:    func() time.Time { return at(now) },
		Snapshot: func() *result.Snapshot {
			return &result.Snapshot{Batches: []*result.Batch{batches["alone"], batches["pods"]}}
		},
	}}
}

// scored returns results of a series with a score that has been high since a time (ms; 0: it is not).
func scored(score float64, since int64, l ...labels.Label) result.Series {
	s := result.Series{Labels: l, Score: result.NoScore(), Since: result.Since{At: since}}
	s.Score.Value = score
	return s
}

func TestView_TellsWhatElseMovedAndItsSiblings(t *testing.T) {
	const now, minute = 1e12, 60_000
	of := func(detector, namespace, pod string) []labels.Label {
		return []labels.Label{
			{Name: "detector", Value: detector}, {Name: "namespace", Value: namespace}, {Name: "pod", Value: pod},
		}
	}
	v := published(
		now,
		scored(0.3, 0, of("alone", "shop", "calm")...),
		scored(0.7, 0, of("alone", "shop", "unusual")...),
		scored(0.9, now-90*minute, of("alone", "shop", "earlier")...),
		scored(0.9, now-31*minute, of("alone", "bank", "soon")...),
		scored(0.9, now-93*minute, of("alone", "bank", "long before")...),
		scored(0.9, 0, of("alone", "bank", "elsewhere")...),
		scored(0.9, now-60*minute, of("pods", "shop", "a")...),
		scored(0.2, 0, of("pods", "shop", "b")...),
		scored(math.NaN(), 0, of("pods", "shop", "c")...),
		scored(0.4, 0, of("pods", "shop", "d")...),
		scored(0.5, 0, of("pods", "bank", "e")...),
	)
	pods := func(all []Series) (names []string) {
		for i := range all {
			names = append(names, all[i].Labels["pod"])
		}
		return names
	}
	find := func(detector, pod string) *Series {
		found := v.Find(url.Values{"detector": {detector}, "pod": {pod}})
		require.Len(t, found, 1)
		return &found[0]
	}
	s := find("pods", "a")
	moved, calm := v.Others(s)
	require.Equal(t, []string{"earlier", "soon", "unusual"}, pods(moved), "the first mover first")
	require.Equal(t, []string{"calm"}, pods(calm), "siblings are listed by themselves")
	siblings, total := v.Siblings(s, 2)
	require.Equal(t, []string{"d", "b"}, pods(siblings))
	require.Equal(t, 3, total)

	s = find("alone", "calm")
	moved, calm = v.Others(s)
	require.Equal(t, []string{"earlier", "a", "unusual"}, pods(moved), "it has not moved, so it is about its workload")
	require.Equal(t, []string{"d", "b"}, pods(calm))
	siblings, total = v.Siblings(s, 2)
	require.Empty(t, siblings)
	require.Zero(t, total)
}

func TestView_ReplaysWhatIsGoneOnce(t *testing.T) {
	end := time.Date(2026, 3, 7, 12, 0, 0, 0, time.UTC)
	source, input := result.Source{Name: "load"}, labels.FromStrings("pod", "a")
	batch := func(step time.Time) *result.Batch {
		return &result.Batch{
			Source: source, Step: step.UnixMilli(), Format: &result.Format{Step: time.Minute}, Labeler: &result.Labeler{},
		}
	}
	now := batch(end)
	// It is long ago, so when it ended is only known to a few minutes.
	now.Gone = []result.Gone{{Input: input, Last: end.Add(-time.Hour).UnixMilli()}}
	snapshot, replays := result.NewSnapshot([]*result.Batch{now}, math.MaxInt), 0
	v, err := New(Options{
		Snapshot: func() *result.Snapshot { return snapshot }, Config: func() *config.Config { return &config.Config{} },
		Now: func() time.Time { return end },
		Replay: func(
			_ context.Context, _ result.Source, _ []labels.Labels, _, _ time.Time, emit func(*result.Batch),
		) error {
			replays++
			b := batch(end.Add(-time.Hour - 3*time.Minute))
			b.Series = []result.Series{{Input: input, Score: result.NoScore()}}
			emit(b)
			return nil
		},
	})
	require.NoError(t, err)
	gone, total := v.List(snapshot, &Filter{Gone: true, Limit: 1})
	require.Equal(t, 1, total)
	was, err := v.Ended(t.Context(), &gone[0], end.Add(-2*time.Hour), time.Time{})
	require.NoError(t, err)
	require.Equal(t, end.Add(-time.Hour-3*time.Minute), was.Step)
	require.Equal(t, []int64{was.Step.Unix()}, was.History.Time)
	require.Equal(t, 1, replays)
}

// A value that is stuck may be within its usual range: the sentence says why it is anomalous all the same.
func TestSeries_SaysThatAValueIsStuck(t *testing.T) {
	s := Series{
		Kind: "detector", Source: "temperature", Labels: map[string]string{}, series: &result.Series{},
		Value: 36.7, Lower: 34.8, Upper: 39.2, Contributions: []Contribution{{Feature: "stuck", Share: 1}},
	}
	require.Equal(t, "temperature is stuck at 36.7; usual now is 34.8 to 39.2.", s.sentence(time.Time{}))
	s.Contributions = []Contribution{{Feature: "level", Share: 1}}
	require.Equal(t, "temperature is 36.7; usual now is 34.8 to 39.2.", s.sentence(time.Time{}))
}
