package incident_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
	"github.com/anomaly-exporter/anomaly-exporter/web/incident"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var end = time.Date(2026, 3, 7, 12, 0, 0, 0, time.UTC)

// start runs cycles over the last hour of a shop. The front calls cart and search, search calls the database. Ten
// minutes before the end the database becomes twice as slow, and its callers with it.
func start(t *testing.T) (*detector.Manager, *config.Config, *view.View) {
	t.Helper()
	slow := map[string]float64{"front": 12, "search": 5, "database": 2, "cart": 1}
	series := []labels.Labels{
		labels.FromStrings("__name__", "calls", "client", "front", "server", "cart"),
		labels.FromStrings("__name__", "calls", "client", "front", "server", "search"),
		labels.FromStrings("__name__", "calls", "client", "search", "server", "database"),
		labels.FromStrings("__name__", "calls", "client", "search", "server", "elsewhere"),
		labels.FromStrings("__name__", "ALERTS", "alertname", "Slow", "alertstate", "firing", "service", "front"),
		labels.FromStrings("__name__", "ALERTS", "alertname", "Disk", "alertstate", "firing", "service", "other"),
		labels.FromStrings("__name__", "rollout", "deployment", "cart", "namespace", "shop", "job", "kube-state-metrics"),
		labels.FromStrings("__name__", "rollout", "deployment", "database", "namespace", "shop", "job", "kube-state-metrics"),
		labels.FromStrings("__name__", "rollout", "deployment", "front", "namespace", "bank", "job", "kube-state-metrics"),
	}
	for _, service := range []string{"cart", "database", "front", "search"} {
		series = append(series, labels.FromStrings("__name__", "latency_seconds", "service", service, "namespace", "shop"))
	}
	db := storage.New(t)
	from := end.Add(-4 * 24 * time.Hour).UnixMilli()
	storage.Write(t, db, from, end.UnixMilli(), 300_000, func(i int, ts int64) float64 {
		if series[i].Get("__name__") != "latency_seconds" {
			return 1
		}
		v := 0.25 * (1 + 0.05*rand.New(rand.NewPCG(uint64(i), uint64(ts))).NormFloat64())
		if ts >= end.Add(-10*time.Minute).UnixMilli() {
			v *= slow[series[i].Get("service")]
		}
		return v
	}, series...)
	m, err := detector.New(detector.Options{Engine: storage.NewEngine(5*time.Minute, 50e6)})
	require.NoError(t, err)
	cfg, err := config.Load([]byte(`
remote_read: [{url: http://localhost:9090/api/v1/read}]
global: {history: 3d, step: 5m, query_offset: 0s}
detectors: [{name: latency, expr: latency_seconds, bounds: {upper: 3}, forecaster: {horizons: [1h]}}]
context: {entity: [namespace, service], calls: calls, changes: rollout}
`), "test.yml")
	require.NoError(t, err)
	require.NoError(t, m.ApplyConfig(cfg, db))
	for at := end.Add(-time.Hour); !at.After(end); at = at.Add(5 * time.Minute) {
		require.NoError(t, m.Cycle(t.Context(), at))
	}
	v, err := view.New(view.Options{
		Snapshot: m.Snapshot, Config: func() *config.Config { return cfg }, Now: func() time.Time { return end },
		Replay: m.ReplaySeries, Public: "https://example.com",
	})
	require.NoError(t, err)
	return m, cfg, v
}

func TestDescribe_SuspectsWhatIsBroken(t *testing.T) {
	m, cfg, v := start(t)
	shop := []string{`{namespace="shop"}`}
	d, err := incident.Describe(t.Context(), v, m.Snapshot(), cfg.Context, m.Query, shop, incident.DefaultLimit)
	require.NoError(t, err)
	require.Equal(t, end, d.At)
	require.Empty(t, d.Problems)
	require.Len(t, d.Incidents, 3)
	require.Len(t, d.Suspects, 3, "cart is not anomalous")
	first := d.Suspects[0]
	require.Equal(t, map[string]string{"namespace": "shop", "service": "database"}, first.Labels)
	require.Equal(t, end.Add(-10*time.Minute), *first.Since)
	require.Contains(t, first.Reasons, "Anomalous too, and calling it: search.")
	require.Equal(t, []map[string]string{
		{"__name__": "rollout", "deployment": "database", "namespace": "shop", "job": "kube-state-metrics"},
		{"__name__": "rollout", "deployment": "cart", "namespace": "shop", "job": "kube-state-metrics"},
	}, d.Changes, "that of what is anomalous comes first, and that of another namespace is left out")
	require.Equal(t, []map[string]string{
		{"__name__": "ALERTS", "alertname": "Slow", "alertstate": "firing", "service": "front"},
	}, d.Alerts, "that of another service is left out")

	text := d.Markdown()
	require.Contains(t, text, "# What is anomalous at 2026-03-07 12:00 UTC")
	require.Regexp(t, `(?m)^- latency of shop/database .* Learned from 2026-03-04 \d\d:\d\d to 2026-03-07 \d\d:\d\d\. `+
		`Forecast by [a-z0-9_\\\\]+\. Page: <https://example\.com/series\?detector=latency&.*service=database>$`, text)
	require.Contains(t, text, "1. `{namespace=\"shop\", service=\"database\"}`")
	require.Contains(t, text, "# Recent roll-outs\n\n- `{__name__=\"rollout\"")
	b, err := json.Marshal(d)
	require.NoError(t, err)
	require.True(t, json.Valid(b))
}

