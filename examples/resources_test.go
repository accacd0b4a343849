package examples_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// BenchmarkKubernetes measures CPU and memory of the exporter with kubernetes.yml, for 100 deployments of three pods
// each with 14 days of history: during its start, then for three minutes. The manifests in kubernetes/ are based on
// the figures.
//
//	go test ./examples -run '^$' -bench Kubernetes -benchtime 1x
func BenchmarkKubernetes(b *testing.B) {
	end := time.Now().Truncate(time.Second)
	w := &world{start: end.Add(-14 * 24 * time.Hour), end: end, pods: 3}
	for i := range 100 {
		w.containers = append(w.containers, fmt.Sprintf("app%d", i))
	}
	w.addContainers()
	w.addDeployments()
	w.addVolume()
	dir := b.TempDir()
	require.NoError(b, servers.WriteBlocks(dir, slices.Values(w.all)))
	p, err := servers.StartPrometheus(b.Context(), servers.PrometheusOptions{Dir: dir})
	require.NoError(b, err)
	defer func() { require.NoError(b, p.Stop()) }()
	text, err := os.ReadFile("kubernetes.yml")
	require.NoError(b, err)
	config := strings.Replace(string(text), "http://prometheus-operated.monitoring.svc:9090", p.URL(), 1)

	for b.Loop() {
		e, err := servers.StartExporter(b.Context(), servers.ExporterOptions{Config: config})
		require.NoError(b, err)
		began := time.Now()
		for e.Ready(b.Context()) != nil {
			require.Less(b, time.Since(began), 10*time.Minute)
			time.Sleep(100 * time.Millisecond)
		}
		b.ReportMetric(time.Since(began).Seconds(), "start-s")
		cpu, err := e.CPUSeconds()
		require.NoError(b, err)
		_, peak, err := e.RSS()
		require.NoError(b, err)
		b.ReportMetric(cpu, "start-cpu-s")
		b.ReportMetric(float64(peak)/(1<<20), "start-peak-MiB")

		time.Sleep(3 * time.Minute)
		after, err := e.CPUSeconds()
		require.NoError(b, err)
		now, _, err := e.RSS()
		require.NoError(b, err)
		b.ReportMetric((after-cpu)/180, "cores")
		b.ReportMetric(float64(now)/(1<<20), "MiB")
		b.ReportMetric(float64(strings.Count(metrics(b, e), "\nforecast_yhat{")), "forecasts")
		b.ReportMetric(float64(strings.Count(metrics(b, e), "\nanomaly_score{")), "scores")
		b.ReportMetric(0, "ns/op")
		require.NoError(b, e.Stop())
	}
}
