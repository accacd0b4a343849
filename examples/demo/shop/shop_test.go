package shop_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"math"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/examples/demo/shop"
)

var anchor = time.Date(2026, 3, 29, 2, 30, 17, 0, time.UTC)

const fortnight = 14 * 24 * time.Hour

func name(s *shop.Series) string { return s.Labels.Get(labels.MetricName) }

func TestShop_DependsOnlyOnTheAnchor(t *testing.T) {
	if testing.Short() {
		t.Skip("generates two weeks of data")
	}
	one, same, later := shop.New(anchor), shop.New(anchor), shop.New(anchor.Add(1234*time.Hour))
	require.Equal(t, anchor.Truncate(time.Minute).Unix(), one.Anchor().Unix())
	require.Len(t, same.Series(), len(one.Series()))
	for i, s := range one.Series() {
		require.Equal(t, s.Labels, same.Series()[i].Labels)
		require.Equal(t, s.Labels, later.Series()[i].Labels)
		for _, since := range []time.Duration{
			30 * time.Hour, -fortnight, -time.Hour, 0, 17 * time.Second, -5 * 24 * time.Hour,
		} {
			want, ok := s.At(one.Anchor().Add(since))
			// Another shop, and one with another anchor, have the same values.
			for _, other := range []*shop.Shop{same, later} {
				got, alive := other.Series()[i].At(other.Anchor().Add(since))
				require.Equal(t, ok, alive)
				require.Equal(t, want, got, "%s %s", s.Labels, since)
			}
		}
	}
}

func TestSeries_AreUniqueAndFew(t *testing.T) {
	s := shop.New(anchor)
	seen := map[string]bool{}
	live := 0
	for _, one := range s.Series() {
		require.False(t, seen[one.Labels.String()], one.Labels)
		seen[one.Labels.String()] = true
		if _, ok := one.At(s.Anchor()); ok {
			live++
		}
	}
	require.InDelta(t, 200, live, 20)
	require.Less(t, len(s.Series()), 1000)
}

func TestSeries_SamplesEqualAt(t *testing.T) {
	if testing.Short() {
		t.Skip("generates two weeks of data")
	}
	s := shop.New(anchor)
	from, to := s.Anchor().Add(-fortnight), s.Anchor().Add(time.Minute)
	for _, one := range s.Series() {
		n := 0
		for ts, v := range one.Samples(from, to, 7*time.Minute) {
			require.Zero(t, ts%(7*time.Minute).Milliseconds())
			want, ok := one.At(time.UnixMilli(ts))
			require.True(t, ok)
			require.Equal(t, want, v)
			n++
		}
		require.NotZero(t, n, one.Labels)
	}
}

// A counter falls only when its container restarts.
func TestSeries_CountersResetOnlyAtRestarts(t *testing.T) {
	if testing.Short() {
		t.Skip("generates two weeks of data")
	}
	s := shop.New(anchor)
	from, to := s.Anchor().Add(-fortnight), s.Anchor().Add(6*time.Hour)
	restarts := map[string]*shop.Series{}
	for _, one := range s.Series() {
		if name(one) == "kube_pod_container_status_restarts_total" {
			restarts[one.Labels.Get("pod")] = one
		}
	}
	fell := map[string]bool{}
	for _, one := range s.Series() {
		if !strings.HasSuffix(name(one), "_total") && !strings.Contains(name(one), "_seconds_") {
			continue
		}
		last := math.NaN()
		for ts, v := range one.Samples(from, to, 5*time.Minute) {
			if v < last {
				pod := one.Labels.Get("pod")
				require.NotEqual(t, "kube_pod_container_status_restarts_total", name(one))
				before, _ := restarts[pod].At(time.UnixMilli(ts).Add(-5 * time.Minute))
				after, _ := restarts[pod].At(time.UnixMilli(ts))
				require.Greater(t, after, before, "%s at %d", one.Labels, ts)
				fell[one.Labels.Get("job")] = true
			}
			last = v
		}
	}
	require.ElementsMatch(t, []string{"frontend", "api", "payments", "redis"}, slices.Collect(maps.Keys(fell)))
}

