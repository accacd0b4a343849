package detector_test

import (
	"bytes"
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/scorer"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
)

// crashing counts the restarts of a pod. There are none before trouble. In the first hour of trouble there is one
// every ten minutes, and they become more frequent each hour.
func crashing(trouble, at time.Time) float64 {
	n := 0.0
	for hour := range 3 {
		minutes := at.Sub(trouble.Add(time.Duration(hour) * time.Hour)).Minutes()
		n += float64(6*(hour+1)*(hour+1)) / 60 * math.Min(math.Max(minutes, 0), 60)
	}
	return math.Floor(n)
}

func TestManager_ExplainsAHighScoreInTheLogOnce(t *testing.T) {
	trouble := epoch.Add(4 * 24 * time.Hour)
	end := trouble.Add(3 * time.Hour)
	series := []labels.Labels{
		labels.FromStrings("__name__", "restarts", "pod", "a"),
		labels.FromStrings("__name__", "restarts", "pod", "b"),
	}
	db := newStorage(t, epoch, end, time.Minute, series, func(i int, at time.Time) float64 {
		if i == 1 {
			return 7
		}
		return crashing(trouble, at)
	})
	cfg := load(t, `
global: {history: 4d, query_offset: 0s, step: 5m}
detectors: [{name: restarts, expr: 'sum by (pod) (increase(restarts[5m]))'}]
`)
	var out bytes.Buffer
	m := newManager(t, detector.Options{Logger: log.NewLogfmtLogger(&out)})
	require.NoError(t, m.ApplyConfig(cfg, db))
	var lines []string
	for at := trouble.Add(-10 * time.Minute); !at.After(end); at = at.Add(5 * time.Minute) {
		out.Reset()
		cycle(t, m, at)
		for line := range strings.Lines(out.String()) {
			if strings.Contains(line, "msg=Anomaly") {
				lines = append(lines, line)
			}
		}
	}
	require.Len(t, lines, 1, "once, not at every step")
	require.Regexp(t, `^level=info component=detector detector=restarts msg=Anomaly series="{pod=\\"a\\"}" `+
		`score=0\.[89]\d value=\S+ expected=0 lower=\S+ upper=\S+ `+
		`features="[^"]+" trend=accelerating trend_per_hour=\S+ trend_hours=\d+ per_hour=\S+ `+
		`learned_from=2026-03-02T00:0\d:00Z learned_to=2026-03-0[56]T\d\d:\d\d:00Z\n$`, lines[0])

	explain := func(b *result.Batch) (s *result.Series, e scorer.Explanation) {
		i := slices.IndexFunc(b.Series, func(s result.Series) bool { return s.Input.Get("pod") == "a" })
		e, _ = b.Explain(&b.Series[i])
		return &b.Series[i], e
	}
	words, ends := map[time.Time]string{}, []scorer.Explanation{}
	for _, start := range []time.Time{trouble, end} { // explanations do not depend on the start of the replay
		replay := newManager(t, detector.Options{})
		require.NoError(t, replay.ApplyConfig(cfg, db))
		require.NoError(t, replay.Replay(context.Background(), start, end, func(part *result.Batch) {
			s, e := explain(part)
			words[time.UnixMilli(part.Step).UTC()] = e.Trend.Word
			if time.UnixMilli(part.Step).Equal(end) {
				require.InDelta(t, 54, e.PerHour, 6, "restarts in the last hour")
				require.Equal(t, part.Value(s, 0), e.Seen)
				require.Equal(t, samples(part, result.Score)[0].Value, e.Value)
				ends = append(ends, e)
			}
		}))
	}
	require.Equal(t, ends[0], ends[1])
	require.Equal(t, "stable", words[trouble])
	require.Equal(t, "increasing", words[trouble.Add(30*time.Minute)])
	require.Equal(t, "accelerating", words[end])
}

// However many series become anomalous at once, a cycle logs at most ten. Anomalies that began while the source was
// down are logged afterwards.
func TestManager_LogsAtMostTenAnomaliesInACycle(t *testing.T) {
	trouble := epoch.Add(3 * 24 * time.Hour)
	db := newStorage(t, epoch, trouble.Add(time.Hour), 5*time.Minute, pods(13), func(i int, at time.Time) float64 {
		if !at.Before(trouble) {
			return 3 * daily(i, at)
		}
		return daily(i, at)
	})
	source := &storage.Flaky{Queryable: db}
	var out bytes.Buffer
	m := newManager(t, detector.Options{Logger: log.NewLogfmtLogger(&out)})
	require.NoError(t, m.ApplyConfig(load(t, `
global: {history: 3d, query_offset: 0s, step: 5m}
detectors: [{name: load, expr: load}]
`), source))
	cycle(t, m, trouble.Add(-5*time.Minute))
	require.NotContains(t, out.String(), "msg=Anomaly")
	source.Down.Store(true)
	require.Error(t, m.Cycle(context.Background(), trouble))
	source.Down.Store(false)
	out.Reset()
	cycle(t, m, trouble.Add(10*time.Minute))
	require.Equal(t, 10, strings.Count(out.String(), "msg=Anomaly"))
	require.Contains(t, out.String(), `msg="More anomalies in this cycle" series=3`)
	require.NotContains(t, out.String(), " per_hour", "only counts have a rate per hour")
	out.Reset()
	cycle(t, m, trouble.Add(15*time.Minute))
	require.NotContains(t, out.String(), "nomal")
}

// A member of a pool is explained like a single series. A member that is too young for a trend has none.
func TestBatch_ExplainsScoresOfPoolMembers(t *testing.T) {
	end := epoch.Add(4 * 24 * time.Hour)
	db := newStorage(t, epoch, end, 5*time.Minute, workload("api", 5), func(i int, at time.Time) float64 {
		switch {
		case i == 4 && at.Before(end.Add(-time.Hour)):
			return math.NaN()
		case i == 0 && !at.Before(end.Add(-30*time.Minute)), i == 4:
			return 3 * serving(i, at)
		}
		return serving(i, at)
	})
	m := newManager(t, detector.Options{})
	require.NoError(t, m.ApplyConfig(load(t, `
global: {history: 3d, query_offset: 0s, step: 5m}
detectors: [{name: load, expr: load, pool_by: [namespace, container]}]
`), db))
	trends := map[string]string{}
	require.NoError(t, m.Replay(context.Background(), end, end, func(part *result.Batch) {
		for i := range part.Series {
			s := &part.Series[i]
			e, _ := part.Explain(s)
			trends[s.Labels.Get("pod")] = e.Trend.Word
			require.Equal(t, part.Value(s, 0), e.Seen)
			require.Less(t, e.Lower, e.Expected)
			require.Less(t, e.From, e.To)
			require.WithinRange(t, time.UnixMilli(e.From), end.Add(-3*24*time.Hour-6*time.Hour), end.Add(-2*24*time.Hour))
			require.WithinRange(t, time.UnixMilli(e.To), end.Add(-6*time.Hour), end)
			require.True(t, math.IsNaN(e.PerHour))
		}
	}))
	require.Len(t, trends, 5)
	require.Equal(t, "increasing", trends["api-00"])
	require.Empty(t, trends["api-04"])
}
