package remoteread

import (
	"math"
	"slices"
	"sort"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// iterator goes through chunks that do not overlap. XOR chunks are decoded whole, into slices used again for the next
// one; the others are left to the iterators of chunkenc.
type iterator struct {
	series *series
	chunks []chunk            // those to come
	chunk  *chunk             // the current one
	typ    chunkenc.ValueType // of the current sample, ValNone before the first and after the last
	err    error

	ts []int64 // the samples of a XOR chunk, and which of them is the current one
	vs []float64
	i  int

	other  chunkenc.Iterator // over a chunk that is not XOR
	inside bool              // whether the current chunk is that one
}

var _ chunkenc.Iterator = (*iterator)(nil)

func (it *iterator) reset(s *series, chunks []chunk) {
	*it = iterator{
		series: s, chunks: chunks, other: it.other,
		ts: append(it.ts[:0], math.MinInt64), vs: append(it.vs[:0], 0), // what At returns before the first Next
	}
}

// Next implements chunkenc.Iterator.
func (it *iterator) Next() chunkenc.ValueType {
	if it.i+1 < len(it.ts) {
		it.i++
		return chunkenc.ValFloat
	}
	if it.inside {
		if it.typ = it.within(it.other.Next()); it.typ != chunkenc.ValNone {
			return it.typ
		}
	}
	return it.nextChunk(it.series.mint)
}

// milliseconds since the epoch. Under this name go vet does not take Seek for that of io.Seeker.
type milliseconds = int64

// Seek implements chunkenc.Iterator.
func (it *iterator) Seek(t milliseconds) chunkenc.ValueType {
	switch {
	case it.typ == chunkenc.ValNone:
	case it.AtT() >= t:
		return it.typ
	case it.inside:
		if it.typ = it.within(it.other.Seek(t)); it.typ != chunkenc.ValNone {
			return it.typ
		}
	case it.seekFloat(t):
		return it.typ
	}
	it.chunks = it.chunks[sort.Search(len(it.chunks), func(i int) bool { return it.chunks[i].maxt >= t }):]
	return it.nextChunk(t)
}

// nextChunk moves to the first sample at or after t in the chunks to come.
func (it *iterator) nextChunk(t int64) chunkenc.ValueType {
	it.typ, it.inside = chunkenc.ValNone, false
	it.i = max(len(it.ts)-1, 0) // an exhausted iterator stays at its last sample
	for len(it.chunks) > 0 && it.err == nil {
		it.chunk, it.chunks = &it.chunks[0], it.chunks[1:]
		if it.chunk.encoding != uint64(chunkenc.EncXOR) {
			it.typ = it.openOther(t)
		} else if it.ts, it.vs, it.err = it.series.appendChunk(it.ts[:0], it.vs[:0], it.chunk); it.err == nil {
			it.i = 0
			if it.seekFloat(t) {
				it.typ = chunkenc.ValFloat
			}
		}
		if it.typ != chunkenc.ValNone {
			return it.typ
		}
	}
	it.ts, it.vs, it.chunks = it.ts[:0], it.vs[:0], nil
	return chunkenc.ValNone
}

// seekFloat moves forward to the first sample at or after t of a XOR chunk, if it has one.
func (it *iterator) seekFloat(t int64) bool {
	n, _ := slices.BinarySearch(it.ts[it.i:], t)
	if it.i+n == len(it.ts) {
		return false
	}
	it.i += n
	return true
}

// openOther moves to the first sample at or after t of a chunk that is not XOR.
func (it *iterator) openOther(t int64) chunkenc.ValueType {
	it.ts, it.vs, it.i = it.ts[:0], it.vs[:0], 0
	encoding := chunkenc.Encoding(it.chunk.encoding)
	if err := plausible(encoding, it.chunk.data); err != nil {
		it.err = it.series.corrupt(it.chunk, err)
		return chunkenc.ValNone
	}
	c, err := chunkenc.FromData(encoding, it.chunk.data)
	if err != nil {
		it.err = it.series.corrupt(it.chunk, err)
		return chunkenc.ValNone
	}
	it.other, it.inside = c.Iterator(it.other), true
	return it.within(it.other.Seek(t))
}

// within takes the type of the sample at which the iterator of chunkenc arrived, and goes on if the sample is before
// the range asked for.
func (it *iterator) within(typ chunkenc.ValueType) chunkenc.ValueType {
	for ; typ != chunkenc.ValNone; typ = it.other.Next() {
		if t := it.other.AtT(); t > it.series.maxt {
			it.chunks = nil
			return chunkenc.ValNone
		} else if t >= it.series.mint {
			return typ
		}
	}
	if err := it.other.Err(); err != nil {
		it.err = it.series.corrupt(it.chunk, err)
	}
	return chunkenc.ValNone
}

// At implements chunkenc.Iterator.
func (it *iterator) At() (int64, float64) {
	if it.inside {
		return it.other.At()
	}
	return it.ts[it.i], it.vs[it.i]
}

// AtHistogram implements chunkenc.Iterator.
func (it *iterator) AtHistogram(h *histogram.Histogram) (int64, *histogram.Histogram) {
	if !it.inside {
		panic("remoteread: AtHistogram of a float sample")
	}
	return it.other.AtHistogram(h)
}

// AtFloatHistogram implements chunkenc.Iterator.
func (it *iterator) AtFloatHistogram(fh *histogram.FloatHistogram) (int64, *histogram.FloatHistogram) {
	if !it.inside {
		panic("remoteread: AtFloatHistogram of a float sample")
	}
	return it.other.AtFloatHistogram(fh)
}

// AtT implements chunkenc.Iterator.
func (it *iterator) AtT() int64 {
	if it.inside {
		return it.other.AtT()
	}
	return it.ts[it.i]
}

// AtST implements chunkenc.Iterator. XOR chunks have no start timestamps.
func (it *iterator) AtST() int64 {
	if it.inside {
		return it.other.AtST()
	}
	return 0
}

// Err implements chunkenc.Iterator.
func (it *iterator) Err() error { return it.err }
