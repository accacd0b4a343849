package marks_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	prometheus "github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
	"github.com/anomaly-exporter/anomaly-exporter/web/marks"
)

var end = time.Date(2026, 3, 7, 12, 0, 0, 0, time.UTC)

func TestFinder_FindsPeriodsOfTheSameWorkloadAndRemembersThem(t *testing.T) {
	db := storage.New(t)
	series := func(job, namespace string) labels.Labels {
		return labels.FromStrings("__name__", "ALERTS", "alertname", "Slow", "job", job, "namespace", namespace)
	}
	write := func(from, to time.Duration, l labels.Labels) {
		storage.WriteSeries(t, db, l, end.Add(from).UnixMilli(), end.Add(to).UnixMilli(), 60_000,
			func(int64) float64 { return 1 })
	}
	write(-3*time.Hour, -150*time.Minute, series("api", "shop"))
	write(-time.Hour, 0, series("api", "shop"))
	write(-30*time.Minute, 0, series("cart", "shop")) // another workload
	write(-20*time.Minute, 0, series("", "shop"))     // of the whole namespace
	write(-10*time.Minute, 0, series("", "other"))
	deployed := labels.FromStrings("__name__", "ALERTS", "job", "kube-state-metrics", "namespace", "shop")
	write(-70*time.Minute, -65*time.Minute, labels.NewBuilder(deployed).Set("deployment", "api").Labels())
	write(-80*time.Minute, -75*time.Minute, labels.NewBuilder(deployed).Set("deployment", "a").Labels()) // of its pod
	write(-5*time.Minute, 0, labels.NewBuilder(deployed).Set("deployment", "cart").Labels())
	queries := 0
	query := marks.Range(storage.NewEngine(time.Minute, 1e6), func() prometheus.Queryable { return db })
	f := marks.New(func(
		ctx context.Context, expr string, from, to time.Time, step time.Duration,
	) (promql.Matrix, error) {
		queries++
		return query(ctx, expr, from, to, step)
	})
	find := func(limit int) ([]marks.Mark, int) {
		found, total, err := f.Find(t.Context(), "ALERTS", end.Add(-6*time.Hour), end, time.Minute,
			map[string]string{"namespace": "shop", "job": "api", "pod": "a-1b"}, limit)
		require.NoError(t, err)
		return found, total
	}
	found, total := find(10)
	require.Equal(t, 6, total)
	var begun []string
	for _, m := range found {
		what := m.Labels.Get("deployment")
		when := m.From.Format("15:04") + m.To.Format(" to 15:04 ")
		begun = append(begun, fmt.Sprint(when, what, m.Labels.Get("job"), m.Same))
	}
	require.Equal(t, []string{
		"11:40 to 12:00 true", "11:00 to 12:00 apitrue", "10:50 to 10:55 apikube-state-metricstrue",
		"10:40 to 10:45 akube-state-metricstrue", "09:00 to 09:30 apitrue", "11:55 to 12:00 cartkube-state-metricsfalse",
	}, begun)
	found, total = find(1)
	require.Len(t, found, 1)
	require.Equal(t, []int{6, 1}, []int{total, queries})

	// A long range has fewer steps, and a period that falls between two steps is not seen.
	found, _, err := f.Find(t.Context(), "ALERTS", end.Add(-24*time.Hour), end, time.Minute,
		map[string]string{"job": "cart"}, 10)
	require.NoError(t, err)
	require.Len(t, found, 1)

	_, _, err = f.Find(t.Context(), "ALERTS{", end.Add(-time.Hour), end, time.Minute, nil, 1)
	require.ErrorContains(t, err, "query: ")
}

func TestFinder_GivesUpIfItsTurnDoesNotCome(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	f := marks.New(func(context.Context, string, time.Time, time.Time, time.Duration) (promql.Matrix, error) {
		close(asked)
		<-release
		return nil, nil
	})
	done := make(chan error)
	go func() {
		_, _, err := f.Find(context.Background(), "a", end.Add(-time.Hour), end, time.Minute, nil, 1)
		done <- err
	}()
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := f.Find(ctx, "b", end.Add(-time.Hour), end, time.Minute, nil, 1)
	require.ErrorIs(t, err, context.Canceled)
	close(release)
	require.NoError(t, <-done)
}

func TestFinder_SaysWhatLastsHoweverFewStepsThereAre(t *testing.T) {
	db := storage.New(t)
	for job, until := range map[string]time.Duration{"lasts": 0, "over": -time.Hour} {
		l := labels.FromStrings("__name__", "ALERTS", "job", job)
		storage.WriteSeries(t, db, l, end.Add(-26*time.Hour).UnixMilli(), end.Add(until).UnixMilli(), 60_000,
			func(int64) float64 { return 1 })
	}
	f := marks.New(marks.Range(storage.NewEngine(time.Minute, 1e6), func() prometheus.Queryable { return db }))
	for _, back := range []time.Duration{2 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour} {
		to := end.Add(-5 * time.Minute) // between two of the longer steps
		for job, lasts := range map[string]bool{"lasts": true, "over": false} {
			found, _, err := f.Find(t.Context(), "ALERTS", to.Add(-back), to, time.Minute, map[string]string{"job": job}, 1)
			require.NoError(t, err)
			require.Len(t, found, 1, "%s %s", job, back)
			require.Equal(t, lasts, found[0].Lasts, "%s %s", job, back)
		}
	}
}
