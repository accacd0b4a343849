package remoteread_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := stopPrometheus(); err != nil {
		fmt.Fprintln(os.Stderr, "stop prometheus:", err)
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// The data of the Prometheus that the tests share: three days of counters in blocks, up to dataTime, then an hour of
// gauges and histograms in the head.
const (
	dataTime = int64(1_699_999_200_000) // 2023-11-14T22:00:00Z
	minute   = int64(60_000)
	hour     = 60 * minute
	headEnd  = dataTime + hour

	prometheusConfig = `
global:
  external_labels: {cluster: eu1, replica: a}
`
)

var shared struct {
	once       sync.Once
	prometheus *servers.Prometheus
	dir        string
	err        error
}

// prometheusURL starts the shared Prometheus at its first call. Its frames are so small that every series is split.
func prometheusURL(t *testing.T) string {
	t.Helper()
	shared.once.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "remoteread-test-"); shared.err != nil {
			return
		}
		if shared.err = writeData(shared.dir); shared.err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		shared.prometheus, shared.err = servers.StartPrometheus(ctx, servers.PrometheusOptions{
			Dir: shared.dir, Config: prometheusConfig,
			Flags: []string{"--storage.remote.read-max-bytes-in-frame=500"},
		})
	})
	require.NoError(t, shared.err)
	return shared.prometheus.URL()
}

func stopPrometheus() error {
	if shared.prometheus != nil {
		if err := shared.prometheus.Stop(); err != nil {
			return err
		}
	}
	return os.RemoveAll(shared.dir)
}

func writeData(dir string) error {
	if err := writeBlocks(dir); err != nil {
		return err
	}
	return writeHead(dir)
}

// writeBlocks writes the three days of counters.
func writeBlocks(dir string) error {
	return servers.WriteBlocks(dir, func(yield func(servers.Series) bool) {
		for i := range 10 {
			counter := servers.Series{
				Labels: labels.FromStrings(
					labels.MetricName, "requests_total", "pod", fmt.Sprintf("pod-%d", i), "code", fmt.Sprint(200+100*(i%2)),
				),
				Samples: func(yield func(int64, float64) bool) {
					rnd, total := rand.New(rand.NewPCG(1, uint64(i))), 0.0
					for t := dataTime - 72*hour; t < dataTime; t += minute {
						if total += float64(rnd.IntN(1000)); rnd.IntN(2000) == 0 {
							total = 0
						}
						if !yield(t+int64(i)*7, total) {
							return
						}
					}
				},
			}
			if !yield(counter) {
				return
			}
		}
	})
}

// writeHead writes the hour of gauges and histograms.
func writeHead(dir string) error {
	db, err := tsdb.Open(dir, slog.New(slog.DiscardHandler), nil, tsdb.DefaultOptions(), nil)
	if err != nil {
		return err
	}
	app := db.Appender(context.Background())
	float := func(t int64, v float64, name string, labelPairs ...string) {
		if err == nil {
			_, err = app.Append(0, labels.FromStrings(append(labelPairs, labels.MetricName, name)...), t, v)
		}
	}
	histograms := func(t int64, h *histogram.Histogram, fh *histogram.FloatHistogram, name string) {
		if err == nil {
			_, err = app.AppendHistogram(0, labels.FromStrings(labels.MetricName, name), t, h, fh)
		}
	}
	rnd := rand.New(rand.NewPCG(2, 2))
	odd := []float64{ // without -0: a sampling server sends it as 0, because protobuf leaves out zeros
		math.Inf(1), math.Inf(-1), 0, math.MaxFloat64, math.SmallestNonzeroFloat64,
		math.NaN(), math.Float64frombits(0x7ff8_0000_dead_beef), math.Float64frombits(value.StaleNaN),
	}
	for i := range int64(240) {
		t := dataTime + i*15_000 + 1
		float(t+rnd.Int64N(9), rnd.NormFloat64(), "gauge", "kind", "jittered")
		float(t, 42, "gauge", "kind", "constant")
		float(t, odd[i%int64(len(odd))], "gauge", "kind", "odd")
		if i%60 < 45 {
			float(t, float64(i), "gauge", "kind", "gaps")
		} else if i%60 == 45 {
			float(t, math.Float64frombits(value.StaleNaN), "gauge", "kind", "gaps")
		}
		n := i % 100 // a counter reset at 100 and 200
		switch i {
		case 150:
			histograms(t, &histogram.Histogram{Sum: math.Float64frombits(value.StaleNaN)}, nil, "latency")
		default:
			histograms(t, tsdbutil.GenerateTestHistogram(n), nil, "latency")
		}
		histograms(t, nil, tsdbutil.GenerateTestFloatHistogram(n), "latency_float")
		histograms(t, tsdbutil.GenerateTestCustomBucketsHistogram(n), nil, "latency_custom")
		histograms(t, nil, tsdbutil.GenerateTestGaugeFloatHistogram(n), "latency_gauge")
		if i < 100 {
			float(t, float64(i), "became_histogram")
		} else {
			histograms(t, tsdbutil.GenerateTestHistogram(n), nil, "became_histogram")
		}
	}
	if err != nil {
		return err
	}
	if err := app.Commit(); err != nil {
		return err
	}
	return db.Close()
}
