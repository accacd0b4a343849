package main

import (
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/source"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// replicaStart is when the counters of the replicas begin.
var replicaStart = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// replica starts a Prometheus that has scraped a counter of 100 per second for three hours, every 15 seconds, each
// time some milliseconds later. Some scrapes are ten seconds late. It has a gap from the minutes from to to.
func replica(t *testing.T, external string, phase time.Duration, from, to int) string {
	t.Helper()
	dir := t.TempDir()
	rnd := rand.New(rand.NewPCG(1, uint64(phase)))
	scrapes := func(yield func(int64, float64) bool) {
		for at := time.Duration(0); at < 3*time.Hour; at += 15 * time.Second {
			if minute := int(at / time.Minute); minute >= from && minute < to {
				continue
			}
			scraped := at + phase + time.Duration(rnd.IntN(2))*time.Millisecond
			late := time.Duration(rnd.IntN(30)) * time.Millisecond
			if rnd.IntN(20) == 0 {
				late = 10 * time.Second
			}
			if !yield(replicaStart.Add(scraped).UnixMilli(), 5e6+math.Floor(100*(scraped+late).Seconds())) {
				return
			}
		}
	}
	require.NoError(t, servers.WriteBlocks(dir, func(yield func(servers.Series) bool) {
		yield(servers.Series{
			Labels: labels.FromStrings("__name__", "reqs_total", "job", "api"), Samples: iter.Seq2[int64, float64](scrapes),
		})
	}))
	p, err := servers.StartPrometheus(t.Context(), servers.PrometheusOptions{
		Dir: dir, Config: fmt.Sprintf("global: {external_labels: {%s}}", external),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop()) })
	return p.URL()
}

// queryRange evaluates an expression on the servers of a configuration, from minute 10 to 170.
func queryRange(t *testing.T, remoteRead, expr string) promql.Matrix {
	t.Helper()
	c, err := config.Load([]byte(remoteRead+"\ndetectors: [{name: x, expr: up}]\n"), "config.yml")
	require.NoError(t, err)
	src, err := source.New(c.RemoteRead, source.Options{MaxConcurrency: 1, Logger: log.NewNopLogger()})
	require.NoError(t, err)
	defer src.Close()
	query, err := testQueries().engine(log.NewNopLogger()).NewRangeQuery(context.Background(), src, nil, expr,
		replicaStart.Add(10*time.Minute), replicaStart.Add(170*time.Minute), time.Minute)
	require.NoError(t, err)
	defer query.Close()
	matrix, err := query.Exec(context.Background()).Matrix()
	require.NoError(t, err)
	return matrix
}

func TestSource_ReadsReplicasAsOne(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real Prometheus servers")
	}
	a := replica(t, "cluster: eu1, replica: a", 0, 30, 45)
	b := replica(t, "cluster: eu1, replica: b", 10*time.Millisecond, 60, 70)
	c := replica(t, "cluster: eu1, replica: c", 7*time.Second, 35, 65)
	entry := func(url, more string) string { return fmt.Sprintf("\n- {url: %s/api/v1/read%s}", url, more) }
	for _, tc := range []struct {
		name    string
		entries string
		rate    float64  // of all series
		series  []string // of reqs_total
	}{
		{
			name: "two",
			entries: entry(a, ", external_labels: {cluster: eu1, replica: a}") +
				entry(b, ", external_labels: {cluster: eu1, replica: b}"),
			rate: 100, series: []string{`{__name__="reqs_total", job="api"}`},
		},
		{
			name: "three that have gaps",
			entries: entry(a, ", external_labels: {cluster: eu1, replica: a}") +
				entry(b, ", external_labels: {cluster: eu1, replica: b}") +
				entry(c, ", external_labels: {cluster: eu1, replica: c}"),
			rate: 100, series: []string{`{__name__="reqs_total", job="api"}`},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			remoteRead := "remote_read:" + tc.entries
			var got []string
			for _, s := range queryRange(t, remoteRead, "reqs_total") {
				got = append(got, s.Metric.String())
			}
			require.Equal(t, tc.series, got)
			matrix := queryRange(t, remoteRead, "sum(rate(reqs_total[5m]))")
			require.Len(t, matrix, 1)
			for _, p := range matrix[0].Floats {
				// 4 % for late scrapes at either end of the five minutes, 5 % for up to an interval without samples
				// where the replica changes.
				require.InDelta(t, tc.rate, p.F, 0.09*tc.rate, "%s", time.UnixMilli(p.T).UTC())
			}
			counts := queryRange(t, remoteRead, "max(count_over_time(reqs_total[5m]))")
			for _, p := range counts[0].Floats {
				require.LessOrEqual(t, p.F, 21.0, "a scrape every 15 seconds")
			}
		})
	}
}
