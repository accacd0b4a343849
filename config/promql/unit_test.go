package promql_test

import (
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config/promql"
)

func TestUnit_IsWhatTheNamesOfTheMetricsTell(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ expr, unit string }{
		{`process_resident_memory_bytes`, "bytes"},
		{`max by (pod) (container_memory_working_set_bytes{container!=""})`, "bytes"},
		{`max_over_time(latency_seconds[5m])`, "seconds"},
		{`hit_ratio < 0.5`, "ratio"},
		{`job:http_latency_seconds:p99`, "seconds"},
		{`job:http_requests:rate5m`, ""},
		{`job:io_bytes:rate5m`, ""},
		{`process_start_time_seconds`, ""},
		{`backup_last_timestamp_seconds`, ""},
		{`go_goroutines`, ""},
		{`sum by (job) (rate(http_requests_total[5m]))`, "requests/s"},
		{`sum(rate(http_requests_total[5m])) or vector(0)`, "requests/s"},
		{`sum(rate(node_network_receive_bytes_total[5m]))`, "bytes/s"},
		{`rate(container_cpu_usage_seconds_total[5m])`, ""},
		{`rate(node_vmstat_oom_kill[5m])`, ""},
		{`increase(kube_pod_container_status_restarts_total[30m])`, "restarts"},
		{`deriv(data_bytes[1h])`, "bytes/s"},
		{`count(data_bytes)`, ""},
		{`histogram_quantile(0.9, sum by (le) (rate(http_duration_seconds_bucket[5m])))`, "seconds"},
		{`histogram_quantile(0.9, sum(rate(http_duration_seconds[5m])))`, "seconds"},
		{`sum(rate(wait_seconds_sum[5m])) / sum(rate(wait_seconds_count[5m]))`, "seconds"},
		{`rate(size_bytes_sum[5m]) / rate(size_bytes_count[5m])`, "bytes"},
		{`rate(wait_seconds_sum[5m]) / rate(other_seconds_count[5m])`, ""},
		{`rate(wait_seconds_sum[5m]) / rate(wait_seconds_count[5m]) / 0.5`, ""},
		{`a_bytes / b_bytes`, "ratio"},
		{`1 - (free_bytes / size_bytes)`, ""},
		{`size_bytes - free_bytes`, "bytes"},
		{`a_bytes + b_seconds`, ""},
		{`sum(rate(errors_total[5m])) / sum(rate(requests_total[5m]))`, ""},
		{`rate(requests_total{code="500"}[5m]) / rate(requests_total[5m])`, "ratio"},
		{`{__name__=~"a|b"}`, ""},
		{`time() - x_timestamp_seconds`, ""},
	} {
		parsed, err := parser.NewParser(parser.Options{}).ParseExpr(tc.expr)
		require.NoError(t, err, tc.expr)
		require.Equal(t, tc.unit, promql.Unit(parsed), tc.expr)
	}
	require.Empty(t, promql.Unit(nil))
}
