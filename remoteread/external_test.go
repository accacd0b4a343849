package remoteread_test

import (
	"context"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// queueServer starts a Prometheus with series of the metric queue, an hour of the values 0, 1 and so on.
func queueServer(t testing.TB, config string, lsets ...labels.Labels) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, servers.WriteBlocks(dir, func(yield func(servers.Series) bool) {
		for i, lset := range lsets {
			named := labels.NewBuilder(lset).Set(labels.MetricName, "queue").Labels()
			constant := func(yield func(int64, float64) bool) {
				for ts := dataTime; ts < dataTime+hour && yield(ts, float64(i)); ts += minute {
				}
			}
			if !yield(servers.Series{Labels: named, Samples: constant}) {
				return
			}
		}
	}))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p, err := servers.StartPrometheus(ctx, servers.PrometheusOptions{Dir: dir, Config: config})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop()) })
	return p.URL() + "/api/v1/read"
}

// requireQueues compares what streamed and sampled answers hold: the values by labels, each from beginning to end.
func requireQueues(t *testing.T, want map[string]float64, o remoteread.Options, matchers ...*labels.Matcher) {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	matchers = append(matchers, metric("queue"))
	for kind, httpClient := range map[string]*http.Client{
		"streamed": {Transport: transport}, "sampled": {Transport: &samplesOnly{next: transport}},
	} {
		o.HTTPClient = httpClient
		client := newClient(t, o)
		got := map[string]float64{}
		for lset, samples := range readAll(t, client, dataTime, dataTime+hour, matchers...) {
			require.Len(t, samples, 60, "%s: %s", kind, lset)
			for _, s := range samples {
				require.Equal(t, samples[0].value, s.value, "%s: %s is a mixture", kind, lset)
			}
			got[lset] = floatOf(t, samples[0])
		}
		require.Equal(t, want, got, kind)
		requireSorted(t, client, slices.Collect(maps.Keys(want)), matchers...)
	}
}

// requireSorted reads what has to be sorted.
func requireSorted(t *testing.T, q storage.Queryable, want []string, matchers ...*labels.Matcher) {
	t.Helper()
	querier, err := q.Querier(dataTime, dataTime+hour)
	require.NoError(t, err)
	defer querier.Close()
	set := querier.Select(context.Background(), true, nil, matchers...)
	var (
		got  []string
		last labels.Labels
	)
	for set.Next() {
		require.Negative(t, labels.Compare(last, set.At().Labels()))
		last = set.At().Labels()
		got = append(got, last.String())
	}
	require.NoError(t, set.Err())
	require.ElementsMatch(t, want, got)
}

// floatOf returns the float of a sample.
func floatOf(t *testing.T, s sample) float64 {
	t.Helper()
	bits, err := strconv.ParseUint(s.value, 16, 64)
	require.NoError(t, err)
	return math.Float64frombits(bits)
}

