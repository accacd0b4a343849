package join_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/join"
)

// newVector returns a Vector of series that have value 1 at time 1.
func newVector(on []string, series ...labels.Labels) *join.Vector {
	v := join.NewVector(on)
	for _, l := range series {
		v.Add(promql.Series{Metric: l, Floats: []promql.FPoint{{T: 1, F: 1}}})
	}
	return v
}

// names returns the labels of series as text, ascending.
func names(series []join.Series) []string {
	found := []string{}
	for _, s := range series {
		found = append(found, s.Labels.String())
	}
	slices.Sort(found)
	return found
}

func TestVector_MatchesSeriesByTheirLabels(t *testing.T) {
	limit := func(pairs ...string) labels.Labels {
		return labels.FromStrings(append([]string{"__name__", "limit"}, pairs...)...)
	}
	podA, podB := limit("namespace", "shop", "pod", "a", "job", "x"), limit("namespace", "shop", "pod", "b", "job", "x")
	shop := limit("namespace", "shop", "instance", "1")
	ofA := labels.FromStrings("__name__", "memory", "namespace", "shop", "pod", "a", "job", "y", "instance", "1")
	inShop, scraped := labels.FromStrings("namespace", "shop"), limit("job", "x", "instance", "1")
	for _, tc := range []struct {
		name   string
		on     []string
		vector []labels.Labels
		series labels.Labels
		want   []labels.Labels
		joined bool
	}{
		{"the labels that both have", nil, []labels.Labels{podA, podB}, ofA, []labels.Labels{podA}, true},
		{"fewer labels", nil, []labels.Labels{shop}, ofA, []labels.Labels{shop}, true},
		{"several of one kind", nil, []labels.Labels{podA, podB}, inShop, []labels.Labels{podA, podB}, true},
		{"several of different kinds", nil, []labels.Labels{podA, podB, shop}, ofA, []labels.Labels{podA, shop}, true},
		{"another value", nil, []labels.Labels{podA}, labels.FromStrings("namespace", "bar", "pod", "a"), nil, true},
		{"only name, job and instance in common", nil, []labels.Labels{scraped}, scraped, nil, false},
		{"nothing in common", nil, []labels.Labels{podA}, labels.FromStrings("device", "sda"), nil, false},
		{"no series", nil, nil, ofA, nil, true},
		{"on", []string{"namespace"}, []labels.Labels{podA, podB}, ofA, []labels.Labels{podA, podB}, true},
		{"on what is else ignored", []string{"job"}, []labels.Labels{podA, shop}, podB, []labels.Labels{podA}, true},
		{"on what neither has", []string{"zone"}, []labels.Labels{podA}, ofA, []labels.Labels{podA}, true},
		{"on what one of them has", []string{"pod"}, []labels.Labels{shop}, ofA, nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := newVector(tc.on, tc.vector...)
			want := []join.Series{}
			for _, l := range tc.want {
				want = append(want, join.Series{Labels: l})
			}
			for range 2 { // the second time by the index
				found, joined := v.Match(tc.series)
				require.Equal(t, names(want), names(found))
				require.Equal(t, tc.joined, joined)
			}
		})
	}
}

// The index must find what comparing with every series finds.
func TestVector_MatchesAsByComparingAll(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		random := func() labels.Labels {
			b := labels.NewBuilder(labels.EmptyLabels())
			for _, name := range []string{"__name__", "a", "b", "c", "instance", "job"} {
				if r.IntN(2) == 0 {
					b.Set(name, []string{"1", "2", "12", "21"}[r.IntN(4)])
				}
			}
			return b.Labels()
		}
		var on []string
		for _, name := range []string{"a", "c", "job"} {
			if r.IntN(4) == 0 {
				on = append(on, name)
			}
		}
		var all []labels.Labels
		for range r.IntN(8) {
			all = append(all, random())
		}
		v := newVector(on, all...)
		require.Len(t, v.All(), len(all))
		for range 50 {
			l := random()
			found, joined := v.Match(l)
			want, wantJoined := []join.Series{}, len(all) == 0
			for _, other := range all {
				common := on
				if len(on) == 0 {
					for _, name := range []string{"a", "b", "c"} {
						if l.Has(name) && other.Has(name) {
							common = append(common, name)
						}
					}
				}
				differs := func(name string) bool { return l.Get(name) != other.Get(name) }
				wantJoined = wantJoined || len(common) > 0
				if len(common) > 0 && !slices.ContainsFunc(common, differs) {
					want = append(want, join.Series{Labels: other})
				}
			}
			require.Equal(t, names(want), names(found), "seed %d: %s on %v", seed, l, on)
			require.Equal(t, wantJoined, joined, "seed %d: %s on %v", seed, l, on)
		}
	}
}

