// Package dedup makes one series of those that several replicas of a Prometheus hold of the same target.
//
// Replicas scrape a target at different moments. A series with the samples of all of them has a wrong rate of samples,
// and a counter in it may seem to fall: a scrape that is late has an older timestamp than its value. So samples come
// from the first replica, and from the next one only in the gaps of the first. Thanos instead stays with a replica
// until that one has a gap. Then the samples depend on where a read begins, which they must not here: results are
// the same after a restart.
package dedup

import (
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

// maxIntervals is how many intervals between samples are looked at to find the usual one (chosen, not tuned).
const maxIntervals = 101

// minSamples is how many samples show the usual interval: of fewer, it may be that over a gap (chosen, not tuned).
const minSamples = 4

// Merge returns a series with the samples of the first one, and in its gaps those of the second one, and so on. It is
// a storage.VerticalSeriesMergeFunc. If two of them hold the same sample beside a gap, they are copies of each other,
// such as a Prometheus and the store it writes to, and no sample of the gap is left out.
func Merge(all ...storage.Series) storage.Series {
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	default:
		return merged(slices.Clone(all)) // the caller may use the slice again
	}
}

// merged is a storage.Series of two or more with the same labels.
type merged []storage.Series

// MemoryBytes returns how much memory the series take that know it. What they are merged into is gone after its use.
func (m merged) MemoryBytes() (bytes int64) {
	for _, s := range m {
		if s, ok := s.(interface{ MemoryBytes() int64 }); ok {
			bytes += s.MemoryBytes()
		}
	}
	return bytes
}

// Labels implements storage.Series.
func (m merged) Labels() labels.Labels { return m[0].Labels() }

// Iterator implements storage.Series. It decodes all samples.
func (m merged) Iterator(chunkenc.Iterator) chunkenc.Iterator {
	var result samples
	for i, s := range m {
		next, err := read(s.Iterator(nil))
		if err != nil {
			return failed{storage.NewListSeriesIterator(samples{}), err}
		}
		if i == 0 {
			result = next
		} else {
			result = fill(result, next)
		}
	}
	return storage.NewListSeriesIteratorWithCopy(result)
}

// failed is an iterator without samples that has failed.
type failed struct {
	chunkenc.Iterator
	err error
}

func (f failed) Err() error { return f.err }

// fill returns the samples of a, and those of b that lie in its gaps, one interval or more away from a sample of a. A
// scrape takes at most one interval, because scrape_timeout is not longer. So at that distance, a counter does not fall
// where the replica changes, however late a scrape was.
func fill(a, b samples) samples {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	var (
		result   = make(samples, 0, max(len(a), len(b)))
		interval = a.interval()
		j        = 0
	)
	if len(a) < minSamples {
		interval = b.interval()
	}
	for i := 0; i <= len(a); i++ { // the gap before a[i]; that after the last sample if there is no a[i]
		from, to := int64(math.MinInt64), int64(math.MaxInt64)
		if i > 0 {
			from = a[i-1].t
		}
		if i < len(a) {
			to = a[i].t
		}
		for j < len(b) && b[j].t <= from {
			j++
		}
		start := j
		for j < len(b) && b[j].t < to {
			j++
		}
		// Samples of b that a has too, on either side.
		copiesBefore := i > 0 && start > 0 && b[start-1].same(a[i-1])
		copiesAfter := i < len(a) && j < len(b) && b[j].same(a[i])
		for k := start; k < j; k++ {
			distance := max(interval, b.intervalAt(k))
			if (i == 0 || copiesBefore || b[k].t-from >= distance) &&
				(i == len(a) || copiesAfter || to-b[k].t >= distance) {
				result = append(result, b[k])
			}
		}
		if i < len(a) {
			result = append(result, a[i])
		}
	}
	return result
}

// sample is a chunks.Sample. One of h and fh is not nil if it is a histogram.
type sample struct {
	t, st int64
	f     float64
	h     *histogram.Histogram
	fh    *histogram.FloatHistogram
}

// T implements chunks.Sample.
func (s *sample) T() int64 { return s.t }

// ST implements chunks.Sample.
func (s *sample) ST() int64 { return s.st }

// F implements chunks.Sample.
func (s *sample) F() float64 { return s.f }

// H implements chunks.Sample.
func (s *sample) H() *histogram.Histogram { return s.h }

// FH implements chunks.Sample.
func (s *sample) FH() *histogram.FloatHistogram { return s.fh }

// Type implements chunks.Sample.
func (s *sample) Type() chunkenc.ValueType {
	switch {
	case s.h != nil:
		return chunkenc.ValHistogram
	case s.fh != nil:
		return chunkenc.ValFloatHistogram
	default:
		return chunkenc.ValFloat
	}
}

// Copy implements chunks.Sample.
func (s *sample) Copy() chunks.Sample {
	c := *s
	if s.h != nil {
		c.h = s.h.Copy()
	}
	if s.fh != nil {
		c.fh = s.fh.Copy()
	}
	return &c
}

// same reports whether two samples are equal, and of the same time.
func (s *sample) same(o sample) bool {
	return s.t == o.t && s.Type() == o.Type() && math.Float64bits(s.f) == math.Float64bits(o.f) &&
		(s.h == nil || s.h.Equals(o.h)) && (s.fh == nil || s.fh.Equals(o.fh))
}

// samples are in order of time. They implement storage.Samples.
type samples []sample

// Get implements storage.Samples.
func (s samples) Get(i int) chunks.Sample { return &s[i] }

// Len implements storage.Samples.
func (s samples) Len() int { return len(s) }

// read decodes what is left in an iterator.
func read(it chunkenc.Iterator) (samples, error) {
	var all samples
	for {
		var s sample
		switch it.Next() {
		case chunkenc.ValFloat:
			s.t, s.f = it.At()
		case chunkenc.ValHistogram:
			s.t, s.h = it.AtHistogram(nil)
		case chunkenc.ValFloatHistogram:
			s.t, s.fh = it.AtFloatHistogram(nil)
		default:
			return all, it.Err()
		}
		s.st = it.AtST()
		all = append(all, s)
	}
}

// interval returns the median interval between samples, or that between some of them, or 0 if there is none.
func (s samples) interval() int64 {
	stride := max(1, len(s)/maxIntervals)
	var intervals []int64
	for i := 1; i < len(s); i += stride {
		intervals = append(intervals, s[i].t-s[i-1].t)
	}
	if len(intervals) == 0 {
		return 0
	}
	slices.Sort(intervals)
	return intervals[len(intervals)/2]
}

// intervalAt returns the shorter interval between a sample and its neighbors, or 0 if it has none.
func (s samples) intervalAt(i int) int64 {
	switch {
	case i > 0 && i+1 < len(s):
		return min(s[i].t-s[i-1].t, s[i+1].t-s[i].t)
	case i > 0:
		return s[i].t - s[i-1].t
	case i+1 < len(s):
		return s[i+1].t - s[i].t
	default:
		return 0
	}
}
