package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/examples/demo/shop"
	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// All workloads together serve each series of the shop once.
func TestServe_WorkloadsTogetherServeEachSeriesOnce(t *testing.T) {
	s := shop.New(time.Now())
	want := 0
	for _, one := range s.Series() {
		if _, ok := one.At(time.Now()); ok && !one.Labels.Has("deployment") {
			want++
		}
	}
	seen := map[string]bool{}
	for _, of := range workloads {
		w := httptest.NewRecorder()
		handler(s, []string{of}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		text := w.Body.String()
		parse := expfmt.NewTextParser(model.UTF8Validation)
		_, err := parse.TextToMetricFamilies(strings.NewReader(text))
		require.NoError(t, err)
		for line := range strings.Lines(text) {
			series := line[:strings.LastIndex(line, " ")]
			require.False(t, seen[series], series)
			seen[series] = true
		}
	}
	require.Len(t, seen, want)
}

// All pods get the anchor of the first one, even after a restart.
func TestFindAnchor_SurvivesRestartsAndIsShared(t *testing.T) {
	file := filepath.Join(t.TempDir(), "anchor")
	first, err := findAnchor(t.Context(), file, "")
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), first, 2*time.Second)
	s := shop.New(first)
	server := httptest.NewServer(handler(s, nil))
	defer server.Close()
	asked, err := findAnchor(t.Context(), "", server.URL+"/anchor")
	require.NoError(t, err)
	require.True(t, asked.Equal(s.Anchor()))
	again, err := findAnchor(t.Context(), file, "")
	require.NoError(t, err)
	require.True(t, first.Equal(again))
}

func TestWriteHistory_WritesBlocksOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("generates two weeks of data")
	}
	dir := filepath.Join(t.TempDir(), "prometheus")
	s := shop.New(time.Now())
	require.NoError(t, writeHistory(t.Context(), s, dir, time.Now()))
	require.NoError(t, writeHistory(t.Context(), s, dir, time.Now()), "and leaves alone what is there")
	p, err := servers.StartPrometheus(t.Context(), servers.PrometheusOptions{Dir: dir})
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Stop()) }()
	for _, ago := range []time.Duration{time.Minute, 13 * 24 * time.Hour} {
		found, err := p.Query(t.Context(), `count by (job) (http_requests_total)`, time.Now().Add(-ago))
		require.NoError(t, err)
		require.Len(t, found, 3, fmt.Sprint(ago))
	}
}

func TestRun_RejectsBadCommands(t *testing.T) {
	require.EqualError(t, run(t.Context(), nil), "want a command: serve or history")
	require.EqualError(
		t, run(t.Context(), []string{"sell", "--anchor-file=" + filepath.Join(t.TempDir(), "anchor")}),
		`unknown command "sell"`,
	)
}