func TestSeries_HasAValueOnlyWhereThereIsAPoint(t *testing.T) {
	s := join.Series{Points: []promql.FPoint{
		{T: 10, F: 0}, {T: 20, F: math.NaN()}, {T: 30, F: math.Inf(1)}, {T: 50, F: -1},
	}}
	for ts, want := range map[int64]float64{10: 0, 30: math.Inf(1), 50: -1} {
		v, ok := s.At(ts)
		require.True(t, ok, "at %d", ts)
		require.Equal(t, want, v)
	}
	for _, ts := range []int64{9, 11, 20, 40, 51} {
		v, ok := s.At(ts)
		require.False(t, ok, "at %d", ts)
		require.Zero(t, v)
	}
	_, ok := join.Series{}.At(10)
	require.False(t, ok)
}

func TestAny_IsTrueForAnyValueButNaN(t *testing.T) {
	series := []join.Series{
		{Points: []promql.FPoint{{T: 10, F: math.NaN()}, {T: 20, F: 0}}},
		{Points: []promql.FPoint{{T: 30, F: 1}}},
	}
	require.False(t, join.Any(series, 10), "NaN is no value")
	require.True(t, join.Any(series, 20), "0 is one")
	require.True(t, join.Any(series, 30), "of any series")
	require.False(t, join.Any(series, 40))
	require.False(t, join.Any(nil, 20))
}

func TestVector_AtReturnsTheSeriesThatHaveAValue(t *testing.T) {
	v := join.NewVector(nil)
	one, other, third := labels.FromStrings("a", "1"), labels.FromStrings("b", "1"), labels.FromStrings("a", "2")
	v.Add(promql.Series{Metric: one, Floats: []promql.FPoint{{T: 10, F: 0}, {T: 20, F: 1}}})
	v.Add(promql.Series{Metric: other, Floats: []promql.FPoint{{T: 10, F: 1}}})
	v.Add(promql.Series{Metric: third, Floats: []promql.FPoint{{T: 10, F: math.NaN()}}})
	require.ElementsMatch(t, []labels.Labels{one, other}, v.At(10))
	require.Equal(t, []labels.Labels{one}, v.At(20))
	require.Empty(t, v.At(30))
}

func TestVector_CopiesThePoints(t *testing.T) {
	points := []promql.FPoint{{T: 10, F: 1}}
	v := join.NewVector(nil)
	v.Add(promql.Series{Metric: labels.FromStrings("a", "1"), Floats: points})
	points[0].F = 2 // the engine uses its memory again
	got, ok := v.All()[0].At(10)
	require.True(t, ok)
	require.Equal(t, 1.0, got)
}

func TestValues_AreTheSameForTheSameValuesOnly(t *testing.T) {
	by := []string{"a", "b", "c"}
	seen := map[string]string{}
	for _, a := range []string{"", "x", "xy"} {
		for _, b := range []string{"", "x", "yx"} {
			for _, c := range []string{"", "x", "y"} {
				key := join.Values(labels.FromStrings("a", a, "b", b, "c", c, "d", "other"), by)
				require.Empty(t, seen[key])
				seen[key] = fmt.Sprint(a, b, c)
			}
		}
	}
	one := labels.FromStrings("a", "1")
	require.Equal(t, join.Values(one, by), join.Values(labels.FromStrings("a", "1", "z", "2"), by))
}

func TestNames_AreAscending(t *testing.T) {
	require.Equal(t, []string{"__name__", "a", "b"}, join.Names(labels.FromStrings("b", "1", "a", "2", "__name__", "x")))
	require.Empty(t, join.Names(labels.EmptyLabels()))
}

func TestCommon_AreThoseInOnEvenIfAbsent(t *testing.T) {
	l := labels.FromStrings("a", "1", "b", "2", "job", "x")
	require.Equal(t, []string{"a"}, join.Common(nil, []string{"a", "c", "job"}, l))
	require.Empty(t, join.Common(nil, []string{"c"}, l))
	require.Equal(t, []string{"c", "job"}, join.Common([]string{"c", "job"}, []string{"a"}, l))
}

func TestExactVector_MatchesByAllLabels(t *testing.T) {
	shop, bar := labels.FromStrings("job", "shop", "instance", "1"), labels.FromStrings("job", "bar", "instance", "1")
	for _, tc := range []struct {
		name           string
		on             []string
		vector, series labels.Labels
		found, joined  bool
	}{
		{"the same job", nil, shop, shop, true, true},
		{"another job", nil, shop, bar, false, true},
		{"fewer labels", nil, labels.FromStrings("job", "shop"), shop, true, true},
		{"more labels", nil, shop, labels.FromStrings("job", "shop"), true, true},
		{
			"another name", nil, labels.FromStrings("__name__", "x", "job", "shop"),
			labels.FromStrings("__name__", "y", "job", "shop"), true, true,
		},
		{"no labels", nil, labels.EmptyLabels(), shop, true, true},
		{"nothing in common", nil, shop, labels.FromStrings("pod", "a"), false, false},
		{"on", []string{"instance"}, shop, bar, true, true},
	} {
		v := join.NewExactVector(tc.on)
		v.Add(promql.Series{Metric: tc.vector, Floats: []promql.FPoint{{T: 1, F: 1}}})
		found, joined := v.Match(tc.series)
		require.Equal(t, tc.found, len(found) == 1, tc.name)
		require.Equal(t, tc.joined, joined, tc.name)
	}
}