func TestClient_ReadsSeriesThatCarryAnExternalLabel(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a Prometheus")
	}
	url := queueServer(t, "global: {external_labels: {cluster: eu1, replica: a}}",
		labels.FromStrings("name", "a"),
		labels.FromStrings("name", "a", "cluster", "eu1"),
		labels.FromStrings("name", "b", "cluster", "eu1"),
		labels.FromStrings("name", "c", "cluster", "eu2"),
		labels.FromStrings("name", "a", "replica", "a"),
		labels.FromStrings("name", "a", "cluster", "eu1", "replica", "a"),
		labels.FromStrings("name", "a", "cluster", "eu2", "replica", "b"),
		labels.FromStrings("name", "d"),
		labels.FromStrings("name", "e", "cluster", "eu.1"),
	)
	all := map[string]float64{
		`{__name__="queue", name="a"}`:                             0,
		`{__name__="queue", cluster="eu1", name="a"}`:              1,
		`{__name__="queue", cluster="eu1", name="b"}`:              2,
		`{__name__="queue", cluster="eu2", name="c"}`:              3,
		`{__name__="queue", name="a", replica="a"}`:                4,
		`{__name__="queue", cluster="eu1", name="a", replica="a"}`: 5,
		`{__name__="queue", cluster="eu2", name="a", replica="b"}`: 6,
		`{__name__="queue", name="d"}`:                             7,
		`{__name__="queue", cluster="eu.1", name="e"}`:             8,
	}
	// of returns some of the values of all, by their labels without the name of the metric.
	of := func(values ...float64) map[string]float64 {
		some := maps.Clone(all)
		maps.DeleteFunc(some, func(_ string, v float64) bool { return !slices.Contains(values, v) })
		return some
	}
	with := func(some, more map[string]float64) map[string]float64 {
		maps.Copy(some, more)
		return some
	}
	for _, tc := range []struct {
		name     string
		matchers []*labels.Matcher
		want     map[string]float64
	}{
		{name: "as they are stored", want: all},
		{
			name:     "the value of the server selects both kinds, and the stored one wins",
			matchers: []*labels.Matcher{equals("cluster", "eu1")},
			want:     with(of(1, 2, 5), map[string]float64{`{__name__="queue", cluster="eu1", name="d"}`: 7}),
		},
		{
			name:     "another value selects those that carry it",
			matchers: []*labels.Matcher{equals("cluster", "eu2")},
			want:     of(3, 6),
		},
		{
			name:     "a regular expression selects both kinds",
			matchers: []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, "cluster", "eu[12]")},
			want:     with(of(1, 2, 3, 5, 6), map[string]float64{`{__name__="queue", cluster="eu1", name="d"}`: 7}),
		},
		{
			name:     "no value selects those that lack it",
			matchers: []*labels.Matcher{equals("cluster", "")},
			want:     of(0, 4, 7),
		},
		{
			name:     "not the value of the server selects those that lack it, too",
			matchers: []*labels.Matcher{labels.MustNewMatcher(labels.MatchNotEqual, "cluster", "eu1")},
			want:     of(0, 3, 4, 6, 7, 8),
		},
		{
			name:     "two labels",
			matchers: []*labels.Matcher{equals("cluster", "eu1"), equals("replica", "a")},
			want: map[string]float64{
				`{__name__="queue", cluster="eu1", name="a", replica="a"}`: 5,
				`{__name__="queue", cluster="eu1", name="b", replica="a"}`: 2,
				`{__name__="queue", cluster="eu1", name="d", replica="a"}`: 7,
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			requireQueues(t, tc.want, remoteread.Options{URL: url, ExternalLabels: externalLabels}, tc.matchers...)
		})
	}
}

// A federation: its own series lack the label, and all that it federates carry it.
func TestClient_ReadsServersWhoseSeriesAllCarryTheLabel(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a Prometheus")
	}
	url := queueServer(t, "global: {external_labels: {cluster: all}}",
		labels.FromStrings("cluster", "eu1"), labels.FromStrings("cluster", "eu2"), labels.FromStrings("cluster", "all"))
	o := remoteread.Options{URL: url, ExternalLabels: labels.FromStrings("cluster", "all")}
	requireQueues(t, map[string]float64{
		`{__name__="queue", cluster="eu1"}`: 0,
		`{__name__="queue", cluster="eu2"}`: 1,
		`{__name__="queue", cluster="all"}`: 2,
	}, o)
	requireQueues(t, map[string]float64{`{__name__="queue", cluster="all"}`: 2}, o, equals("cluster", "all"))
}

// BenchmarkParts reads one series from a server with none to six external labels, which the series lacks.
func BenchmarkParts(b *testing.B) {
	lsets := make([]labels.Labels, 10_000)
	for i := range lsets {
		lsets[i] = labels.FromStrings("name", strconv.Itoa(i))
	}
	url := queueServer(b, "", lsets...)
	for _, n := range []int{0, 1, 2, 3, 6} {
		external := labels.NewBuilder(labels.EmptyLabels())
		for i := range n {
			external.Set("external"+strconv.Itoa(i), "x")
		}
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			client, err := remoteread.New(remoteread.Options{
				URL: url, ExternalLabels: external.Labels(), HTTPClient: &http.Client{Transport: transport},
			})
			require.NoError(b, err)
			querier, err := client.Querier(dataTime, dataTime+hour-1)
			require.NoError(b, err)
			defer querier.Close()
			matchers := []*labels.Matcher{equals("name", "77"), labels.MustNewMatcher(labels.MatchRegexp, "__name__", "q.+e")}
			for b.Loop() {
				set := querier.Select(b.Context(), false, nil, matchers...)
				require.True(b, set.Next())
				require.False(b, set.Next())
				require.NoError(b, set.Err())
			}
		})
	}
}
