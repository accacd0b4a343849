package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// An exporter that starts before its Prometheus is not ready, and goes on trying. If its Prometheus is killed later, it
// goes on answering, withdraws results that have become old, counts the errors, and has scores again within two cycles
// after Prometheus is back.
func TestExporter_SurvivesAnOutageOfPrometheus(t *testing.T) {
	t.Parallel()
	end := time.Now()
	l := labels.FromStrings("__name__", "load", "job", "app", "instance", "app")
	dir := blocks(t, gauge(l, 1, end.Add(-50*time.Hour), end, 15*time.Second))
	app := target(t, func(now time.Time) string { return fmt.Sprintf("load %g\n", value(1, now.UnixMilli())) })
	config := fmt.Sprintf(`
global: {scrape_interval: 1s}
scrape_configs:
  - {job_name: app, static_configs: [{targets: [%s], labels: {instance: app}}]}
`, app)
	p := startPrometheus(t, servers.PrometheusOptions{Dir: dir, Config: config})
	require.NoError(t, p.Kill())

	// Steps of 5 seconds: what is older than 5 minutes is withdrawn, and two cycles are 10 seconds.
	e := startExporter(t, fmt.Sprintf(`
global: {step: 5s, query_offset: 2s, history: 2d}
remote_read: [{url: %s/api/v1/read}]
detectors: [{name: load, expr: load}]
`, p.URL()))
	metrics := func() string { return get(t, e.URL()+"/metrics") }
	require.Error(t, e.Ready(t.Context()))
	eventually(t, 30*time.Second, func() error {
		if !strings.Contains(metrics(), `anomaly_exporter_cycle_failures_total{detector="load",scaler=""} 2`) {
			return fmt.Errorf("no second try")
		}
		return nil
	})
	require.Error(t, e.Ready(t.Context()))
	require.NoError(t, p.Restart(t.Context()))
	ready(t, e)
	scored := func() error {
		if !strings.Contains(metrics(), "\nanomaly_score{") {
			return fmt.Errorf("no score")
		}
		return nil
	}
	eventually(t, 30*time.Second, scored)

	killed := time.Now()
	require.NoError(t, p.Kill())
	time.Sleep(15 * time.Second)
	require.NoError(t, scored(), "still served while it is young")
	require.Contains(t, metrics(), `reason="connection"`)
	eventually(t, 7*time.Minute, func() error {
		if text := metrics(); strings.Contains(text, "\nanomaly_score{") || !strings.Contains(text, `state="stale"`) {
			return fmt.Errorf("old results are still there")
		}
		return nil
	})
	require.Greater(t, time.Since(killed), 4*time.Minute)

	require.NoError(t, p.Restart(t.Context()))
	// The longest wait between two tries, then at most two cycles.
	eventually(t, time.Minute+10*time.Second, scored)
	require.NotContains(t, metrics(), `state="stale"`)
}

func get(t testing.TB, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}
