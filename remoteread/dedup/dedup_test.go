package dedup_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread/dedup"
)

// point is a sample of a replica, whose number is the value.
type point struct {
	t int64
	v float64
}

// every returns samples from start to end, which is excluded, with the same value.
func every(interval, start, end int64, v float64) []point {
	var all []point
	for t := start; t < end; t += interval {
		all = append(all, point{t, v})
	}
	return all
}

// sample is a chunks.Sample: a float, or an integer histogram.
type sample struct {
	point
	h *histogram.Histogram
}

func (s sample) T() int64                      { return s.t }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.v }
func (s sample) H() *histogram.Histogram       { return s.h }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Copy() chunks.Sample           { return s }
func (s sample) Type() chunkenc.ValueType {
	if s.h != nil {
		return chunkenc.ValHistogram
	}
	return chunkenc.ValFloat
}

func series(points []point) storage.Series {
	var all []chunks.Sample
	for _, p := range points {
		all = append(all, sample{point: p})
	}
	return storage.NewListSeries(labels.FromStrings(labels.MetricName, "x"), all)
}

func merge(t *testing.T, replicas ...[]point) []point {
	t.Helper()
	var all []storage.Series
	for _, r := range replicas {
		all = append(all, series(r))
	}
	merged := dedup.Merge(all...)
	require.Equal(t, all[0].Labels(), merged.Labels())
	var got []point
	it := merged.Iterator(nil)
	for it.Next() == chunkenc.ValFloat {
		at, v := it.At()
		got = append(got, point{at, v})
	}
	require.NoError(t, it.Err())
	return got
}

func TestMerge_TakesTheNextReplicaInGaps(t *testing.T) {
	for _, tc := range []struct {
		name     string
		replicas [][]point
		want     []point
	}{
		{
			name:     "without a gap, the first replica alone",
			replicas: [][]point{every(15, 0, 150, 1), every(15, 7, 150, 2), every(15, 3, 150, 3)},
			want:     every(15, 0, 150, 1),
		},
		{
			name:     "one missed scrape is none",
			replicas: [][]point{slices.Concat(every(15, 0, 60, 1), every(15, 75, 150, 1)), every(15, 7, 150, 2)},
			want:     slices.Concat(every(15, 0, 60, 1), every(15, 75, 150, 1)),
		},
		{
			name:     "at a distance of an interval",
			replicas: [][]point{slices.Concat(every(15, 0, 60, 1), every(15, 150, 300, 1)), every(15, 7, 300, 2)},
			want:     slices.Concat(every(15, 0, 60, 1), every(15, 67, 128, 2), every(15, 150, 300, 1)),
		},
		{
			name:     "before the first sample and after the last one",
			replicas: [][]point{every(15, 150, 300, 1), every(15, 7, 450, 2)},
			want:     slices.Concat(every(15, 7, 128, 2), every(15, 150, 300, 1), every(15, 307, 450, 2)),
		},
		{
			name: "gaps at different times, of three",
			replicas: [][]point{
				slices.Concat(every(10, 0, 100, 1), every(10, 500, 600, 1)),
				slices.Concat(every(10, 5, 200, 2), every(10, 405, 600, 2)),
				every(10, 8, 600, 3),
			},
			want: slices.Concat(
				every(10, 0, 100, 1), every(10, 105, 200, 2), every(10, 208, 390, 3), every(10, 405, 490, 2),
				every(10, 500, 600, 1),
			),
		},
		{
			name:     "a faster replica does not fill a slower one",
			replicas: [][]point{every(60, 0, 600, 1), every(15, 7, 600, 2)},
			want:     every(60, 0, 600, 1),
		},
		{
			name: "nor do replicas that changed their interval fill each other",
			replicas: [][]point{
				slices.Concat(every(15, 0, 1500, 1), every(60, 1500, 2100, 1)),
				slices.Concat(every(15, 7, 1500, 2), every(60, 1507, 2100, 2)),
			},
			want: slices.Concat(every(15, 0, 1500, 1), every(60, 1500, 2100, 1)),
		},
		{
			name:     "a copy with a longer past is continued without a seam",
			replicas: [][]point{every(15, 150, 300, 1), every(15, 0, 240, 1)},
			want:     every(15, 0, 300, 1),
		},
		{
			name:     "a copy fills a gap completely",
			replicas: [][]point{slices.Concat(every(15, 0, 60, 1), every(15, 150, 300, 1)), every(15, 0, 300, 1)},
			want:     every(15, 0, 300, 1),
		},
		{name: "nothing in the first", replicas: [][]point{nil, every(15, 0, 60, 2)}, want: every(15, 0, 60, 2)},
		{name: "nothing in the second", replicas: [][]point{every(15, 0, 60, 1), nil}, want: every(15, 0, 60, 1)},
		{name: "single samples", replicas: [][]point{{{10, 1}}, {{10, 2}}}, want: []point{{10, 1}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, merge(t, tc.replicas...))
		})
	}
}

