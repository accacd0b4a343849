package e2e_test

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// fleet is the history of some namespaces with pods. It goes on for a while, so that later cycles have steps to read.
func fleet(t *testing.T, namespaces int, length, interval time.Duration) *servers.Prometheus {
	t.Helper()
	now := time.Now()
	var all []servers.Series
	for i := range namespaces {
		for pod := range 4 {
			for j, name := range []string{"load", "quota"} {
				l := labels.FromStrings("__name__", name,
					"namespace", fmt.Sprintf("ns-%d", i), "pod", fmt.Sprintf("pod-%d-%d", i, pod))
				all = append(all, gauge(l, uint64(100*i+10*pod+j), now.Add(-length), now.Add(10*time.Minute), interval))
			}
		}
	}
	return startPrometheus(t, servers.PrometheusOptions{Dir: blocks(t, all...)})
}

// published returns the results in exposition text by name and labels, and the newest steps of what computes them.
func published(t *testing.T, e *servers.Exporter) (results, steps map[string]string) {
	t.Helper()
	results, steps = map[string]string{}, map[string]string{}
	for line := range strings.Lines(get(t, e.URL()+"/metrics")) {
		line = strings.TrimSpace(line)
		name, _, _ := strings.Cut(line, "{")
		switch {
		case strings.HasPrefix(line, "anomaly_exporter_last_step_timestamp_seconds"):
			key, value, _ := strings.Cut(line, "} ")
			key, _, _ = strings.Cut(key, `,shard=`)
			steps[key] = value
		case line == "", strings.HasPrefix(line, "#"), strings.HasPrefix(name, "anomaly_exporter_"),
			strings.HasPrefix(name, "go_"), strings.HasPrefix(name, "process_"):
		default:
			at := strings.LastIndex(line, " ")
			results[line[:at]] = line[at+1:]
		}
	}
	return results, steps
}

// sameStep waits until all exporters have published the same steps, and returns their results.
func sameStep(t *testing.T, within time.Duration, exporters ...*servers.Exporter) (all []map[string]string) {
	t.Helper()
	eventually(t, within, func() error {
		all = nil
		var first map[string]string
		for i, e := range exporters {
			results, steps := published(t, e)
			if first == nil {
				first = steps
			}
			if len(steps) == 0 || !maps.Equal(first, steps) {
				return fmt.Errorf("exporter %d is at %v, the first at %v", i, steps, first)
			}
			all = append(all, results)
		}
		return nil
	})
	return all
}

// Three processes publish together what one does, each series once, whatever is compared with what.
func TestShards_PublishTogetherWhatOneProcessDoes(t *testing.T) {
	t.Parallel()
	p := fleet(t, 6, 50*time.Hour, time.Minute)
	config := fmt.Sprintf(`
global: {step: 5m, query_offset: 0s, history: 2d}
remote_read: [{url: %s/api/v1/read}]
detectors:
  - name: alone
    expr: avg_over_time(load[10m])
    forecaster: {horizons: [1h]}
    bounds: {upper: {expr: 2 * quota, on: [pod]}}
  - {name: siblings, expr: load, pool_by: [namespace]}
  - {name: joint, inputs: {load: load, quota: 'max by (pod) (quota)'}, by: [pod]}
  - {name: namespaces, expr: sum by (namespace) (load) / sum by (namespace) (quota)}
  - {name: largest, expr: 'topk by (namespace) (1, quota)'}
  - {name: total, expr: sum(load)}
  - {name: many, expr: count(quota)}
scalers:
  - {name: each, load: sum by (namespace) (load), by: [namespace], capacity_per_replica: 50, max_replicas: 50}
  - {name: whole, load: sum(load), capacity_per_replica: 50, max_replicas: 90, resources: {cpu: load}}
`, p.URL())
	whole := startExporter(t, config)
	exporters := []*servers.Exporter{whole}
	for i := range 3 {
		e, err := servers.StartExporter(t.Context(), servers.ExporterOptions{
			Config: config, Flags: []string{"--shard.total=3", "--shard.index=" + strconv.Itoa(i)},
		})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, e.Stop()) })
		exporters = append(exporters, e)
	}
	for _, e := range exporters {
		ready(t, e)
	}
	results := sameStep(t, 2*time.Minute, exporters...)
	want, union := results[0], map[string]string{}
	for i, shard := range results[1:] {
		require.Greater(t, len(shard), len(want)/10, "shard %d", i)
		for series, v := range shard {
			require.NotContains(t, union, series, "two shards publish it")
			union[series] = v
		}
	}
	require.Equal(t, want, union)
	for _, expected := range [][2]string{
		{"anomaly_score{", `"alone"`},
		{"anomaly_score{", `"siblings"`},
		{"anomaly_score{", `"joint"`},
		{"anomaly_score{", `"namespaces"`},
		{"anomaly_score{", `"largest"`},
		{"anomaly_score{", `"total"`},
		{"recommended_replicas{", `"each"`},
		{"recommended_replicas{", `"whole"`},
		{"recommended_cpu_cores{", `"whole"`},
		{"forecast_breach_probability{", `"alone"`},
	} {
		require.True(t, contains(want, expected[0], expected[1]), "%s of %s", expected[0], expected[1])
	}

	// What one process has by itself adds up.
	series := func(e *servers.Exporter) (n int) {
		for line := range strings.Lines(get(t, e.URL()+"/metrics")) {
			if strings.HasPrefix(line, "anomaly_exporter_series{") {
				value, err := strconv.Atoi(strings.TrimSpace(line[strings.LastIndex(line, " "):]))
				require.NoError(t, err)
				n += value
			}
		}
		return n
	}
	require.Equal(t, series(whole), series(exporters[1])+series(exporters[2])+series(exporters[3]))
	require.Contains(t, get(t, exporters[2].URL()+"/metrics"), "anomaly_exporter_shards{shard=\"1\"} 3\n")
	require.Contains(t, get(t, whole.URL()+"/metrics"), "anomaly_exporter_shards 1\n")
}

