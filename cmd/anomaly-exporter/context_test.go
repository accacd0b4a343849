package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
	"github.com/anomaly-exporter/anomaly-exporter/web/incident"
)

func TestContext_TellsSinceWhenOfWhatBeganHoursBefore(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a real Prometheus")
	}
	end := time.Date(2026, 3, 9, 2, 0, 0, 0, time.UTC)
	begins := map[string]time.Time{"a": end.Add(-5 * time.Hour), "b": end.Add(-time.Hour), "c": end.Add(time.Hour)}
	dir := t.TempDir()
	require.NoError(t, servers.WriteBlocks(dir, func(yield func(servers.Series) bool) {
		for _, pod := range []string{"a", "b", "c"} {
			more := yield(servers.Series{
				Labels: labels.FromStrings("__name__", "latency_seconds", "pod", pod),
				Samples: func(yield func(int64, float64) bool) {
					for at := end.Add(-4 * 24 * time.Hour); !at.After(end); at = at.Add(5 * time.Minute) {
						v := 0.2 + 0.01*math.Sin(float64(at.Unix())*float64(pod[0])) // as good as noise
						if !at.Before(begins[pod]) {
							v *= 3
						}
						if !yield(at.UnixMilli(), v) {
							return
						}
					}
				},
			})
			if !more {
				return
			}
		}
	}))
	prometheus, err := servers.StartPrometheus(t.Context(), servers.PrometheusOptions{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, prometheus.Stop()) })
	file := filepath.Join(t.TempDir(), "config.yml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `
remote_read: [{url: %s/api/v1/read}]
global: {history: 3d, step: 5m, query_offset: 0s}
detectors: [{name: fails, expr: latency_seconds + on () latency_seconds}, {name: latency, expr: latency_seconds}]
context: {entity: [pod]}
`, prometheus.URL()), 0o600))
	describe := func(format string) []byte {
		cmd := command(t, t.TempDir(), "context", "--config.file="+file, "--at="+end.Format(time.RFC3339), "--format="+format)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		require.NoError(t, cmd.Run(), stderr.String())
		return stdout.Bytes()
	}
	var d incident.Document
	require.NoError(t, json.Unmarshal(describe("json"), &d))
	since := map[string]time.Time{}
	for _, s := range d.Suspects {
		since[s.Labels["pod"]] = *s.Since
		require.False(t, s.Series[0].SinceOrEarlier)
	}
	delete(begins, "c")
	require.Equal(t, begins, since)
	require.Contains(t, string(describe("markdown")), "since 8 Mar 21:00\n")
	require.Len(t, d.Problems, 1)
	require.Contains(t, d.Problems[0], `detector "fails": query latency_seconds + on () latency_seconds: found duplicate`)
}
