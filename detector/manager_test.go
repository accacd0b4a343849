package detector_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// skipSlow skips a test that takes seconds, in `go test -short`.
func skipSlow(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("slow")
	}
}

var epoch = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) // a Monday

// newStorage returns a real TSDB that holds values(series, t) for every series and interval from start to end.
func newStorage(
	t *testing.T, start, end time.Time, interval time.Duration, series []labels.Labels,
	values func(i int, at time.Time) float64,
) *tsdb.DB {
	t.Helper()
	db := storage.New(t)
	value := func(i int, ts int64) float64 { return values(i, time.UnixMilli(ts).UTC()) }
	storage.Write(t, db, start.UnixMilli(), end.UnixMilli(), interval.Milliseconds(), value, series...)
	return db
}

func newManager(t *testing.T, o detector.Options) *detector.Manager {
	t.Helper()
	if o.Engine == nil {
		o.Engine = storage.NewEngine(5*time.Minute, 50e6)
	}
	m, err := detector.New(o)
	require.NoError(t, err)
	return m
}

func load(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, err := config.Load([]byte("remote_read: [{url: http://localhost:9090/api/v1/read}]\n"+text), "test.yml")
	require.NoError(t, err)
	return cfg
}

func pods(n int) []labels.Labels {
	var series []labels.Labels
	for i := range n {
		series = append(series, labels.FromStrings("__name__", "load", "pod", fmt.Sprintf("pod-%02d", i)))
	}
	return series
}

// daily is a load with a daily season, and with noise that depends only on the series and the time.
func daily(i int, at time.Time) float64 {
	noise := rand.New(rand.NewPCG(uint64(i), uint64(at.Unix()))).NormFloat64()
	return 100 + 10*float64(i) + 30*math.Sin(2*math.Pi*at.Sub(epoch).Hours()/24) + noise
}

// results returns a snapshot's results as text, by metric name and labels.
func results(s *result.Snapshot) map[string]float64 {
	found := map[string]float64{}
	for f := range result.NumFamilies {
		for _, r := range published(s, f) {
			found[fmt.Sprint(f.Name(), r.Labels)] = r.Value
		}
	}
	return found
}

const dailyConfig = `
global: {history: 7d}
detectors:
  - name: load
    expr: load
    step: 5m
    forecaster: {horizons: [15m, 1h]}
    bounds: {upper: 500}
    publish: [score, onset, contribution, expected, forecast, state, model]
scalers:
  - {name: all, load: sum(load), capacity_per_replica: 100, max_replicas: 50, step: 5m}
`

func TestManager_IsReproducibleWheneverItIsStarted(t *testing.T) {
	skipSlow(t)
	start, end := epoch, epoch.Add(14*24*time.Hour)
	db := newStorage(t, start, end, 5*time.Minute, pods(5), daily)
	cfg := load(t, dailyConfig)

	early := newManager(t, detector.Options{Limits: detector.NewLimits(2)})
	require.NoError(t, early.ApplyConfig(cfg, db))
	for at := end.Add(-3 * 24 * time.Hour); !at.After(end); at = at.Add(5 * time.Minute) {
		require.NoError(t, early.Cycle(context.Background(), at))
	}
	late := newManager(t, detector.Options{Limits: detector.NewLimits(1)})
	require.NoError(t, late.ApplyConfig(cfg, db))
	require.NoError(t, late.Cycle(context.Background(), end.Add(-time.Hour)))
	require.NoError(t, late.Cycle(context.Background(), end)) // catches up on an hour at once

	var replayed []*result.Batch
	replay := newManager(t, detector.Options{Limits: detector.NewLimits(2)})
	require.NoError(t, replay.ApplyConfig(cfg, db))
	from, to, last := end.Add(-26*time.Hour), end.Add(-time.Minute), end.Add(-5*time.Minute)
	require.NoError(t, replay.Replay(context.Background(), from, to, func(p *result.Batch) {
		if p.Step == last.UnixMilli() {
			replayed = append(replayed, p)
		}
	}))

	want := results(early.Snapshot())
	require.Equal(t, want, results(&result.Snapshot{Batches: replayed}))
	require.Greater(t, len(want), 5*15)
	require.Equal(t, want, results(late.Snapshot()))
	require.True(t, late.Ready())
}

func TestManager_WarnsOnceOfAnExpressionWithoutSeries(t *testing.T) {
	series := labels.FromStrings("__name__", "load")
	db := newStorage(t, epoch, epoch.Add(time.Hour), time.Minute, []labels.Labels{series},
		func(int, time.Time) float64 { return 1 })
	cfg := load(t, `
global: {history: 1d, query_offset: 0s}
detectors:
  - {name: wrong, expr: laod}
  - {name: errors, expr: load > 1, missing: zero}
  - {name: right, expr: load}
`)
	var out bytes.Buffer
	m := newManager(t, detector.Options{Logger: log.NewLogfmtLogger(log.NewSyncWriter(&out))})
	require.NoError(t, m.ApplyConfig(cfg, db))
	cycle(t, m, epoch.Add(50*time.Minute))
	cycle(t, m, epoch.Add(55*time.Minute))
	require.Equal(t, 2, strings.Count(out.String(), "no series"), out.String())
	require.Equal(t, 1, strings.Count(out.String(), "nothing may have happened yet"), out.String())
	require.Contains(t, out.String(), `level=warn component=detector detector=wrong msg="The expression has no series" `+
		`step=2026-03-02T00:50:00Z `)
}

