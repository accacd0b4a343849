package api_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result/meaning"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

// What is learning is told when its first score comes, and at that step it comes.
func TestView_TellsWhenTheFirstScoreComes(t *testing.T) {
	db := storage.New(t)
	value := func(_ int, ts int64) float64 { return 10 + rand.New(rand.NewPCG(1, uint64(ts))).NormFloat64() }
	for job, known := range map[string]time.Duration{"old": 72 * time.Hour, "young": 18 * time.Hour, "newer": time.Hour} {
		storage.Write(t, db, end.Add(-known).UnixMilli(), end.Add(7*time.Hour).UnixMilli(), 300_000, value,
			labels.FromStrings("__name__", "load", "job", job))
	}
	cfg, err := config.Load([]byte(`
remote_read: [{url: http://localhost:9090/api/v1/read}]
global: {history: 3d, step: 5m, query_offset: 0s}
detectors: [{name: load, expr: load}]
`), "test.yml")
	require.NoError(t, err)
	m, err := detector.New(detector.Options{Engine: storage.NewEngine(5*time.Minute, 50e6)})
	require.NoError(t, err)
	require.NoError(t, m.ApplyConfig(cfg, db))
	v, err := view.New(view.Options{
		Snapshot: m.Snapshot, Config: func() *config.Config { return cfg }, Replay: m.ReplaySeries,
		Now: func() time.Time { return end },
	})
	require.NoError(t, err)
	// at runs a cycle, and returns what is known of the young series then.
	at := func(when time.Time) view.Series {
		require.NoError(t, m.Cycle(t.Context(), when))
		selectors, err := view.ParseSelectors([]string{`{job="young"}`})
		require.NoError(t, err)
		found, _ := v.List(m.Snapshot(), &view.Filter{Selectors: selectors, Limit: 10})
		require.Len(t, found, 1)
		return found[0]
	}
	s := at(end)
	first := end.Add(6*time.Hour + 5*time.Minute)
	require.Equal(t, &meaning.Learning{KnownSeconds: 64_800, NeededSeconds: 86_400, FirstScore: first}, s.Learning)
	require.Equal(t, "load of young has no score (learning): its history is shorter than min_history, or too short for "+
		"a model; wait: 18 h of 1 d; first score 7 Mar 18:05 UTC.", s.Sentence)
	d := v.Detectors(m.Snapshot(), &view.Filter{})
	require.Equal(t, 1, d[0].Scored)
	require.Equal(t, s.Learning, d[0].States[0].Learning)
	require.Equal(t, end.Add(23*time.Hour+5*time.Minute), *d[0].States[0].AllScored)

	require.NotEmpty(t, at(first.Add(-5*time.Minute)).State)
	s = at(first)
	require.Empty(t, s.State+s.Remedy)
	require.Nil(t, s.Learning)
}

// With a min_history that is too short for the model, the first score comes once that has enough, and this is told.
func TestView_TellsWhenAModelHasEnoughHistory(t *testing.T) {
	for step, needed := range map[time.Duration]time.Duration{
		time.Minute: 3*time.Hour + 40*time.Minute, 15 * time.Minute: 7 * time.Hour,
	} {
		db := storage.New(t)
		value := func(_ int, ts int64) float64 { return 10 + rand.New(rand.NewPCG(1, uint64(ts))).NormFloat64() }
		storage.Write(t, db, end.Add(-30*time.Minute).UnixMilli(), end.Add(7*time.Hour).UnixMilli(), 60_000, value,
			labels.FromStrings("__name__", "load", "job", "young"))
		cfg, err := config.Load(fmt.Appendf(nil, `
remote_read: [{url: http://localhost:9090/api/v1/read}]
global: {history: 3d, min_history: 1h, step: %s, query_offset: 0s}
detectors: [{name: load, expr: load}]
`, model.Duration(step)), "test.yml")
		require.NoError(t, err)
		m, err := detector.New(detector.Options{Engine: storage.NewEngine(5*time.Minute, 50e6)})
		require.NoError(t, err)
		require.NoError(t, m.ApplyConfig(cfg, db))
		at := func(when time.Time) (*result.Batch, *result.Series) {
			require.NoError(t, m.Cycle(t.Context(), when))
			b := m.Snapshot().Batches[0]
			require.Len(t, b.Series, 1)
			return b, &b.Series[0]
		}
		l := meaning.LearningOf(at(end))
		require.NotNil(t, l)
		require.Equal(t, needed.Seconds(), l.NeededSeconds)
		require.Equal(t, end.Add(needed-30*time.Minute+step), l.FirstScore)

		_, s := at(l.FirstScore.Add(-step))
		require.Equal(t, result.State{State: result.Learning, Reason: result.ReasonShortHistory}, s.State)
		_, s = at(l.FirstScore)
		require.Zero(t, s.State)
	}
}
