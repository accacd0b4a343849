package preset_test

import (
	"bytes"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/preset"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// A rate has no value before the second sample, and never has one of samples that are too far apart. What has no
// series for another reason may get some.
func TestCommand_KeepsWhatIsOnlyTooYoung(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a real Prometheus")
	}
	dir, end := t.TempDir(), time.Now()
	sampled := func(name string, count int, apart time.Duration) servers.Series {
		var samples iter.Seq2[int64, float64] = func(yield func(int64, float64) bool) {
			for i := count - 1; i >= 0 && yield(end.Add(-time.Duration(i)*apart).UnixMilli(), float64(count-i)); i-- {
			}
		}
		return servers.Series{
			Labels:  labels.FromStrings("__name__", name, "job", "shop", "instance", "a", "mode", "idle", "code", "200"),
			Samples: samples,
		}
	}
	require.NoError(t, servers.WriteBlocks(dir, slices.Values([]servers.Series{
		sampled("shop_requests_total", 1, 0),
		sampled("shop_request_duration_seconds_bucket", 1, 0), // without "le"
		sampled("shop_request_duration_seconds_count", 1, 0),
		sampled("node_cpu_seconds_total", 10, 5*time.Minute),
		sampled("up", 1, 0),
	})))
	p, err := servers.StartPrometheus(t.Context(), servers.PrometheusOptions{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop()) })
	u, err := url.Parse(p.URL())
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "new.yml")
	var out bytes.Buffer
	c := &preset.Command{URL: u, Output: file, MaxSeries: 100}
	size := func(n int64) string { return strconv.FormatInt(n, 10) }
	require.NoError(t, c.Run(t.Context(), preset.Environment{Stdout: &out, Size: size}))

	cfg, err := config.LoadFile(file)
	require.NoError(t, err)
	var names []string
	for _, d := range cfg.Detectors {
		names = append(names, d.Name)
	}
	require.Equal(t, []string{"shop_requests", "shop_error_ratio", "targets_up"}, names, out.String())
	require.Contains(t, out.String(), "\n2 detectors without a value yet (shop_requests, shop_error_ratio): the "+
		"metrics have been scraped only once, a rate needs two samples\n")
	require.Regexp(t, `\nthe Prometheus was started \d+s ago: metrics that it has not scraped yet are missing; run init `+
		"again with --force in some minutes\n", out.String())
	require.Contains(t, out.String(), "\n2 detectors left out for want of series (shop_latency_p99, "+
		"shop_service_joint): once there are some, run init again with --force, or remove the comment marks\n")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), "  # Left out: rate(node_cpu_seconds_total{mode=\"idle\"}[5m]): two samples are "+
		"farther apart: use ")
}
