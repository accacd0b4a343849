package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// Results join their input on all labels, and carry nothing of the exporter's own identity: in a Prometheus with
// external labels whose targets look like those of Kubernetes, the exporter's own included.
func TestResults_JoinTheirInputOnAllLabels(t *testing.T) {
	t.Parallel()
	end := time.Now()
	series := func(name string, more ...string) servers.Series {
		l := append([]string{"__name__", name, "job", "cadvisor", "instance", "10.0.0.7:8080", "node", "worker-1"}, more...)
		return gauge(labels.FromStrings(l...), 1, end.Add(-50*time.Hour), end, 30*time.Second)
	}
	dir := blocks(t,
		series("memory_bytes", "namespace", "shop", "pod", "api-0", "container", "api"),
		series("memory_bytes", "namespace", "shop", "pod", "api-1", "container", "api", "source", "cgroup"),
		series("memory_bytes", "namespace", "shop", "pod", "api-2", "container", "api", "team/owner", "shop"),
	)
	p := startPrometheus(t, servers.PrometheusOptions{
		Dir: dir, Config: "global: {external_labels: {cluster: eu1, prometheus_replica: a}}",
	})
	e := startExporter(t, fmt.Sprintf(`
global: {query_offset: 0s, history: 2d}
remote_read: [{url: %s/api/v1/read, external_labels: {cluster: eu1, prometheus_replica: a}}]
detectors:
  - {name: memory, expr: memory_bytes, forecaster: {horizons: [1h]}}
  - {name: by_namespace, expr: sum by (namespace) (memory_bytes), labels: {team: platform}}
scalers:
  - name: api
    load: sum(memory_bytes)
    capacity_per_replica: 50
    max_replicas: 40
    labels: {namespace: shop, deployment: api}
`, p.URL()))
	ready(t, e)
	// The exporter is a pod as any other, so its target has all the labels that must not be on results.
	require.NoError(t, p.Configure(fmt.Sprintf(`
global: {scrape_interval: 1s, external_labels: {cluster: eu1, prometheus_replica: a}}
scrape_configs:
  - job_name: anomaly-exporter
    honor_labels: true
    static_configs:
      - targets: [%s]
        labels:
          {namespace: monitoring, pod: exporter-0, container: exporter, service: exporter, endpoint: http,
           node: worker-9, anomaly_replica: "0"}
`, address(e.URL()))))
	eventually(t, 30*time.Second, func() error {
		if n := len(query(t, p, "anomaly_score")); n < 4 {
			return fmt.Errorf("%d scores", n)
		}
		return nil
	})

	text := func(expr string) []string {
		var lines []string
		for _, s := range query(t, p, expr) {
			lines = append(lines, s.Metric.String())
		}
		return lines
	}
	require.ElementsMatch(t, []string{
		`anomaly_score{anomaly_replica="0", container="api", detector="memory", instance="10.0.0.7:8080", ` +
			`job="cadvisor", metric_name="memory_bytes", namespace="shop", node="worker-1", pod="api-0"}`,
		`anomaly_score{anomaly_replica="0", container="api", detector="memory", exported_source="cgroup", ` +
			`instance="10.0.0.7:8080", job="cadvisor", metric_name="memory_bytes", namespace="shop", ` +
			`node="worker-1", pod="api-1"}`,
		`anomaly_score{anomaly_replica="0", container="api", detector="memory", instance="10.0.0.7:8080", ` +
			`job="cadvisor", metric_name="memory_bytes", namespace="shop", node="worker-1", pod="api-2", team/owner="shop"}`,
		`anomaly_score{anomaly_replica="0", detector="by_namespace", metric_name="memory_bytes", ` +
			`namespace="shop", team="platform"}`,
	}, text("anomaly_score"))
	require.ElementsMatch(t, []string{
		`recommended_replicas{anomaly_replica="0", deployment="api", namespace="shop", scaler="api"}`,
	}, text("recommended_replicas"))
	found := func(expr string) int { return len(query(t, p, expr)) }
	const scores = `anomaly_score{detector="memory"}`
	require.Equal(t, 3, found(scores+` and on (namespace, pod, container, job, instance, node) memory_bytes`))
	require.Equal(t, 2, found(`memory_bytes and ignoring (detector, metric_name, anomaly_replica) `+scores),
		"all labels, but for the input label that had to be renamed")
	require.Equal(t, 3, found(`forecast_yhat{horizon="1h"} - ignoring (horizon) forecast_yhat_lower{horizon="1h"} >= 0`))
	const results = `__name__=~"anomaly_score|forecast_.*|recommended_.*|anomaly_model_.*"`
	require.Zero(t, found(`{`+results+`,namespace="monitoring"}`))
	require.Zero(t, found(`{`+results+`,job="anomaly-exporter"}`))
	require.Equal(t, 1, found(`anomaly_exporter_build_info{job="anomaly-exporter",pod="exporter-0"}`),
		"metrics about the exporter itself have its identity")
	require.NotContains(t, strings.Join(text(`{detector!=""}`), "\n"), "cluster")
}
