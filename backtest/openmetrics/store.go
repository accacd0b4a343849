package openmetrics

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"os"

	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// chunkSamples is how many samples of a series are kept in memory, about 2 KiB; earlier ones are in the file. Chosen,
// not tuned: twice as many as in a chunk of Prometheus.
const chunkSamples = 240

// resultStore stores results until they can be written series by series. It compresses them, and keeps all but the
// newest in a temporary file.
type resultStore struct {
	file     *os.File
	w        *bufio.Writer
	size     int64
	families []*familyBuffers // of results, by result.Family; then of quality metrics, in order of appearance
}

// familyBuffers holds the series of a metric family.
type familyBuffers struct {
	name, help, kind string
	buffers          []*seriesBuffer // in order of appearance
	bySeries         map[string]*seriesBuffer
}

func newFamilyBuffers(name, help, kind string) *familyBuffers {
	return &familyBuffers{name: name, help: help, kind: kind, bySeries: map[string]*seriesBuffer{}}
}

// seriesBuffer holds the samples of a series.
type seriesBuffer struct {
	series   string // its name and labels, rendered
	last     int64  // time of the newest sample (ms)
	spilled  []fileRange
	chunk    *chunkenc.XORChunk
	appender chunkenc.Appender
}

// fileRange is a range of bytes in the file.
type fileRange struct {
	offset int64
	length int
}

func newResultStore(dir string) (*resultStore, error) {
	file, err := os.CreateTemp(dir, ".backtest-*")
	if err != nil {
		return nil, fmt.Errorf("write results: %w", err)
	}
	s := &resultStore{file: file, w: bufio.NewWriterSize(file, 1<<16)}
	for f := range result.NumFamilies {
		s.families = append(s.families, newFamilyBuffers(f.Name(), f.Help(), "gauge"))
	}
	return s, nil
}

// close removes the file.
func (s *resultStore) close() {
	_ = s.file.Close()
	_ = os.Remove(s.file.Name())
}

// family returns the family with that name, which it creates if necessary.
func (s *resultStore) family(name, help, kind string) *familyBuffers {
	for _, f := range s.families {
		if f.name == name {
			return f
		}
	}
	f := newFamilyBuffers(name, help, kind)
	s.families = append(s.families, f)
	return f
}

// buffer returns the buffer of a rendered series, which it creates if necessary.
func (f *familyBuffers) buffer(series string) *seriesBuffer {
	b := f.bySeries[series]
	if b == nil {
		b = &seriesBuffer{series: series, last: math.MinInt64}
		f.buffers, f.bySeries[series] = append(f.buffers, b), b
	}
	return b
}

// append adds a sample to a buffer; at must be later than the time of the previous sample.
func (s *resultStore) append(b *seriesBuffer, at int64, v float64) error {
	if b.chunk != nil && b.chunk.NumSamples() == chunkSamples {
		if err := s.spill(b); err != nil {
			return err
		}
	}
	if b.chunk == nil {
		b.chunk = chunkenc.NewXORChunk()
		var err error
		if b.appender, err = b.chunk.Appender(); err != nil {
			return err
		}
	}
	b.appender.Append(0, at, v)
	b.last = at
	return nil
}

func (s *resultStore) spill(b *seriesBuffer) error {
	n, err := s.w.Write(b.chunk.Bytes())
	if err != nil {
		return fmt.Errorf("temporary file: %w", err)
	}
	b.spilled = append(b.spilled, fileRange{s.size, n})
	s.size += int64(n)
	b.chunk, b.appender = nil, nil
	return nil
}

// each calls f for the samples of a buffer, in order.
func (s *resultStore) each(b *seriesBuffer, f func(at int64, v float64) error) error {
	if err := s.w.Flush(); err != nil {
		return fmt.Errorf("temporary file: %w", err)
	}
	var iterator chunkenc.Iterator
	samples := func(chunk *chunkenc.XORChunk) error {
		iterator = chunk.Iterator(iterator)
		for iterator.Next() != chunkenc.ValNone {
			if err := f(iterator.At()); err != nil {
				return err
			}
		}
		return iterator.Err()
	}
	for _, r := range b.spilled {
		bytes := make([]byte, r.length)
		if _, err := s.file.ReadAt(bytes, r.offset); err != nil {
			return fmt.Errorf("temporary file: %w", err)
		}
		chunk, err := chunkenc.FromData(chunkenc.EncXOR, bytes)
		if err != nil {
			return err
		}
		xor, ok := chunk.(*chunkenc.XORChunk)
		if !ok {
			return errors.New("temporary file: unexpected chunk encoding")
		}
		if err := samples(xor); err != nil {
			return err
		}
	}
	if b.chunk == nil {
		return nil
	}
	return samples(b.chunk)
}