// contains reports whether a series begins with a text and contains another one.
func contains(results map[string]string, prefix, part string) bool {
	for series := range results {
		if strings.HasPrefix(series, prefix) && strings.Contains(series, part) {
			return true
		}
	}
	return false
}

// Of two exporters, one is killed and starts again. Meanwhile nothing is missing, and within a cycle after its first
// results both publish the same. A Prometheus that scrapes both sees each series once, through the recording rules and
// the query of KEDA.
func TestReplicas_AreEqualAgainAfterOneWasKilled(t *testing.T) {
	t.Parallel()
	const step = 10 * time.Second
	history := fleet(t, 2, 25*time.Hour, 15*time.Second)
	config := fmt.Sprintf(`
global: {step: 10s, query_offset: 0s, history: 1d, min_history: 12h}
remote_read: [{url: %s/api/v1/read}]
detectors:
  - {name: load, expr: load, forecaster: {horizons: [10m]}}
  - {name: siblings, expr: load, pool_by: [namespace]}
scalers:
  - {name: checkout, load: sum(load), capacity_per_replica: 50, max_replicas: 90}
`, history.URL())
	a, b := startExporter(t, config), startExporter(t, config)
	ready(t, a)
	ready(t, b)
	results := sameStep(t, time.Minute, a, b)
	require.NotEmpty(t, results[0])
	require.Equal(t, results[0], results[1])

	root, err := servers.Root()
	require.NoError(t, err)
	scraper := startPrometheus(t, servers.PrometheusOptions{Config: fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%s/rules/recording.yml]
scrape_configs:
  - job_name: anomaly-exporter
    honor_labels: true
    static_configs:
      - {targets: ['%s'], labels: {anomaly_replica: a}}
      - {targets: ['%s'], labels: {anomaly_replica: b}}
`, root, address(a.URL()), address(b.URL()))})
	const keda = `max(last_over_time(recommended_replicas{scaler="checkout"}[2m]))` // of examples/keda
	// complete says that results are there once, as if there were one exporter.
	complete := func() error {
		scores := len(query(t, scraper, "predicted_anomaly_score"))
		replicas := query(t, scraper, keda)
		counted := query(t, scraper, "anomaly:scored_series:count")
		if scores != 16 || len(counted) != 1 || counted[0].Value != 16 || len(replicas) != 1 || replicas[0].Value < 1 {
			return fmt.Errorf("%d scores, counted as %v, replicas %v", scores, counted, replicas)
		}
		return nil
	}
	eventually(t, time.Minute, complete)
	twice := func() error {
		if n := len(query(t, scraper, "anomaly_score")); n != 32 {
			return fmt.Errorf("%d scores", n)
		}
		return nil
	}
	eventually(t, 30*time.Second, twice)

	require.NoError(t, b.Kill())
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		require.NoError(t, complete(), "while one is down")
	}
	require.Equal(t, model.SampleValue(1), query(t, scraper, `count(up{job="anomaly-exporter"} == 1)`)[0].Value)

	require.NoError(t, b.Restart(t.Context()))
	ready(t, b)
	back := time.Now()
	eventually(t, time.Minute, func() error {
		resultsA, stepsA := published(t, a)
		resultsB, stepsB := published(t, b)
		if !maps.Equal(stepsA, stepsB) {
			return fmt.Errorf("at %v and %v", stepsA, stepsB)
		}
		if !maps.Equal(resultsA, resultsB) {
			return errors.New("results differ")
		}
		return nil
	})
	require.Less(t, time.Since(back), 2*step, "within a cycle, which may have begun just before")
	eventually(t, 30*time.Second, twice)
	require.NoError(t, complete())
}
