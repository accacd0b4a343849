package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/examples/demo/shop"
	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

func startContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestConfig_IsValidAndReadsTheWholeHistory(t *testing.T) {
	cfg, err := config.Load([]byte(exporterConfig), "anomaly-exporter.yml")
	require.NoError(t, err)
	require.Equal(t, model.Duration(history), cfg.Global.History, "the shop has as much history as the exporter reads")
}

func TestTroubles_AreThoseOfTheStoryAndTheReadme(t *testing.T) {
	var planted []string
	for _, p := range shop.Story() {
		planted = append(planted, p.Name)
	}
	var asked []string
	for _, a := range troubles {
		asked = append(asked, a.name)
	}
	require.Equal(t, planted, asked)

	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, a := range troubles {
		require.Contains(t, string(readme), "```promql\n"+a.query+"\n```", a.name)
	}
}

// The expressions of the detectors show the troubles where they should be, and nowhere else.
func TestTroubles_ShowInTheRawData(t *testing.T) {
	if testing.Short() {
		t.Skip("generates two weeks of data")
	}
	ctx := startContext(t)
	s := shop.New(time.Now())
	dir := t.TempDir()
	end := s.Anchor().Add(time.Minute)
	require.NoError(t, servers.WriteBlocks(dir, seriesOf(ctx, s, s.Anchor().Add(-8*24*time.Hour), end, time.Minute)))
	p, err := servers.StartPrometheus(ctx, servers.PrometheusOptions{Dir: dir})
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Stop()) }()

	cfg, err := config.Load([]byte(exporterConfig), "anomaly-exporter.yml")
	require.NoError(t, err)
	exprs := map[string]string{"load": cfg.Scalers[0].Load.String()}
	for _, d := range cfg.Detectors {
		exprs[d.Name] = d.Expr.String()
	}
	// value returns the value of the series with a label in the expression of a detector, at a time after the anchor.
	value := func(detector, label, is string, after time.Duration) float64 {
		got, err := p.Query(ctx, exprs[detector], s.Anchor().Add(after))
		require.NoError(t, err)
		found := slices.DeleteFunc(got, func(s *model.Sample) bool { return string(s.Metric[model.LabelName(label)]) != is })
		require.Len(t, found, 1, "%s %s=%s", detector, label, is)
		return float64(found[0].Value)
	}

	t.Run("memory leak", func(t *testing.T) {
		share := exprs["memory_vs_limit"] + " / " + cfg.Detectors[1].Bounds.Upper.Expr.String()
		for _, at := range []struct {
			after  time.Duration
			leaks  int
			atMost float64
		}{{-20 * time.Hour, 0, 0.8}, {0, 1, 0.98}} {
			got, err := p.Query(ctx, share+" > 0.8", s.Anchor().Add(at.after))
			require.NoError(t, err)
			require.Len(t, got, at.leaks)
			for _, one := range got {
				require.Equal(t, model.LabelValue("payments"), one.Metric["container"])
				require.Less(t, float64(one.Value), at.atMost)
			}
		}
		got, err := p.Query(
			ctx, "max(predict_linear(container_memory_working_set_bytes{container='payments'}[2h], 3 * 3600))",
			s.Anchor(),
		)
		require.NoError(t, err)
		require.Greater(t, float64(got[0].Value), float64(1<<30), "over the limit within three hours")
	})
	t.Run("restarts", func(t *testing.T) {
		require.Zero(t, value("pod_restarts", "container", "worker", -24*time.Hour))
		require.InDelta(t, 1, value("pod_restarts", "container", "worker", -90*time.Minute), 1)
		require.Greater(t, value("pod_restarts", "container", "worker", 0), 4.0)
		require.Less(t, value("pod_restarts", "container", "frontend", 0), 1.0)
	})
	t.Run("pool wait", func(t *testing.T) {
		before := value("pool_wait", "pool", "orders", -3*time.Hour)
		require.InDelta(t, value("pool_wait", "pool", "orders", -27*time.Hour), before, 0.02)
		now := value("pool_wait", "pool", "orders", 0)
		require.InDelta(t, 0.167, now-before, 0.02)
		require.Less(t, now+0.1, cfg.Detectors[2].Bounds.Upper.Value)
	})
	t.Run("cache", func(t *testing.T) {
		require.InDelta(t, 0.93, value("cache_hit_ratio", "namespace", "shop", -45*time.Minute), 0.03)
		require.InDelta(t, 0.70, value("cache_hit_ratio", "namespace", "shop", 0), 0.03)
		require.InDelta(t, 1.7, value("requests", "job", "api", 0)/value("requests", "job", "api", -24*time.Hour), 0.15)
		require.InDelta(
			t, 1, value("requests", "job", "frontend", 0)/value("requests", "job", "frontend", -24*time.Hour), 0.12,
		)
	})
	t.Run("evening peak", func(t *testing.T) {
		capacity := cfg.Scalers[0].CapacityPerReplica.Value
		running := value("load", "none", "", 0) / capacity
		require.Less(t, running, 5.0, "five replicas are enough now")
		var weekdays, weekend float64
		for days := range 7 {
			peak := value("load", "none", "", -time.Duration(days+1)*24*time.Hour+45*time.Minute) / capacity
			require.Greater(t, peak, 5.0, "and never in the evening")
			if days == 2 || days == 3 { // Sunday and Saturday
				weekend += peak / 2
			} else {
				weekdays += peak / 5
			}
		}
		require.Greater(t, weekdays, 7.0)
		require.Less(t, weekend, 0.9*weekdays)
	})
	t.Run("normal life", func(t *testing.T) {
		for _, job := range []string{"frontend", "payments"} {
			require.InDelta(t, 1, value("latency_p90", "job", job, 0)/value("latency_p90", "job", job, -24*time.Hour), 0.1, job)
		}
		for _, job := range []string{"frontend", "api", "payments"} {
			require.Less(t, value("error_ratio", "job", job, 0), 0.005, job)
		}
	})
}

