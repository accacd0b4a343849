package backtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anomaly-exporter/anomaly-exporter/backtest"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) // a Monday

const (
	hour = time.Hour
	day  = 24 * hour
)

// series is a series for a storage: a value for each time, NaN for none.
type series struct {
	labels labels.Labels
	value  func(at time.Time) float64
}

// newStorage returns a real TSDB that holds the series every interval from start to end.
func newStorage(t *testing.T, start, end time.Time, interval time.Duration, all ...series) *tsdb.DB {
	t.Helper()
	db := storage.New(t)
	app := db.Appender(t.Context())
	for at := start; !at.After(end); at = at.Add(interval) {
		for _, s := range all {
			if v := s.value(at); !math.IsNaN(v) {
				_, err := app.Append(0, s.labels, at.UnixMilli(), v)
				require.NoError(t, err)
			}
		}
	}
	require.NoError(t, app.Commit())
	return db
}

func load(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, err := config.Load([]byte("remote_read: [{url: http://localhost:9090/api/v1/read}]\n"+text), "test.yml")
	require.NoError(t, err)
	return cfg
}

// daily is a load with a daily season and noise that depends on the seed and the time alone.
func daily(seed uint64, at time.Time) float64 {
	noise := rand.New(rand.NewPCG(seed, uint64(at.Unix()))).NormFloat64()
	return 100 + 10*float64(seed) + 30*math.Sin(2*math.Pi*at.Sub(epoch).Hours()/24) + noise
}

// pods are n series of load; the first is strange for an hour from outage on, the last comes late and goes.
func pods(n int, outage time.Time) []series {
	var all []series
	for i := range n {
		all = append(all, series{
			labels.FromStrings("__name__", "load", "job", "shop", "pod", fmt.Sprintf("pod-%02d", i)),
			func(at time.Time) float64 {
				switch since := at.Sub(outage); {
				case i == 0 && since >= 0 && since < hour:
					return 3 * daily(0, at)
				case i == n-1 && i > 0 && (since < -2*day || since > 2*hour):
					return math.NaN()
				}
				return daily(uint64(i), at)
			},
		})
	}
	return all
}

// published is what a file holds: values by series and time in milliseconds.
type published map[string]map[int64]float64

// readOpenMetrics reads files with Prometheus' own parser and checks what the format asks of samples with timestamps.
func readOpenMetrics(t *testing.T, files ...string) published {
	t.Helper()
	found := published{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Regexp(t, `(?s)\A# HELP .*\n# EOF\n\z`, string(text))
		p := textparse.NewOpenMetricsParser(text, labels.NewSymbolTable())
		families, done := map[string]bool{}, map[string]bool{}
		family, before, last := "", "", int64(0)
		for {
			entry, err := p.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, file)
			switch entry {
			case textparse.EntryType:
				name, kind := p.Type()
				if isResult := !strings.HasPrefix(string(name), "anomaly_exporter_"); isResult {
					require.Equal(t, "gauge", string(kind))
				}
				require.False(t, families[string(name)], "%s comes twice", name)
				family = string(name)
				families[family] = true
			case textparse.EntrySeries:
				_, at, v := p.Series()
				var l labels.Labels
				p.Labels(&l)
				key := l.String()
				name := l.Get(labels.MetricName)
				if name != family {
					require.Contains(t, []string{family + "_total", family + "_bucket", family + "_sum", family + "_count"}, name)
				}
				require.NotNil(t, at)
				if key != before {
					require.False(t, done[key], "samples of %s are apart", key)
					done[before], before, last = true, key, math.MinInt64
				}
				require.Greater(t, *at, last, key)
				last = *at
				if found[key] == nil {
					found[key] = map[int64]float64{}
				}
				found[key][*at] = v
			}
		}
	}
	return found
}

// until returns what was published for steps before a time.
func (p published) until(at time.Time) published {
	cut := published{}
	for key, samples := range p {
		for ts, v := range samples {
			if ts < at.UnixMilli() {
				if cut[key] == nil {
					cut[key] = map[int64]float64{}
				}
				cut[key][ts] = v
			}
		}
	}
	return cut
}

// over replays by detectors that run over the history in source.
func over(source promstorage.Queryable, limits *detector.Limits) func(*config.Config) (backtest.Replayer, error) {
	return func(cfg *config.Config) (backtest.Replayer, error) {
		m, err := detector.New(detector.Options{Engine: storage.NewEngine(5*time.Minute, 50e6), Limits: limits})
		if err != nil {
			return nil, err
		}
		return m, m.ApplyConfig(cfg, source)
	}
}

func run(t *testing.T, source promstorage.Queryable, o backtest.Options) *backtest.Report {
	t.Helper()
	o.NewReplayer = over(source, nil)
	if o.Now.IsZero() {
		o.Now = o.End.Add(day)
	}
	report, err := backtest.Run(context.Background(), o)
	require.NoError(t, err)
	return report
}

const shop = `
global: {history: 7d, refit_interval: 6h}
detectors:
  - name: load
    expr: load
    step: 5m
    forecaster: {horizons: [15m, 1h]}
    bounds: {upper: 500}
    publish: [score, state]
  - {name: total, expr: sum(load), step: 10m}
  - {name: joint, inputs: {all: sum by (job) (load), most: max by (job) (load)}, by: [job], step: 5m}
scalers:
  - {name: all, load: sum(load), capacity_per_replica: 100, max_replicas: 50, step: 5m}
outcomes: {truth: {expr: load > 150, on: [pod]}}
`

// cut is a history that ends at a time.
func cut(source promstorage.Queryable, end time.Time) promstorage.Queryable {
	return promstorage.QueryableFunc(func(mint, maxt int64) (promstorage.Querier, error) {
		return source.Querier(min(mint, end.UnixMilli()), min(maxt, end.UnixMilli()))
	})
}

func TestRun_SeesNothingLaterThanTheStep(t *testing.T) {
	if testing.Short() {
		t.Skip("replays two days five times")
	}
	end := epoch.Add(12 * day)
	db := newStorage(t, epoch, end, 5*time.Minute, pods(4, end.Add(-9*hour))...)
	o := backtest.Options{Config: load(t, shop), Start: end.Add(-2 * day), End: end}
	replay := func(source promstorage.Queryable) published {
		o.Output = filepath.Join(t.TempDir(), "results.om")
		run(t, source, o)
		return readOpenMetrics(t, o.Output)
	}
	whole := replay(db)
	const steps = 2*24*12 + 1
	for series, want := range map[string]int{
		`{__name__="anomaly_score", detector="load", job="shop", metric_name="load", pod="pod-00"}`:   steps,
		`{__name__="anomaly_exporter_forecast_mase", detector="load", horizon="15m"}`:                 steps - 3,
		`{__name__="anomaly_exporter_outcomes_total", detector="load", outcome="true_positive"}`:      steps,
		`{__name__="anomaly_exporter_lead_time_seconds_bucket", detector="load", le="300.0"}`:         steps,
		`{__name__="anomaly_exporter_scaler_replica_seconds_total", scaler="all", strategy="static"}`: steps,
		`{__name__="anomaly_score", detector="joint", job="shop"}`:                                    steps,
	} {
		require.Len(t, whole[series], want, series)
	}
	for _, before := range []time.Duration{30 * hour, 17*hour + 5*time.Minute, 8*hour + 25*time.Minute, 0} {
		at := end.Add(-before)
		after := at.Add(time.Millisecond)
		require.Equal(t, whole.until(after), replay(cut(db, at)).until(after), "history until %s", at)
	}
}
