package servers_test

import (
	"bytes"
	"context"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

func startContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestTool_NamesTheMissingTool(t *testing.T) {
	_, err := servers.Tool("no-such-tool")
	require.ErrorContains(t, err, `tool no-such-tool`)
	require.ErrorContains(t, err, `run "make tools"`)

	t.Chdir(t.TempDir())
	_, err = servers.Tool("prometheus")
	require.EqualError(t, err, "tool prometheus: the working directory is outside the repository")
}

func TestPrometheus_StartsReloadsRestartsAndStops(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real servers")
	}
	ctx := startContext(t)
	p, err := servers.StartPrometheus(ctx, servers.PrometheusOptions{})
	require.NoError(t, err)
	url, dir := p.URL(), p.Dir()

	got, err := p.Query(ctx, "vector(7)", time.Now())
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, model.SampleValue(7), got[0].Value)

	_, err = p.Query(ctx, "sum(", time.Now())
	require.ErrorContains(t, err, "query sum(: ")

	require.NoError(t, p.Reload())
	require.NoError(t, p.Configure("global: {external_labels: {cluster: eu1}}\n"))
	require.ErrorContains(t, p.Configure("nonsense: true\n"), "500")

	cpu, err := p.CPUSeconds()
	require.NoError(t, err)
	require.Positive(t, cpu)
	now, peak, err := p.RSS()
	require.NoError(t, err)
	require.Positive(t, now)
	require.GreaterOrEqual(t, peak, now)

	require.NoError(t, p.Configure("global: {}\n"))
	require.NoError(t, p.Kill())
	_, err = http.Get(url)
	require.Error(t, err)
	_, err = p.CPUSeconds()
	require.EqualError(t, err, "prometheus is stopped")
	require.NoError(t, p.Restart(ctx))
	require.Equal(t, url, p.URL())
	require.NoError(t, p.Restart(ctx), "restart of a running server")

	require.NoError(t, p.Stop())
	require.NoError(t, p.Stop())
	require.NoDirExists(t, dir)
}

func TestStartPrometheus_FailsWithTheEndOfTheLog(t *testing.T) {
	var log bytes.Buffer
	_, err := servers.StartPrometheus(startContext(t), servers.PrometheusOptions{Config: "nonsense: true\n", Log: &log})
	require.ErrorContains(t, err, "prometheus ended: exit status")
	require.ErrorContains(t, err, "nonsense", "the end of the log has the reason")
	require.Contains(t, log.String(), "nonsense")

	_, err = servers.StartPrometheus(startContext(t), servers.PrometheusOptions{
		Binary: filepath.Join(t.TempDir(), "none"),
	})
	require.ErrorContains(t, err, "start prometheus: ")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = servers.StartPrometheus(ctx, servers.PrometheusOptions{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestStartPrometheus_FlagsOfTheCallerOverrideDefaults(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real servers")
	}
	ctx := startContext(t)
	p, err := servers.StartPrometheus(ctx, servers.PrometheusOptions{Flags: []string{"--storage.tsdb.retention.time=1d"}})
	require.NoError(t, err, "Prometheus rejects a flag that is given twice")
	require.NoError(t, p.Stop())
}

func TestAlertmanager_StartsRestartsAndStops(t *testing.T) {
	ctx := startContext(t)
	a, err := servers.StartAlertmanager(ctx, servers.AlertmanagerOptions{})
	require.NoError(t, err)
	require.NoError(t, a.Reload())
	require.NoError(t, a.Kill())
	require.NoError(t, a.Restart(ctx))
	require.NoError(t, a.Stop())
	require.NoDirExists(t, a.Dir())
}

// counters returns n series with a sample a minute. They are not in the order of their labels.
func counters(n int, from, to time.Time) iter.Seq[servers.Series] {
	return func(yield func(servers.Series) bool) {
		for i := range n {
			s := servers.Series{
				Labels: labels.FromStrings(model.MetricNameLabel, "requests_total", "pod", "p"+strconv.Itoa(n-i)),
				Samples: func(yield func(int64, float64) bool) {
					for t := from.UnixMilli(); t < to.UnixMilli(); t += 60_000 {
						if !yield(t, float64(n-i)*float64(t-from.UnixMilli())/1000) {
							return
						}
					}
				},
			}
			if !yield(s) {
				return
			}
		}
	}
}

func TestWriteBlocks_LiveSamplesCanFollow(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real servers")
	}
	ctx := startContext(t)
	dir := t.TempDir()
	to := time.Now().Truncate(time.Minute)
	from := to.Add(-60 * time.Hour)
	require.NoError(t, servers.WriteBlocks(dir, counters(12, from, to)))

	left, err := filepath.Glob(filepath.Join(dir, "spool-*"))
	require.NoError(t, err)
	require.Empty(t, left)
	blocks, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(blocks), 3)

	// Live samples must be able to follow the blocks immediately.
	const config = `
global: {scrape_interval: 1s}
scrape_configs: [{job_name: none, static_configs: [{targets: ['127.0.0.1:1']}]}]
`
	p, err := servers.StartPrometheus(ctx, servers.PrometheusOptions{Dir: dir, Config: config})
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Stop()) }()

	got, err := p.Query(ctx, "sum(count_over_time(requests_total[90h]))", to)
	require.NoError(t, err)
	require.Equal(t, model.SampleValue(12*60*60), got[0].Value)
	got, err = p.Query(ctx, `rate(requests_total{pod="p7"}[5m])`, from.Add(30*time.Hour))
	require.NoError(t, err)
	require.InDelta(t, 7, float64(got[0].Value), 1e-9)
	got, err = p.Query(ctx, "requests_total - 12 * 60", from.Add(time.Minute))
	require.NoError(t, err)
	require.Len(t, got, 12)

	require.Eventually(t, func() bool {
		got, err := p.Query(ctx, `up{job="none"}`, time.Now())
		return err == nil && len(got) == 1
	}, 15*time.Second, 100*time.Millisecond)
}

func TestWriteBlocks_RejectsSamplesOutOfOrder(t *testing.T) {
	dir := t.TempDir()
	err := servers.WriteBlocks(dir, slices.Values([]servers.Series{{
		Labels: labels.FromStrings(model.MetricNameLabel, "up", "job", "a"),
		Samples: func(yield func(int64, float64) bool) {
			if yield(2000, 1) {
				yield(2000, 1)
			}
		},
	}}))
	require.EqualError(t, err, `series {__name__="up", job="a"}: sample at 2000 comes after one at 2000`)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func BenchmarkWriteBlocks(b *testing.B) {
	to := time.Now().Truncate(time.Minute)
	for b.Loop() {
		require.NoError(b, servers.WriteBlocks(b.TempDir(), counters(100, to.Add(-7*24*time.Hour), to)))
	}
}