// Scraped series continue those on disk: with the same labels and values, and without a jump.
func TestShop_LiveMetricsContinueTheHistory(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real servers")
	}
	ctx := startContext(t)
	now := time.Now()
	d := &demo{dir: t.TempDir(), shop: shop.New(now), out: io.Discard}
	defer func() { require.NoError(t, d.stop()) }()
	require.NoError(
		t, servers.WriteBlocks(d.prometheusDir(), seriesOf(ctx, d.shop, now.Add(-time.Hour), now, historyStep)),
	)
	require.NoError(t, d.startShop(ctx))
	require.NoError(t, d.startServers(ctx))
	resp, err := http.Get(d.prometheus.URL() + "/api/v1/status/config")
	require.NoError(t, err)
	defer resp.Body.Close()
	inForce, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Contains(t, string(inForce), d.shopAddr, "scraped while the backtest runs")
	scrape := strings.ReplaceAll(prometheusConfig, "localhost:8080", d.shopAddr)
	scrape, _, _ = strings.Cut(scrape, "  - job_name: anomaly-exporter") // which does not run
	require.NoError(t, d.prometheus.Configure(strings.ReplaceAll(scrape, "15s", "1s")))

	live := map[string]int{}
	for _, one := range d.shop.Series() {
		if _, ok := one.At(now); ok {
			live[one.Labels.Get(model.MetricNameLabel)]++
		}
	}
	for name, want := range live {
		// Each series has a sample after the end of the history, and none exists twice.
		scraped := fmt.Sprintf("count(timestamp(%s) > %d.5)", name, now.Unix())
		require.Eventually(t, func() bool {
			got, err := d.query(ctx, scraped)
			return err == nil && len(got) == 1 && int(got[0].Value) == want
		}, 30*time.Second, 200*time.Millisecond, name)
		got, err := d.query(ctx, "count("+name+")")
		require.NoError(t, err)
		require.Equal(t, model.SampleValue(want), got[0].Value, name)
	}

	rates, err := d.query(ctx, `sum by (job) (rate(http_requests_total[5m]))`)
	require.NoError(t, err)
	before, err := d.prometheus.Query(ctx, `sum by (job) (rate(http_requests_total[5m]))`, now.Add(-historyStep))
	require.NoError(t, err)
	require.Len(t, rates, 3)
	for _, r := range rates {
		require.InEpsilon(t, valueOf(before, r.Metric, ""), float64(r.Value), 0.1, r.Metric)
	}
	resets, err := d.query(ctx, "sum(resets(http_requests_total[4m]))")
	require.NoError(t, err)
	require.Equal(t, model.SampleValue(0), resets[0].Value)
}

func TestCopyRules_LeavesOutTheirTests(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rules")
	require.NoError(t, copyRules(dir))
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		require.NotContains(t, file, "_test.yml")
	}
}

func TestStop_LeavesNothingBehind(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out strings.Builder
	err := run(ctx, options{timeout: time.Minute}, &out)
	require.ErrorIs(t, err, context.Canceled)
	require.Contains(t, out.String(), "removing their data")

	d := &demo{dir: t.TempDir(), shop: shop.New(time.Now()), out: io.Discard}
	require.NoError(t, d.startShop(t.Context()))
	require.NoError(t, d.stop())
	require.NoError(t, d.stop())
	_, err = http.Get("http://" + d.shopAddr)
	require.Error(t, err)
}

func TestNumber_HasThreeDigitsAndASuffix(t *testing.T) {
	for v, want := range map[float64]string{
		0.0312: "0.0312", 5: "5", 876.4: "876", 12345: "12.3k", 847.5e6: "848M", 1.07e9: "1.07G",
	} {
		require.Equal(t, want, number(v))
	}
}
