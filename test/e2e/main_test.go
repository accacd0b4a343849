// Package e2e_test runs the program against real servers: a Prometheus that holds history, the exporter that reads it,
// and the scrape that brings the results back.
package e2e_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// With -short nothing runs here: each of these tests starts real servers and waits for them.
func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("skipped: end-to-end tests need real servers")
		return
	}
	os.Exit(m.Run())
}

// value is a metric with a daily season and noise, a function of the series and the time alone.
func value(seed uint64, ts int64) float64 {
	noise := rand.New(rand.NewPCG(seed, uint64(ts))).NormFloat64()
	return 100 + 30*math.Sin(2*math.Pi*float64(ts%86_400_000)/86_400_000) + noise
}

// gauge is a series of value from start to end.
func gauge(l labels.Labels, seed uint64, start, end time.Time, interval time.Duration) servers.Series {
	return servers.Series{Labels: l, Samples: func(yield func(int64, float64) bool) {
		for ts := start.UnixMilli(); ts <= end.UnixMilli(); ts += interval.Milliseconds() {
			if !yield(ts, value(seed, ts)) {
				return
			}
		}
	}}
}

// blocks writes series to a data directory for a Prometheus.
func blocks(t testing.TB, series ...servers.Series) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, servers.WriteBlocks(dir, func(yield func(servers.Series) bool) {
		for _, s := range series {
			if !yield(s) {
				return
			}
		}
	}))
	return dir
}

func startPrometheus(t testing.TB, o servers.PrometheusOptions) *servers.Prometheus {
	t.Helper()
	o.Flags = append([]string{"--storage.tsdb.retention.time=50y"}, o.Flags...)
	p, err := servers.StartPrometheus(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop()) })
	return p
}

func startExporter(t testing.TB, config string) *servers.Exporter {
	t.Helper()
	e, err := servers.StartExporter(t.Context(), servers.ExporterOptions{Config: config})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Stop()) })
	return e
}

// eventually tries until check returns nil, or fails with what it said last.
func eventually(t testing.TB, within time.Duration, check func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	require.NoError(t, err, "after %s", within)
}

func ready(t testing.TB, e *servers.Exporter) {
	t.Helper()
	eventually(t, 2*time.Minute, func() error { return e.Ready(t.Context()) })
}

// query returns what an expression gives now.
func query(t testing.TB, p *servers.Prometheus, expr string) model.Vector {
	t.Helper()
	v, err := p.Query(t.Context(), expr, time.Now())
	require.NoError(t, err)
	return v
}

// target serves exposition text for a scrape.
func target(t testing.TB, text func(now time.Time) string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprint(w, text(time.Now()))
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// address is the host and port of a URL.
func address(url string) string { return strings.TrimPrefix(url, "http://") }
