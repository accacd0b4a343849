package ui_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/web/ui"
)

func TestStatus_ShowsCyclesAndServers(t *testing.T) {
	status, _ := get(t, pages(t, false), "/status")
	require.Equal(t, http.StatusNotFound, status)

	registry := prometheus.NewRegistry()
	gauge := func(name string, labels, values []string, v float64) {
		promauto.With(registry).NewGaugeVec(prometheus.GaugeOpts{Name: "anomaly_exporter_" + name}, labels).
			WithLabelValues(values...).Set(v)
	}
	by := []string{"detector", "scaler"}
	load := []string{"load", ""}
	gauge("cycle_duration_seconds", by, load, 200)
	gauge("step_seconds", by, load, 300)
	gauge("last_step_timestamp_seconds", by, load, float64(end.Unix()))
	gauge("cycles_total", by, load, 7)
	gauge("cycle_failures_total", by, load, 2)
	gauge("cycles_missed_total", by, load, 1)
	const server = "http://prometheus:9090/api/v1/read"
	gauge("remote_read_samples_total", []string{"url"}, []string{server}, 12345)
	gauge("remote_read_requests_total", []string{"url", "code"}, []string{server, "405"}, 1_234_567)
	gauge("remote_read_errors_total", []string{"url", "reason"}, []string{server, "status"}, 3)
	gauge("config_last_reload_success_timestamp_seconds", nil, nil, float64(end.Add(-time.Hour).Unix()))
	gauge("config_last_reload_successful", nil, nil, 0)
	h := pages(t, false, func(o *ui.Options) {
		o.Gatherer = registry
		o.Faults = func() map[result.Source]result.Fault {
			return map[result.Source]result.Fault{{Name: "load"}: {At: end.Add(-time.Minute), Err: "405: <b>path</b>"}}
		}
	})
	status, body := get(t, h, "/status")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "loaded on 2026-03-07 11:00 UTC, 1 h 1 min ago.")
	require.Contains(t, body, "A later reload failed")
	require.Regexp(t, `<tr><td>load<br><small>detector</small></td><td data-label="newest step">12:00, 1 min ago</td>\s*`+
		`<td class="n" data-label="took"><b>200 s</b></td><td class="n" data-label="of">5 min</td>\s*`+
		`<td class="n" data-label="cycles">7</td><td class="n" data-label="failed">2</td>`+
		`<td class="n" data-label="late">1</td>\s*`+
		`<td>2026-03-07 11:59 UTC, 2 min ago: <code>405: &lt;b&gt;path&lt;/b&gt;</code></td></tr>`, body)
	require.Regexp(t, `<tr><td>fleet<br><small>scaler</small></td><td data-label="newest step">none yet</td>`, body)
	require.Contains(t, body, "12.3 k samples")
	require.Contains(t, body, `<tr><td>status 405</td><td class="n">1234567</td><td>the path of the URL`)
	require.Contains(t, body, `<tr><td>error: status</td><td class="n">3</td>`)
	require.Contains(t, body, `<a href="/anomaly/status">Status</a>`)
}

func TestStatus_NamesTheCausesOfTheRunbook(t *testing.T) {
	text, err := os.ReadFile("../../docs/alerting.md")
	require.NoError(t, err)
	row := regexp.MustCompile("(?m)^\\| `(connection|content_type|timeout|redirect|label_limit|too_large|undelimited)` " +
		`\| (.*) \|$`)
	found := row.FindAllStringSubmatch(string(text), -1)
	require.Len(t, found, 7)
	for _, row := range found {
		require.Contains(t, strings.ReplaceAll(row[2], "`", ""), ui.Causes[row[1]], row[1])
	}
}