// All are rare. What deviates most for its usual noise comes before what deviates least.
func TestDescribe_RanksSuspectsByEvidenceWithoutCalls(t *testing.T) {
	m, cfg, v := start(t)
	c := cfg.Context
	c.Calls = nil
	d, err := incident.Describe(t.Context(), v, m.Snapshot(), c, m.Query, nil, incident.DefaultLimit)
	require.NoError(t, err)
	require.Len(t, d.Suspects, 3)
	for i, s := range d.Suspects[1:] {
		require.Less(t, s.Share, d.Suspects[i].Share)
	}
	require.Equal(t, "database", d.Suspects[2].Labels["service"], "it deviates least")
}

func TestDescribe_LimitsItsLists(t *testing.T) {
	m, cfg, v := start(t)
	d, err := incident.Describe(t.Context(), v, m.Snapshot(), cfg.Context, m.Query, nil, 1)
	require.NoError(t, err)
	require.Len(t, d.Incidents, 1)
	require.Len(t, d.Suspects, 1)
	require.Equal(t, "database", d.Suspects[0].Labels["service"], "it is the first of all")
	require.Contains(t, d.Suspects[0].Reasons, "Anomalous too, and calling it: search.")
	require.Len(t, d.Changes, 1)
	d, err = incident.Describe(t.Context(), v, m.Snapshot(), cfg.Context, m.Query, nil, 0)
	require.NoError(t, err)
	require.Empty(t, d.Suspects)
	require.Empty(t, d.Changes)
}

func TestDescribe_NamesWhatItCouldNotRead(t *testing.T) {
	m, cfg, v := start(t)
	refused := func(context.Context, string, time.Time) (promql.Vector, error) { return nil, errors.New("refused") }
	d, err := incident.Describe(t.Context(), v, m.Snapshot(), cfg.Context, refused, nil, incident.DefaultLimit)
	require.NoError(t, err)
	require.Equal(t, []string{"calls: refused", "rollout: refused", `ALERTS{alertstate="firing"}: refused`}, d.Problems)
	require.NotEmpty(t, d.Suspects)
	_, err = incident.Describe(t.Context(), v, m.Snapshot(), cfg.Context, refused, []string{"{"}, incident.DefaultLimit)
	require.ErrorAs(t, err, new(view.Invalid))
}

// Before the first cycle there is no time to speak of, and nothing to ask for it.
func TestDescribe_SaysThatNothingHasBeenEvaluated(t *testing.T) {
	_, cfg, v := start(t)
	query := func(context.Context, string, time.Time) (promql.Vector, error) {
		require.Fail(t, "asked for the year 1")
		return nil, nil
	}
	d, err := incident.Describe(t.Context(), v, &result.Snapshot{}, cfg.Context, query, nil, incident.DefaultLimit)
	require.NoError(t, err)
	require.Equal(t, "# What is anomalous\n\nNot known: nothing has been evaluated yet. /-/ready tells why.\n\n",
		d.Markdown())
	b, err := json.Marshal(d)
	require.NoError(t, err)
	require.Contains(t, string(b), `"suspects":[]`)
	require.NotContains(t, string(b), `"at"`)
}

func TestDescribe_SaysWhySeriesHaveNoScore(t *testing.T) {
	m, cfg, v := start(t)
	s := m.Snapshot()
	all := s.Batches[0].Series
	for i := range all {
		all[i].State, all[i].Score = result.State{State: result.Learning, Reason: result.ReasonNotFitted}, result.NoScore()
	}
	all[0].State = result.State{State: result.Failed, Reason: "gaps"}
	d, err := incident.Describe(t.Context(), v, s, cfg.Context, m.Query, nil, incident.DefaultLimit)
	require.NoError(t, err)
	require.Zero(t, d.Scored)
	require.Len(t, d.Unscored, 2)
	require.Equal(t, len(all)-1, d.Unscored[0].Series, "the most frequent reason comes first")
	require.Contains(t, d.Markdown(), fmt.Sprintf("Not known: none of %d series has a score.\n", len(all))+
		fmt.Sprintf("- %d without a score (learning, not_fitted): its model is being fitted, as after every start; wait",
			len(all)-1))
}

// The silence of what has no score, or of a selector with a typing mistake, means nothing.
func TestMarkdown_SaysWhatSilenceMeans(t *testing.T) {
	for want, d := range map[string]incident.Document{
		"Not known: no detector has a series.":      {},
		"Nothing. 57 of 60 series have a score.":    {Series: 60, Scored: 57},
		"Not known: none of 60 series has a score.": {Series: 60},
		"Nothing. 1 of 4 series have a score.\n" +
			"- 2 without a score (learning, not_fitted): its model is being fitted; wait\n" +
			"- 1 without a score (muted): nothing\n": {Series: 4, Scored: 1, Unscored: []view.State{
			{State: "learning", Reason: "not_fitted", Text: "its model is being fitted; wait", Series: 2},
			{State: "muted", Text: "nothing", Series: 1},
		}},
		`Not known: no series matches {namespace="shpo"}.`:     {Match: []string{`{namespace="shpo"}`}},
		`Not known: no series matches {pod="a"} or {pod="b"}.`: {Match: []string{`{pod="a"}`, `{pod="b"}`}},
		"Nothing. 1 of 1 series have a score.":                 {Series: 1, Scored: 1, Match: []string{`{pod="a"}`}},
	} {
		d.At = end
		require.Contains(t, d.Markdown(), want)
	}
}
