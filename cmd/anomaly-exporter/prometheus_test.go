package main

import (
	"bytes"
	"fmt"
	"iter"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// odd is a label value with all characters that must be escaped.
const odd = `b "quoted" \ ` + "\n"

// shopBlocks writes three days of a daily wave, up to now, for three pods with labels that need escaping or renaming.
func shopBlocks(t *testing.T, dir string) {
	t.Helper()
	end := time.Now().Truncate(time.Minute)
	wave := func(level float64) iter.Seq2[int64, float64] {
		return func(yield func(int64, float64) bool) {
			for at := end.Add(-72 * time.Hour); !at.After(end); at = at.Add(time.Minute) {
				noise := math.Mod(float64(at.Unix()/60)*0.618, 1)
				if !yield(at.UnixMilli(), level+10*math.Sin(float64(at.Unix())/86400*2*math.Pi)+noise) {
					return
				}
			}
		}
	}
	require.NoError(t, servers.WriteBlocks(dir, func(yield func(servers.Series) bool) {
		for i, pod := range []string{"a", odd, "ü"} {
			ls := labels.FromStrings(
				"__name__", "shop_requests", "job", "shop", "instance", "10.0.0.1:80", "pod", pod,
				"k8s.cluster", "eu1", "detector", "theirs",
			)
			if !yield(servers.Series{Labels: ls, Samples: wave(100 * float64(i+1))}) {
				return
			}
		}
	}))
}

func TestRun_ReadsFromPrometheusAndIsScrapedByIt(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for scrapes of a real Prometheus")
	}
	dir := t.TempDir()
	shopBlocks(t, dir)
	p, err := servers.StartPrometheus(t.Context(), servers.PrometheusOptions{Dir: dir})
	require.NoError(t, err)
	defer p.Stop()

	file := filepath.Join(t.TempDir(), "config.yml")
	text := fmt.Sprintf(`
remote_read: [{url: %s/api/v1/read}]
detectors:
  - {name: requests, expr: shop_requests, step: 5m, labels: {team: shop}}
`, p.URL())
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))

	var stdout, stderr bytes.Buffer
	o := checkOptions{files: []string{file}, output: "text", timeout: checkTimeout}
	good, err := checkConfig(t.Context(), o, testQueries(), &stdout, &stderr)
	require.NoError(t, err)
	require.True(t, good)
	require.Contains(t, stdout.String(), "  detector \"requests\": 3 series: about ")
	require.Contains(t, stderr.String(), "history is 2w, but the oldest values are about 2d23h old")
	require.Equal(t, 1, strings.Count(stderr.String(), "\n"), stderr.String())

	r := start(t, testOptions(file))
	require.Eventually(t, func() bool {
		status, _ := r.request(http.MethodGet, "/-/ready")
		return status == http.StatusOK
	}, time.Minute, 50*time.Millisecond, "%s", r.log)
	checkMetrics(t, r.get("/metrics"))

	require.NoError(t, p.Configure(fmt.Sprintf(`
scrape_configs:
  - job_name: anomaly-exporter
    honor_labels: true
    scrape_interval: 1s
    static_configs: [{targets: ['%s']}]
`, strings.TrimPrefix(r.url, "http://"))))
	var scores model.Vector
	require.Eventually(t, func() bool {
		scores, err = p.Query(t.Context(), "anomaly_score", time.Now())
		return err == nil && len(scores) == 3
	}, 30*time.Second, 100*time.Millisecond)
	slices.SortFunc(scores, func(a, b *model.Sample) int {
		return strings.Compare(string(a.Metric["pod"]), string(b.Metric["pod"]))
	})
	require.Equal(t, model.Metric{
		"__name__": "anomaly_score", "detector": "requests", "metric_name": "shop_requests", "team": "shop",
		"job": "shop", "instance": "10.0.0.1:80", "pod": odd, "k8s.cluster": "eu1", "exported_detector": "theirs",
	}, scores[1].Metric)
	up, err := p.Query(t.Context(), `up{job="anomaly-exporter"}`, time.Now())
	require.NoError(t, err)
	require.Equal(t, model.SampleValue(1), up[0].Value)
}

// checkMetrics has promtool look for what is unusual in names, types and help texts.
func checkMetrics(t *testing.T, metrics string) {
	t.Helper()
	promtool, err := servers.Tool("promtool")
	require.NoError(t, err)
	cmd := exec.Command(promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(metrics)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, string(out))
}