func TestSeries_HistogramsAreCumulative(t *testing.T) {
	s := shop.New(anchor)
	for _, since := range []time.Duration{-fortnight + time.Hour, -time.Hour, 0, time.Hour} {
		at := s.Anchor().Add(since)
		type bucket struct{ le, count float64 }
		buckets, counts := map[string][]bucket{}, map[string]float64{}
		for _, one := range s.Series() {
			v, ok := one.At(at)
			if !ok {
				continue
			}
			pod := one.Labels.Get("pod")
			switch name(one) {
			case "http_request_duration_seconds_bucket":
				le, err := strconv.ParseFloat(one.Labels.Get("le"), 64)
				require.NoError(t, err)
				buckets[pod] = append(buckets[pod], bucket{le, v})
			case "http_request_duration_seconds_count":
				counts[pod] = v
			}
		}
		require.Len(t, buckets, 12)
		for pod, all := range buckets {
			slices.SortFunc(all, func(a, b bucket) int {
				if a.le < b.le {
					return -1
				}
				return 1
			})
			require.True(t, slices.IsSortedFunc(all, func(a, b bucket) int { return int(a.count - b.count) }), pod)
			require.Equal(t, counts[pod], all[len(all)-1].count, "le=+Inf of %s", pod)
			require.Positive(t, counts[pod])
		}
	}
}

// The parser of Prometheus reads all series, with the types of their metrics.
func TestExpose_IsWhatPrometheusParses(t *testing.T) {
	s := shop.New(anchor)
	var b bytes.Buffer
	require.NoError(t, s.Expose(&b, s.Anchor()))

	served := map[string]float64{}
	types := map[string]string{}
	p := textparse.NewPromParser(b.Bytes(), labels.NewSymbolTable(), false)
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch entry {
		case textparse.EntryType:
			n, kind := p.Type()
			require.NotContains(t, types, string(n), "the family is in one piece")
			types[string(n)] = string(kind)
		case textparse.EntrySeries:
			_, _, v := p.Series()
			var lset labels.Labels
			p.Labels(&lset)
			served[lset.String()] = v
		}
	}
	want := map[string]float64{}
	for _, one := range s.Series() {
		if v, ok := one.At(s.Anchor()); ok {
			want[one.Labels.String()] = v
		}
	}
	for lset, v := range want {
		require.Equal(t, v, served[lset], lset)
	}
	require.Len(t, served, len(want))
	require.Equal(t, "histogram", types["http_request_duration_seconds"])
	require.Equal(t, "counter", types["http_requests_total"])
	require.Equal(t, "gauge", types["container_memory_working_set_bytes"])
	require.Len(t, types, 10)

	rec := httptest.NewRecorder()
	shop.New(time.Now()).ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	require.Equal(t, "text/plain; version=0.0.4; charset=utf-8", rec.Header().Get("Content-Type"))
}

func TestStory_IsInOrder(t *testing.T) {
	story := shop.Story()
	require.Len(t, story, 5)
	require.True(t, slices.IsSortedFunc(story, func(a, b shop.Trouble) int { return int(a.Starts - b.Starts) }))
	last := story[len(story)-1]
	require.Equal(t, 15*time.Minute, last.Starts, "the peak is due within the hour")
}

// The leak of the story began with a roll-out, which kube-state-metrics tells of.
func TestStory_LeakBeganWithARollOut(t *testing.T) {
	s := shop.New(anchor)
	began := s.Anchor().Add(shop.Story()[0].Starts)
	i := slices.IndexFunc(s.Series(), func(one *shop.Series) bool {
		return name(one) == "kube_deployment_status_observed_generation" && one.Labels.Get("deployment") == "payments"
	})
	require.GreaterOrEqual(t, i, 0)
	before, _ := s.Series()[i].At(began.Add(-time.Second))
	after, _ := s.Series()[i].At(began)
	require.Equal(t, before+1, after)
}

func BenchmarkFortnight(b *testing.B) {
	for b.Loop() {
		s := shop.New(anchor)
		for _, one := range s.Series() {
			for range one.Samples(s.Anchor().Add(-fortnight), s.Anchor(), 30*time.Second) {
			}
		}
	}
}