// A read that begins later or ends earlier has the same samples, as long as it begins and ends where the first replica
// has samples.
func TestMerge_DoesNotDependOnTheRange(t *testing.T) {
	first := slices.Concat(every(15, 0, 600, 1), every(15, 1200, 1800, 1), every(15, 2400, 3000, 1))
	second := slices.Concat(every(15, 7, 1000, 2), every(15, 1100, 3000, 2))
	whole := merge(t, first, second)
	within := func(points []point, from, to int64) []point {
		return slices.DeleteFunc(slices.Clone(points), func(p point) bool { return p.t < from || p.t > to })
	}
	for _, from := range []int64{0, 150, 600 - 15} {
		for _, to := range []int64{1200, 1500, 2985} {
			require.Equal(t, within(whole, from, to), merge(t, within(first, from, to), within(second, from, to)))
		}
	}
}

// A scrape that is late has an older timestamp than its value. Merged by time, such a counter would fall.
func TestMerge_KeepsCountersFromFalling(t *testing.T) {
	const interval = 15_000
	var a, b []point
	for i := range int64(400) {
		at := i * interval
		if i/20%3 != 1 { // gaps of five minutes
			a = append(a, point{at, float64(at + 10_000*(i%2))}) // each second scrape is ten seconds late
		}
		b = append(b, point{at + 10, float64(at + 10)})
	}
	got := merge(t, a, b)
	require.Greater(t, len(got), 350)
	for i := 1; i < len(got); i++ {
		require.Greater(t, got[i].v, got[i-1].v)
	}
}

func TestMerge_KeepsHistograms(t *testing.T) {
	var all []chunks.Sample
	for i := range int64(100) {
		all = append(all, sample{point: point{t: i * 15}, h: tsdbutil.GenerateTestHistogram(i)})
	}
	merged := dedup.Merge(
		storage.NewListSeries(labels.EmptyLabels(), slices.Concat(all[:20], all[60:])),
		storage.NewListSeries(labels.EmptyLabels(), all), // a copy without a gap
	)
	it := merged.Iterator(nil)
	for _, want := range all {
		require.Equal(t, chunkenc.ValHistogram, it.Next())
		at, h := it.AtHistogram(nil)
		require.Equal(t, want.T(), at)
		require.Equal(t, want.H().Count, h.Count)
	}
	require.Equal(t, chunkenc.ValNone, it.Next())
}

func TestMerge_FailsIfOneReplicaFails(t *testing.T) {
	broken := errors.New("broken")
	failing := &storage.SeriesEntry{SampleIteratorFn: func(chunkenc.Iterator) chunkenc.Iterator {
		return failingIterator{storage.NewListSeries(labels.EmptyLabels(), nil).Iterator(nil), broken}
	}}
	it := dedup.Merge(series(every(15, 0, 150, 1)), failing).Iterator(nil)
	require.Equal(t, chunkenc.ValNone, it.Next())
	require.ErrorIs(t, it.Err(), broken)
}

type failingIterator struct {
	chunkenc.Iterator
	err error
}

func (f failingIterator) Err() error { return f.err }