// A server that has just been started has nothing at first. What it has later may be renamed, and that is news too;
// what comes and goes is not.
func TestManager_LogsThatSeriesHaveComeAndThatTheyAreGone(t *testing.T) {
	series := labels.FromStrings("__name__", "load")
	db := newStorage(t, epoch, epoch.Add(10*time.Hour), time.Minute, []labels.Labels{series},
		func(_ int, at time.Time) float64 { return float64(at.Hour() % 2) })
	cfg := load(t, `
global: {history: 1d, query_offset: 0s}
detectors: [{name: odd, expr: load > 0}]
`)
	var out bytes.Buffer
	m := newManager(t, detector.Options{Logger: log.NewLogfmtLogger(log.NewSyncWriter(&out))})
	require.NoError(t, m.ApplyConfig(cfg, db))
	for hour := range 10 {
		cycle(t, m, epoch.Add(time.Duration(hour)*time.Hour+30*time.Minute))
	}
	require.Equal(t, 2, strings.Count(out.String(), "The expression has no series"), out.String())
	require.Equal(t, 1, strings.Count(out.String(), `msg="The expression has series now" step=2026-03-02T01:30:00Z `+
		"series=1"), out.String())
}

// absences runs a cycle of four detectors every minute, and returns what is logged of those without a series by the
// minute. A detector has series from and until a minute; the last one has its own step.
func absences(t *testing.T, minutes int, step string, from, until [4]int) (logged []string) {
	t.Helper()
	db := storage.New(t)
	for i := range from {
		if from[i] < until[i] {
			storage.Write(t, db, epoch.Add(time.Duration(from[i])*time.Minute).UnixMilli(),
				epoch.Add(time.Duration(until[i])*time.Minute).UnixMilli(), 60_000,
				func(int, int64) float64 { return 1 }, labels.FromStrings("__name__", "load", "n", strconv.Itoa(i)))
		}
	}
	cfg := load(t, fmt.Sprintf(`
global: {history: 1d, query_offset: 0s}
detectors:
  - {name: d0, expr: 'load{n="0"}'}
  - {name: d1, expr: 'load{n="1"}'}
  - {name: d2, expr: 'load{n="2"}'}
  - {name: d3, expr: 'load{n="3"}', step: %s}
`, step))
	var out bytes.Buffer
	m := newManager(t, detector.Options{Logger: log.NewLogfmtLogger(log.NewSyncWriter(&out))})
	require.NoError(t, m.ApplyConfig(cfg, db))
	for minute := range minutes {
		out.Reset()
		cycle(t, m, epoch.Add(time.Duration(minute)*time.Minute))
		for line := range strings.Lines(out.String()) {
			rest, warns := strings.CutPrefix(line, "level=warn component=detector ")
			if warns || strings.Contains(line, "series now") {
				logged = append(logged, fmt.Sprintf("%d %s", minute, strings.TrimSpace(rest)))
			}
		}
	}
	return logged
}

func TestManager_WarnsOnceOfAllExpressionsAtANewServer(t *testing.T) {
	const end, never = 100, 100
	t.Run("empty", func(t *testing.T) {
		logged := absences(t, 40, "1m", [4]int{3, 5, never, 9}, [4]int{end, end, end, end})
		require.Len(t, logged, 2, strings.Join(logged, "\n"))
		require.Regexp(t, `^0 msg="No expression has a series now" count=4 of=4 names="d0, d1, d2, d3" `+
			`remedy=".*X-Scope-OrgID `, logged[0])
		require.Regexp(t, `^13 detector=d2 msg="The expression has no series" step=2026-03-02T00:13:00Z `, logged[1])
	})
	t.Run("new", func(t *testing.T) {
		logged := absences(t, 40, "1m", [4]int{0, 0, 5, 2}, [4]int{end, end, end, end})
		require.Len(t, logged, 2, strings.Join(logged, "\n"))
		require.Regexp(t, `^0 msg="Expressions have no series yet, the server is new" count=2 of=4 names="d2, d3" `+
			`oldest_value=2026-03-02T00:00:00Z remedy="wait: .* 10m0s are logged"$`, logged[0])
		require.Regexp(t, `^5 .*msg="The expressions have series now" names="d2, d3"`, logged[1])
	})
	// Of what is looked at every half an hour, nothing more is known when the server has grown.
	t.Run("new, with a long step", func(t *testing.T) {
		logged := absences(t, 40, "30m", [4]int{0, 0, 0, 5}, [4]int{end, end, end, end})
		require.Len(t, logged, 2, strings.Join(logged, "\n"))
		require.Regexp(t, `^0 msg="Expressions have no series yet, the server is new" count=1 of=4 names=d3 `, logged[0])
		require.Regexp(t, `^30 .*msg="The expressions have series now" names=d3`, logged[1])
	})
	// Its disk was lost.
	t.Run("new again", func(t *testing.T) {
		logged := absences(t, 60, "1m", [4]int{-60, -60, -60, never}, [4]int{30, 30, 30, end})
		require.Len(t, logged, 2, strings.Join(logged, "\n"))
		require.Regexp(t, `^0 detector=d3 `, logged[0])
		require.Regexp(t, `^35 msg="No expression has a series now" count=4 of=4 names="d0, d1, d2, d3" oldest`, logged[1])
	})
	t.Run("not new", func(t *testing.T) {
		logged := absences(t, 40, "1m", [4]int{-60, -60, never, never}, [4]int{end, 30, end, end})
		require.Len(t, logged, 3, strings.Join(logged, "\n"))
		require.Regexp(t, `^0 detector=d2 .*"The expression has no series" step=\S+ remedy="check-config tells `, logged[0])
		require.Regexp(t, `^0 detector=d3 .*"The expression has no series"`, logged[1])
		require.Regexp(t, `^35 detector=d1 .*"The expression has no series"`, logged[2])
	})
}
