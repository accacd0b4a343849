package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

const (
	coldSeries  = 1000
	coldHistory = 7 * 24 * time.Hour
	coldExpr    = "sum by (pod) (rate(requests_total[5m]))"
)

// counters are requests of pods, scraped every 30 seconds.
func counters(end time.Time) func(yield func(servers.Series) bool) {
	return func(yield func(servers.Series) bool) {
		for i := range coldSeries {
			s := servers.Series{
				Labels: labels.FromStrings("__name__", "requests_total", "job", "api",
					"instance", fmt.Sprintf("10.0.%d.%d:80", i/250, i%250), "pod", fmt.Sprintf("api-%d", i)),
				Samples: func(yield func(int64, float64) bool) {
					r, total := rand.New(rand.NewPCG(1, uint64(i))), 0.0
					for ts := end.Add(-coldHistory).UnixMilli(); ts <= end.UnixMilli(); ts += 30_000 {
						total += float64(int(value(uint64(i), ts)*0.3) + r.IntN(20))
						if !yield(ts, total) {
							return
						}
					}
				},
			}
			if !yield(s) {
				return
			}
		}
	}
}

// BenchmarkColdStart measures a start over 1,000 series of 7 days: how long it takes until all are scored, on the cores
// that the Prometheus uses, too; what that costs the Prometheus compared with the same expression by query_range; and
// how much a cycle reads afterwards. Client and server share the machine; the ratios are from one run.
func BenchmarkColdStart(b *testing.B) {
	step := 5 * time.Minute
	end := time.Now().Truncate(step)
	dir := b.TempDir()
	require.NoError(b, servers.WriteBlocks(dir, counters(end)))
	now := end.Add(-step + 30*time.Second) // one more cycle is left

	for b.Loop() {
		p := startPrometheus(b, servers.PrometheusOptions{Dir: dir, Flags: []string{"--query.max-samples=500000000"}})
		cpu := func() float64 {
			seconds, err := p.CPUSeconds()
			require.NoError(b, err)
			return seconds
		}
		cfg, err := config.Load(fmt.Appendf(nil, `
remote_read: [{url: %s/api/v1/read}]
detectors: [{name: requests, expr: '%s', step: 5m, history: 7d}]
`, p.URL(), coldExpr), "bench.yml")
		require.NoError(b, err)
		reg := prometheus.NewRegistry()
		client, err := remoteread.New(remoteread.Options{URL: p.URL() + "/api/v1/read", Metrics: remoteread.NewMetrics(reg)})
		require.NoError(b, err)
		limits := detector.NewLimits(runtime.GOMAXPROCS(0))
		m, err := detector.New(detector.Options{Limits: limits, Engine: promql.NewEngine(promql.EngineOpts{
			MaxSamples: 50_000_000, Timeout: 2 * time.Minute,
			LookbackDelta: 5 * time.Minute, Parser: parser.NewParser(parser.Options{}),
		})})
		require.NoError(b, err)
		require.NoError(b, m.ApplyConfig(cfg, client))

		time.Sleep(3 * time.Second) // what the server does at its start is not what the read costs it
		before, begin := cpu(), time.Now()
		require.NoError(b, m.Cycle(b.Context(), now))
		wall, served := time.Since(begin), cpu()-before
		scores := 0
		m.Snapshot().Batches[0].Flatten(result.Score, 0, func(result.Sample) bool { scores++; return true })
		require.Equal(b, coldSeries, scores)
		bytes, samples := read(b, reg, "bytes"), read(b, reg, "samples")

		require.NoError(b, m.Cycle(b.Context(), now.Add(step)))
		require.Equal(b, end.UnixMilli(), m.Snapshot().Batches[0].Step)
		cycleBytes, cycleSamples := read(b, reg, "bytes")-bytes, read(b, reg, "samples")-samples

		before = cpu()
		queryRange(b, p.URL(), coldExpr, end.Add(-coldHistory), end, step)
		queried := cpu() - before

		b.ReportMetric(0, "ns/op")
		b.ReportMetric(wall.Seconds(), "cold-s")
		b.ReportMetric(served, "server-cpu-s")
		b.ReportMetric(queried, "query_range-cpu-s")
		b.ReportMetric(queried/served, "times-less-cpu")
		b.ReportMetric(100*cycleBytes/bytes, "cycle-%bytes")
		b.ReportMetric(100*cycleSamples/samples, "cycle-%samples")
		require.NoError(b, p.Stop())
	}
}

// read returns how much was read so far.
func read(b *testing.B, g prometheus.Gatherer, what string) float64 {
	b.Helper()
	families, err := g.Gather()
	require.NoError(b, err)
	var total float64
	for _, f := range families {
		if f.GetName() == "anomaly_exporter_remote_read_"+what+"_total" && f.GetType() == dto.MetricType_COUNTER {
			for _, m := range f.GetMetric() {
				total += m.GetCounter().GetValue()
			}
		}
	}
	require.NotZero(b, total)
	return total
}

// queryRange asks the server for what the exporter evaluates itself, in one query of at most 11,000 points a series.
func queryRange(b *testing.B, server, expr string, start, end time.Time, step time.Duration) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
	defer cancel()
	u := fmt.Sprintf("%s/api/v1/query_range?query=%s&start=%d&end=%d&step=%d",
		server, url.QueryEscape(expr), start.Unix(), end.Unix(), int(step.Seconds()))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	require.NoError(b, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(b, err)
	defer response.Body.Close()
	var answer struct {
		Data struct{ Result []json.RawMessage }
	}
	require.NoError(b, json.NewDecoder(response.Body).Decode(&answer))
	require.Len(b, answer.Data.Result, coldSeries)
}
