package remoteread

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// chunk is a compressed piece of a series, of times from mint to maxt. Behind its data are chunkPadding bytes.
type chunk struct {
	mint, maxt int64
	encoding   uint64 // a chunkenc.Encoding once it is known to be one
	data       []byte
}

// numSamples is how many samples a chunk has: in all encodings the first two bytes.
func numSamples(data []byte) int {
	if len(data) < 2 {
		return 0
	}
	return int(binary.BigEndian.Uint16(data))
}

// packed returns a copy of the chunks, with their data, size bytes in all, in one piece of memory of their own.
func packed(chunks []chunk, size int) []chunk {
	memory := make([]byte, 0, size+chunkPadding)
	chunks = slices.Clone(chunks)
	for i, c := range chunks {
		start := len(memory)
		memory = append(memory, c.data...)
		chunks[i].data = memory[start:]
	}
	return chunks
}

// series is a storage.Series of compressed chunks.
type series struct {
	client     *Client
	labels     labels.Labels
	mint, maxt int64   // samples outside are not asked for
	chunks     []chunk // in the order of time
	lanes      [][]chunk
}

var _ storage.Series = (*series)(nil)

// finish is called when all chunks are there. If they overlap, they are spread over lanes in which they do not,
// to be merged sample by sample.
func (s *series) finish() {
	s.lanes = nil
	overlap := false
	for i := range len(s.chunks) - 1 {
		overlap = overlap || s.chunks[i].maxt >= s.chunks[i+1].mint
	}
	if !overlap {
		return
	}
	slices.SortStableFunc(s.chunks, func(a, b chunk) int { return cmp.Compare(a.mint, b.mint) })
next:
	for _, c := range s.chunks {
		for i, lane := range s.lanes {
			if lane[len(lane)-1].maxt < c.mint {
				s.lanes[i] = append(lane, c)
				continue next
			}
		}
		s.lanes = append(s.lanes, []chunk{c})
	}
}

// Labels implements storage.Series.
func (s *series) Labels() labels.Labels { return s.labels }

// Iterator implements storage.Series.
func (s *series) Iterator(it chunkenc.Iterator) chunkenc.Iterator {
	if len(s.lanes) < 2 {
		own, ok := it.(*iterator)
		if !ok {
			own = &iterator{}
		}
		own.reset(s, s.chunks)
		return own
	}
	lanes := make([]chunkenc.Iterator, len(s.lanes))
	for i, lane := range s.lanes {
		own := &iterator{}
		own.reset(s, lane)
		lanes[i] = own
	}
	return storage.ChainSampleIteratorFromIterators(it, lanes)
}

var errHistograms = errors.New("series has histograms")

// AppendFloats appends the times, in milliseconds, and values of all samples, in the order of time. It fails where
// Iterator would, and on a series that has histograms; then what it returns is not complete.
func (s *series) AppendFloats(ts []int64, vs []float64) ([]int64, []float64, error) {
	for i := range s.chunks {
		if len(s.lanes) > 1 || s.chunks[i].encoding != uint64(chunkenc.EncXOR) {
			return s.iterateFloats(ts, vs)
		}
	}
	for i := range s.chunks {
		var err error
		if ts, vs, err = s.appendChunk(ts, vs, &s.chunks[i]); err != nil {
			return ts, vs, err
		}
	}
	return ts, vs, nil
}

func (s *series) iterateFloats(ts []int64, vs []float64) ([]int64, []float64, error) {
	it := s.Iterator(nil)
	for typ := it.Next(); typ != chunkenc.ValNone; typ = it.Next() {
		if typ != chunkenc.ValFloat {
			return ts, vs, errHistograms
		}
		t, v := it.At()
		ts, vs = append(ts, t), append(vs, v)
	}
	return ts, vs, it.Err()
}

// appendChunk appends the samples of a XOR chunk that are within the range asked for.
func (s *series) appendChunk(ts []int64, vs []float64, c *chunk) ([]int64, []float64, error) {
	before := len(ts)
	ts, vs, err := appendXOR(ts, vs, c.data)
	if err != nil {
		return ts, vs, s.corrupt(c, err)
	}
	if len(ts) > before && ts[len(ts)-1] > s.maxt {
		last := len(ts)
		for last > before && ts[last-1] > s.maxt {
			last--
		}
		ts, vs = ts[:last], vs[:last]
	}
	if len(ts) > before && ts[before] < s.mint {
		first := before
		for first < len(ts) && ts[first] < s.mint {
			first++
		}
		ts, vs = slices.Delete(ts, before, first), slices.Delete(vs, before, first)
	}
	return ts, vs, nil
}

// corrupt is the counted Error for a chunk that cannot be decoded.
func (s *series) corrupt(c *chunk, err error) error {
	return s.client.fail(&Error{Reason: reasonMalformed, Err: fmt.Errorf("series %s: %s chunk at %d ms: %w",
		s.labels, chunkenc.Encoding(c.encoding), c.mint, err)})
}

// joiner makes one series of those with the same labels.
type joiner struct {
	all   []*series
	index map[string]*series
	key   []byte
}

func (j *joiner) add(more []*series) {
	if j.index == nil {
		j.index = make(map[string]*series, len(more))
	}
	for _, one := range more {
		j.key = one.labels.Bytes(j.key)
		if first, ok := j.index[string(j.key)]; ok {
			first.chunks = append(first.chunks, one.chunks...)
			continue
		}
		j.index[string(j.key)] = one
		j.all = append(j.all, one)
	}
}

// finish returns the series in the order in which they first came.
func (j *joiner) finish() []*series {
	for _, one := range j.all {
		one.finish()
	}
	return j.all
}
