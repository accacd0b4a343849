package report_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anomaly-exporter/anomaly-exporter/backtest"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
	"github.com/anomaly-exporter/anomaly-exporter/web/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	step = 5 * time.Minute
	// hostile is a label value that a page must not take for HTML, or for the end of a script.
	hostile = `"></script><script>alert(1)</script>'`
)

var (
	end    = time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC)
	outage = end.Add(-12 * time.Hour) // of an hour, of the first series
)

func history(t *testing.T) promstorage.Queryable {
	t.Helper()
	db := storage.New(t)
	series := []labels.Labels{
		labels.FromStrings("__name__", "load_bytes", "pod", hostile),
		labels.FromStrings("__name__", "load_bytes", "pod", "b"),
	}
	storage.Write(t, db, end.Add(-6*24*time.Hour).UnixMilli(), end.UnixMilli(), step.Milliseconds(),
		func(i int, ts int64) float64 {
			v := 5e9 + 1e8*math.Sin(float64(ts)*float64(i+1)) // as good as noise
			if at := time.UnixMilli(ts); i == 0 && !at.Before(outage) && at.Before(outage.Add(time.Hour)) {
				v *= 2
			}
			return v
		}, series...)
	disk := labels.FromStrings("__name__", "disk_bytes", "device", "sda") // full at the end
	storage.WriteSeries(t, db, disk, end.Add(-6*24*time.Hour).UnixMilli(), end.UnixMilli(), step.Milliseconds(),
		func(ts int64) float64 { return 1e11 + 1e6*float64(ts-end.UnixMilli())/1000 })
	return db
}

func run(t *testing.T, since time.Duration) *report.Report {
	t.Helper()
	return runOf(t, since, `
detectors: [{name: load, expr: load_bytes, forecaster: {horizons: [15m, 30m, 1h]}}, {name: none, expr: nothing}]
scalers: [{name: fleet, load: sum(load_bytes), capacity_per_replica: 1e9, max_replicas: 50}]
outcomes: {truth: {expr: load_bytes > 7e9}}
`)
}

func runOf(t *testing.T, since time.Duration, text string) *report.Report {
	t.Helper()
	const head = `
remote_read: [{url: http://localhost:9090/api/v1/read}]
global: {history: 3d, step: 5m, query_offset: 0s}`
	cfg, err := config.Load([]byte(head+text), "test.yml")
	require.NoError(t, err)
	source := history(t)
	r, err := report.Run(t.Context(), backtest.Options{
		Config: cfg, Start: end.Add(-since), End: end, Now: end.Add(time.Hour),
		NewReplayer: func(cfg *config.Config) (backtest.Replayer, error) {
			m, err := detector.New(detector.Options{Engine: storage.NewEngine(step, 50e6)})
			if err != nil {
				return nil, err
			}
			return m, m.ApplyConfig(cfg, source)
		},
	})
	require.NoError(t, err)
	return r
}

func TestRun_DrawsFindingsForecastsAndReplicas(t *testing.T) {
	r := run(t, 24*time.Hour)
	require.Len(t, r.Findings, len(r.Report.Findings))
	strongest, of := r.Findings[0], r.Report.Findings[0]
	require.Equal(t, hostile, strongest.Labels["pod"])
	require.Equal(t, "bytes", strongest.Unit)
	h := strongest.History
	require.Len(t, h.Time, 289)
	at := int(of.Time.Unix()-h.Time[0]) / 300
	require.InEpsilon(t, of.Score, float64(h.Score[at]), 1e-5)
	require.InEpsilon(t, of.Seen, float64(h.Value[at]), 1e-5)
	require.InEpsilon(t, of.Upper, float64(h.Upper[at]), 1e-5)
	require.Equal(t, [][2]int64{{outage.Unix(), outage.Add(time.Hour).Unix()}}, strongest.Incidents)
	require.Len(t, strongest.Alerts, 1)
	require.Equal(t, outage.Add(step).Unix(), strongest.Alerts[0][0], "fires 5m after its first score")
	require.GreaterOrEqual(t, strongest.Alerts[0][1], outage.Add(time.Hour).Unix())

	require.Equal(t, []string{"forecast 15m before", "forecast 1h before"},
		[]string{r.Forecasts[0].Expected, r.Forecasts[1].Expected}, "of the shortest and the longest horizon")
	for i, steps := range []int{3, 12} {
		expected := r.Forecasts[i].History.Expected
		require.True(t, math.IsNaN(float64(expected[steps-1])), "nothing was forecast for it within the time")
		require.False(t, math.IsNaN(float64(expected[steps])))
		require.InDelta(t, 5e9, float64(expected[steps]), 2e8)
	}
	fleet := r.Scalers[0].Scaler
	var names []string
	for _, s := range fleet.Strategies {
		names = append(names, s.Name)
		require.InDelta(t, 10, float64(s.Replicas[0]), 2, s.Name)
		require.Len(t, s.Replicas, len(fleet.Time), s.Name)
	}
	require.Equal(t, []string{"recommended", "reactive", "static"}, names)
	require.GreaterOrEqual(t, len(fleet.Time), 289, "and what is forecast")
	require.Equal(t, end.Add(-24*time.Hour).Unix(), fleet.Time[0])
	require.Contains(t, strings.Join(r.LeftOut, "\n"), "at most 720 points")
}

