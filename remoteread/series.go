package remoteread

import (
	"fmt"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread/chunk"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/limit"
)

// series is a storage.Series of compressed chunks.
type series struct {
	client     *Client
	labels     labels.Labels
	mint, maxt int64 // the range asked for: samples of its chunks outside of it are left out
	chunks     []chunk.Chunk

	// nonOverlapping are the chunks as sequences without overlaps, to be merged sample by sample; nil if the chunks
	// are one such sequence.
	nonOverlapping [][]chunk.Chunk
}

var _ storage.Series = (*series)(nil)

// finish is called when all chunks are there.
func (s *series) finish() { s.nonOverlapping = chunk.NonOverlapping(s.chunks) }

// MemoryBytes returns how much memory the series takes, approximately.
func (s *series) MemoryBytes() int64 {
	bytes := limit.Series + s.labels.ByteSize()
	for i := range s.chunks {
		bytes += limit.Chunk + uint64(len(s.chunks[i].Data))
	}
	return int64(bytes)
}

// Labels implements storage.Series.
func (s *series) Labels() labels.Labels { return s.labels }

// Iterator implements storage.Series.
func (s *series) Iterator(it chunkenc.Iterator) chunkenc.Iterator {
	if len(s.nonOverlapping) < 2 {
		own, ok := it.(*seriesIterator)
		if !ok {
			own = &seriesIterator{}
		}
		own.reset(s, s.chunks)
		return own
	}
	iterators := make([]chunkenc.Iterator, len(s.nonOverlapping))
	for i, chunks := range s.nonOverlapping {
		own := &seriesIterator{}
		own.reset(s, chunks)
		iterators[i] = own
	}
	return storage.ChainSampleIteratorFromIterators(it, iterators)
}

// seriesIterator iterates over chunks of a series. It makes *Errors of what it fails with.
type seriesIterator struct {
	chunk.Iterator

	series *series
	err    *Error // that of the chunk.Iterator, once it has been counted
}

func (it *seriesIterator) reset(s *series, chunks []chunk.Chunk) {
	it.Reset(chunks, s.mint, s.maxt)
	it.series, it.err = s, nil
}

// Err implements chunkenc.Iterator.
func (it *seriesIterator) Err() error {
	err := it.Iterator.Err()
	if err == nil {
		return nil
	}
	if it.err == nil {
		it.err = it.series.client.fail(&Error{
			Reason: reasonMalformed,
			Err:    fmt.Errorf("series %s: %w", it.series.labels, err),
		})
	}
	return it.err
}

// seriesMerger merges the series that have the same labels.
type seriesMerger struct {
	all      []*series
	byLabels map[string]*series
	key      []byte
}

// add takes series over: their chunks are appended to those of a series with the same labels, if there is one.
func (m *seriesMerger) add(more []*series) {
	if m.byLabels == nil {
		m.byLabels = make(map[string]*series, len(more))
	}
	for _, s := range more {
		m.key = s.labels.Bytes(m.key)
		if first, ok := m.byLabels[string(m.key)]; ok {
			first.chunks = append(first.chunks, s.chunks...)
			continue
		}
		m.byLabels[string(m.key)] = s
		m.all = append(m.all, s)
	}
}

// finish returns the merged series, in the order in which their labels first came.
func (m *seriesMerger) finish() []*series {
	for _, s := range m.all {
		s.finish()
	}
	return m.all
}
