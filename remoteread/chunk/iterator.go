package chunk

import (
	"math"
	"slices"
	"sort"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// Iterator iterates over chunks that do not overlap, and leaves out samples outside a range of time. The zero
// Iterator has no samples. XOR chunks are decoded whole, into slices that are reused for the next chunk; the other
// encodings are left to the iterators of chunkenc.
type Iterator struct {
	mint, maxt int64
	chunks     []Chunk            // those after the current one
	chunk      *Chunk             // the current one
	typ        chunkenc.ValueType // of the current sample, ValNone before the first and after the last
	err        error

	ts []int64 // the samples of an XOR chunk; i is the index of the current one
	vs []float64
	i  int

	other   chunkenc.Iterator // over a chunk that is not XOR
	inOther bool              // whether the current chunk is that one
}

var _ chunkenc.Iterator = (*Iterator)(nil)

// Reset starts over with other chunks and another range, from mint to maxt, both included, in milliseconds since the
// epoch. The memory of the decoded samples is reused.
func (it *Iterator) Reset(chunks []Chunk, mint, maxt int64) {
	*it = Iterator{
		mint: mint, maxt: maxt, chunks: chunks, other: it.other,
		ts: append(it.ts[:0], math.MinInt64), vs: append(it.vs[:0], 0), // what At returns before the first Next
	}
}

// Next implements chunkenc.Iterator.
func (it *Iterator) Next() chunkenc.ValueType {
	if it.i+1 < len(it.ts) {
		it.i++
		return chunkenc.ValFloat
	}
	if it.inOther {
		if it.typ = it.skipOutside(it.other.Next()); it.typ != chunkenc.ValNone {
			return it.typ
		}
	}
	return it.nextChunk(it.mint)
}

// milliseconds since the epoch. With this name for the type, go vet does not mistake Seek for that of io.Seeker.
type milliseconds = int64

// Seek implements chunkenc.Iterator.
func (it *Iterator) Seek(t milliseconds) chunkenc.ValueType {
	switch {
	case it.typ == chunkenc.ValNone:
	case it.AtT() >= t:
		return it.typ
	case it.inOther:
		if it.typ = it.skipOutside(it.other.Seek(t)); it.typ != chunkenc.ValNone {
			return it.typ
		}
	case it.seekFloat(t):
		return it.typ
	}
	it.chunks = it.chunks[sort.Search(len(it.chunks), func(i int) bool { return it.chunks[i].MaxTime >= t }):]
	return it.nextChunk(t)
}

// nextChunk moves to the first sample at or after t in the chunks after the current one.
func (it *Iterator) nextChunk(t int64) chunkenc.ValueType {
	it.typ, it.inOther = chunkenc.ValNone, false
	for len(it.chunks) > 0 && it.err == nil {
		it.chunk, it.chunks = &it.chunks[0], it.chunks[1:]
		if it.chunk.Encoding != chunkenc.EncXOR {
			it.typ = it.openOther(t)
		} else if it.err = it.openXOR(); it.err == nil && it.seekFloat(t) {
			it.typ = chunkenc.ValFloat
		}
		if it.typ != chunkenc.ValNone {
			return it.typ
		}
	}
	it.ts, it.vs, it.chunks = it.ts[:0], it.vs[:0], nil
	return chunkenc.ValNone
}

// openXOR decodes an XOR chunk and keeps the samples within the range.
func (it *Iterator) openXOR() (err error) {
	it.i = 0
	if it.ts, it.vs, err = appendXOR(it.ts[:0], it.vs[:0], it.chunk.Data); err != nil {
		return it.chunk.corrupt(err)
	}
	// Not by binary search: nothing holds the times of a chunk from the network in order.
	last := len(it.ts)
	for last > 0 && it.ts[last-1] > it.maxt {
		last--
	}
	first := 0
	for first < last && it.ts[first] < it.mint {
		first++
	}
	it.ts, it.vs = slices.Delete(it.ts[:last], 0, first), slices.Delete(it.vs[:last], 0, first)
	return nil
}

// seekFloat moves forward to the first sample at or after t of an XOR chunk, if there is one.
func (it *Iterator) seekFloat(t int64) bool {
	n, _ := slices.BinarySearch(it.ts[it.i:], t)
	if it.i+n == len(it.ts) {
		return false
	}
	it.i += n
	return true
}

// openOther moves to the first sample at or after t of a chunk that is not XOR.
func (it *Iterator) openOther(t int64) chunkenc.ValueType {
	it.ts, it.vs, it.i = it.ts[:0], it.vs[:0], 0
	if err := validate(it.chunk.Encoding, it.chunk.Data); err != nil {
		it.err = it.chunk.corrupt(err)
		return chunkenc.ValNone
	}
	c, err := chunkenc.FromData(it.chunk.Encoding, it.chunk.Data)
	if err != nil {
		it.err = it.chunk.corrupt(err)
		return chunkenc.ValNone
	}
	it.other, it.inOther = c.Iterator(it.other), true
	return it.skipOutside(it.other.Seek(t))
}

// skipOutside takes the type of the sample at which the iterator of chunkenc stands, and returns that of the first
// sample from there on that is within the range.
func (it *Iterator) skipOutside(typ chunkenc.ValueType) chunkenc.ValueType {
	for ; typ != chunkenc.ValNone; typ = it.other.Next() {
		if t := it.other.AtT(); t > it.maxt {
			it.chunks = nil
			return chunkenc.ValNone
		} else if t >= it.mint {
			return typ
		}
	}
	if err := it.other.Err(); err != nil {
		it.err = it.chunk.corrupt(err)
	}
	return chunkenc.ValNone
}

// At implements chunkenc.Iterator.
func (it *Iterator) At() (int64, float64) {
	if it.inOther {
		return it.other.At()
	}
	return it.ts[it.i], it.vs[it.i]
}

// AtHistogram implements chunkenc.Iterator.
func (it *Iterator) AtHistogram(h *histogram.Histogram) (int64, *histogram.Histogram) {
	if !it.inOther {
		panic("chunk: AtHistogram of a float sample")
	}
	return it.other.AtHistogram(h)
}

// AtFloatHistogram implements chunkenc.Iterator.
func (it *Iterator) AtFloatHistogram(fh *histogram.FloatHistogram) (int64, *histogram.FloatHistogram) {
	if !it.inOther {
		panic("chunk: AtFloatHistogram of a float sample")
	}
	return it.other.AtFloatHistogram(fh)
}

// AtT implements chunkenc.Iterator.
func (it *Iterator) AtT() int64 {
	if it.inOther {
		return it.other.AtT()
	}
	return it.ts[it.i]
}

// AtST implements chunkenc.Iterator. XOR chunks have no start timestamps.
func (it *Iterator) AtST() int64 {
	if it.inOther {
		return it.other.AtST()
	}
	return 0
}

// Err implements chunkenc.Iterator.
func (it *Iterator) Err() error { return it.err }