func TestRun_DrawsAlertsThatABoundWillBeCrossed(t *testing.T) {
	r := runOf(t, 12*time.Hour, `
detectors:
  - name: disk
    expr: disk_bytes
    bounds: {upper: 1e11}
    forecaster: {horizons: [1h, 6h]}
    publish: [forecast, state]
`)
	require.Len(t, r.Detectors[0].Breaches, 1)
	require.Len(t, r.Breaches, 1)
	chart := r.Breaches[0]
	require.Equal(t, "disk of sda", chart.Title)
	require.Equal(t, "forecast 6h before", chart.Expected)
	require.Equal(t, []float64{1e11}, chart.Bounds)
	require.Len(t, chart.Breaches, 1)
	require.InDelta(t, end.Add(-4*time.Hour).Unix(), chart.Breaches[0][0], 1800)
	h := chart.History
	require.LessOrEqual(t, h.Time[0], chart.Breaches[0][0]-3600, "what led to it is there")
	require.InEpsilon(t, float64(h.Value[len(h.Value)-1]), float64(h.Expected[len(h.Value)-1]), 1e-3)
	var page strings.Builder
	require.NoError(t, r.Write(&page, "disk", "1.2.3"))
	require.Contains(t, page.String(), "disk of sda: forecast 6h before, and what came")
	require.Contains(t, page.String(), `<span class="breach">`)
	require.Contains(t, page.String(), `"breaches":[[`)
}

func TestRun_BoundsThePointsOfAChart(t *testing.T) {
	r := run(t, 66*time.Hour) // 793 steps
	require.Len(t, r.Findings[0].History.Time, 720, "around a finding all steps are drawn")
	require.Equal(t, int64(300), r.Findings[0].History.Gap)
	require.Len(t, r.Forecasts[0].History.Time, 397, "of two steps one")
	require.Equal(t, int64(1200), r.Forecasts[0].History.Gap)
	fleet := r.Scalers[0].Scaler
	require.LessOrEqual(t, len(fleet.Time), 720)
	require.InDelta(t, 600, fleet.StepSeconds, 0)
	require.Len(t, fleet.Strategies[0].Short, len(fleet.Time))
	short := 0
	for _, is := range fleet.Strategies[1].Short {
		if is {
			short++
		}
	}
	require.Positive(t, short)
	require.LessOrEqual(t, float64(fleet.Strategies[1].ShortSeconds), 600*float64(short), "none is passed over")
	require.GreaterOrEqual(t, float64(fleet.Strategies[1].ShortSeconds), 300*float64(short))
}

func TestWrite_IsOnePageThatLoadsNothing(t *testing.T) {
	r := run(t, 24*time.Hour)
	var page strings.Builder
	require.NoError(t, r.Write(&page, "Backtest of <test>", "v1"))
	text := page.String()
	require.Less(t, len(text), 500_000)
	require.Contains(t, text, "<h1>Backtest of &lt;test&gt;</h1>")
	require.Regexp(t, `load</td><td class="n"><strong>\d</strong></td><td class="n">0\.058`, text)
	require.Contains(t, text, "More than promised: load.")
	require.NotContains(t, text, "<script>alert")
	require.NotContains(t, text, "ZgotmplZ")
	require.Empty(t, regexp.MustCompile(`\s(src|href|on[a-z]+|style)=`).FindAllString(
		regexp.MustCompile(`(?s)<script.*?</script>`).ReplaceAllString(text, ""), -1))

	// The policy allows the scripts and styles of the page by their hashes, and nothing else.
	policy := regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(text)[1]
	policy = strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(policy)
	require.Contains(t, policy, "default-src 'none'")
	parts := regexp.MustCompile(`(?s)<(?:script|style)>(.*?)</(?:script|style)>`).FindAllStringSubmatch(text, -1)
	require.Len(t, parts, 6)
	for _, part := range parts {
		sum := sha256.Sum256([]byte(part[1]))
		require.Contains(t, policy, fmt.Sprintf("'sha256-%s'", base64.StdEncoding.EncodeToString(sum[:])))
	}

	data := regexp.MustCompile(`(?s)id="charts">(.*?)</script>`).FindStringSubmatch(text)[1]
	var charts []map[string]any
	require.NoError(t, json.Unmarshal([]byte(data), &charts))
	require.Len(t, charts, len(r.Findings)+len(r.Forecasts)+len(r.Scalers))
	require.Len(t, regexp.MustCompile(`id="chart\d+"`).FindAllString(text, -1), len(charts))
}
