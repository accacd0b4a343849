package api_test

import (
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

// Why a detector has no newer results is said where its results would be, and no longer than it is so.
func TestView_TellsWhyADetectorFails(t *testing.T) {
	db := storage.New(t)
	write := func(job string, from, to time.Time) {
		storage.Write(t, db, from.UnixMilli(), to.UnixMilli(), 300_000, func(int, int64) float64 { return 1 },
			labels.FromStrings("__name__", "load", "job", job))
	}
	write("a", end.Add(-time.Hour), end.Add(2*time.Hour))
	write("b", end.Add(10*time.Minute), end.Add(20*time.Minute))
	cfg, err := config.Load([]byte(`
remote_read: [{url: http://localhost:9090/api/v1/read}]
global: {history: 3d, step: 5m, query_offset: 10m}
detectors: [{name: pair, expr: load + on () load}, {name: single, expr: load}]
`), "test.yml")
	require.NoError(t, err)
	m, err := detector.New(detector.Options{Engine: storage.NewEngine(5*time.Minute, 50e6)})
	require.NoError(t, err)
	require.NoError(t, m.ApplyConfig(cfg, db))
	now := end
	v, err := view.New(view.Options{
		Snapshot: m.Snapshot, Config: func() *config.Config { return cfg }, Replay: m.ReplaySeries,
		Now: func() time.Time { return now }, Faults: m.Faults,
	})
	require.NoError(t, err)
	at := func(when time.Time) (view.Detector, []string) {
		now = when
		_ = m.Cycle(t.Context(), when) // of the detectors, one may fail
		found := v.Detectors(m.Snapshot(), &view.Filter{})
		require.Nil(t, found[1].Failing)
		o, err := v.Overview("", "", "")
		require.NoError(t, err)
		return found[0], o.Problems
	}
	pair, problems := at(end.Add(15 * time.Minute))
	require.Nil(t, pair.Failing)
	require.Empty(t, problems)
	step := *pair.Step

	failed := end.Add(20 * time.Minute)
	pair, _ = at(failed)
	require.Equal(t, step, *pair.Step)
	require.Equal(t, failed, pair.Failing.At)
	require.Contains(t, pair.Failing.Error, "query load + on () load: found duplicate series for the match group {}")
	require.Empty(t, problems, "it is not late yet")
	_, problems = at(end.Add(50 * time.Minute))
	require.Len(t, problems, 1)
	require.Regexp(t, `^detector "pair" has had no new results since 12:05: query load .* must be unique on one side\.$`,
		problems[0])
}
