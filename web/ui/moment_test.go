package ui_test

import (
	"html"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const replaced = `
remote_read: [{url: http://localhost:9090/api/v1/read}]
global: {history: 3d, step: 5m, query_offset: 0s}
detectors:
  - {name: busy, expr: busy, labels: {team: core}, forecaster: {horizons: [1h]}, publish: [score, expected, forecast]}
  - {name: pooled, expr: busy, pool_by: [container]}
scalers: [{name: each, load: busy, by: [pod], capacity_per_replica: 5, max_replicas: 50, horizon: 15m}]
`

// Somebody follows the link of an alert about a pod that was replaced.
func TestSeries_ShowsWhatIsGoneAsItWasInTheEnd(t *testing.T) {
	h := pagesOf(t, replaced, false)
	const address = "/series?detector=busy&container=api&namespace=shop&pod=api-b&team=core&endpoint=http"
	status, body := get(t, h, address)
	require.Equal(t, http.StatusOK, status)
	require.Regexp(t, `<span class="pill critical">critical</span> busy of shop/api/api-b/core is 4\d\.?\d*; `+
		`usual now is [\d.]+ to 1[\d.]+\. Since 10:05 \(25 min\)\.`, body)
	require.Contains(t, body, "<b>This series is gone</b>: its last value was at about 2026-03-07 10:30 UTC, "+
		"1 h 31 min ago. This is the page as it was at 2026-03-07 10:30 UTC")
	require.Contains(t, body, "end=2026-03-07T10%3A30%3A00Z&amp;gone=true&amp;match")
	require.Contains(t, body, `id="points"`)
	require.Regexp(t, `Of the same workload now</h2>\s*<table>[\s\S]*api-a`, body)
	require.NotContains(t, body, "Back to now")
	require.NotContains(t, body, "amtool")
	require.NotContains(t, body, "ZgotmplZ")

	_, body = get(t, h, address+"&at=2026-03-07T09:30")
	require.Contains(t, body, "as it was at 2026-03-07 09:30 UTC")
	require.Regexp(t, `api-b/core is \d\.?\d*; usual now`, body)
	require.Contains(t, html.UnescapeString(body), `team=core">To its end</a>`)
	_, body = get(t, h, address+"&at=2026-03-07T11:55")
	require.Contains(t, body, "as it was at 2026-03-07 10:30 UTC")
	status, body = get(t, h, address+"&at=2025-03-07T11:55")
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, body, "had no value in the 6 h before")

	_, body = get(t, h, "/series?detector=pooled&pod=api-b")
	require.Contains(t, body, "This series is gone")
	require.Regexp(t, `Siblings, which it is compared with[\s\S]*api-b</b> \(this one\)[\s\S]*api-a`, body)
	require.Regexp(t, `Of the same workload now</h2>\s*<table>[\s\S]*pooled of shop/api/api-a`, body)

	status, body = get(t, h, "/series?detector=busy&pod=api-c")
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, body, "No series has these labels now")
	_, body = get(t, h, "/series?detector=busy")
	require.Contains(t, body, "api-a", "one has them now")
	require.NotContains(t, body, "This series is gone")

	_, body = get(t, pagesOf(t, strings.Replace(replaced, "expr: busy,", "expr: '{__name__=~\"busy|line\"}',", 1), false),
		"/series?detector=busy")
	require.Contains(t, body, "The 2 series of busy")
	require.Contains(t, body, `<a href="?detector=busy&amp;gone=true">1 series that are gone</a>`)
	status, body = get(t, h, "/series?detector=busy&gone=true&pod=api-b&container=api&namespace=shop&team=core")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "This series is gone")
}

func TestScaler_ShowsThePast(t *testing.T) {
	h := pages(t, true)
	status, body := get(t, h, "/scaler?scaler=fleet&range=6h&overlay=1d,alerts")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `overlay=1d&amp;scaler=fleet&amp;start=2026-03-07T06%3A00%3A00Z`)
	require.Contains(t, body, `overlay=1d%2Calerts%2C7d&amp;range=6h&amp;scaler=fleet">last week</a>`)
	require.Contains(t, body, "What happened, with the same labels")
	now := body

	status, body = get(t, h, "/scaler?scaler=fleet&range=6h&at=2026-03-07T10:32:00Z")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "<b>This is the past</b>: the page as it was at 2026-03-07 10:30 UTC, 1 h 31 min ago. "+
		`<a href="?range=6h&amp;scaler=fleet">Back to now</a>`)
	require.Regexp(t, `<th>load</th><td>(8|9|10)\.?\d* GiB</td>`, body)
	require.Regexp(t, `<th>load</th><td>(18|19|20)\.?\d* GiB</td>`, now)
	require.Contains(t, body, `end=2026-03-07T10%3A32%3A00Z`)
	require.Contains(t, body, `<h2 id="now">Then</h2>`)
	require.Regexp(t, `<th>forecast by</th><td>a combination, led by [a-z ]+: [^<]+</td>`, body)
	require.NotContains(t, body, `<td class="time">11:`, "no change of later")
	require.NotContains(t, body, "ZgotmplZ")
	status, _ = get(t, h, "/scaler?scaler=fleet&at=x")
	require.Equal(t, http.StatusBadRequest, status)

	_, body = get(t, pagesOf(t, replaced, false), "/scaler?scaler=each&pod=api-b")
	require.Contains(t, body, "This series is gone")
	require.Regexp(t, `each of api-b needs 1\d replicas`, body)
	require.Contains(t, body, "<th>reactive</th>")
}
