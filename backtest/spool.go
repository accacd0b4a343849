package backtest

import (
	"bufio"
	"errors"
	"fmt"
	"os"

	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
)

// chunkSamples is how many samples of a series are kept in memory, some 2 KiB: those before are in the file.
const chunkSamples = 240

// spool keeps results until they can be written series by series: compressed, in a temporary file but for the newest.
type spool struct {
	file     *os.File
	w        *bufio.Writer
	size     int64
	families []*familyColumns // the results, by detector.Family; then what the program says of them, as it came
}

// familyColumns are the series of a metric family.
type familyColumns struct {
	name, help, kind string
	columns          []*column
}

// column is a series of results.
type column struct {
	series   string // its name and labels, rendered
	spooled  []extent
	chunk    *chunkenc.XORChunk
	appender chunkenc.Appender
}

// extent is a place in the file.
type extent struct {
	offset int64
	length int
}

func newSpool(dir string) (*spool, error) {
	file, err := os.CreateTemp(dir, ".backtest-*")
	if err != nil {
		return nil, err
	}
	s := &spool{file: file, w: bufio.NewWriterSize(file, 1<<16)}
	for f := range detector.NumFamilies {
		s.families = append(s.families, &familyColumns{name: f.Name(), help: f.Help(), kind: "gauge"})
	}
	return s, nil
}

// close removes the file.
func (s *spool) close() {
	_ = s.file.Close()
	_ = os.Remove(s.file.Name())
}

// family returns the family of that name, which is made if there is none.
func (s *spool) family(name, help, kind string) *familyColumns {
	for _, f := range s.families {
		if f.name == name {
			return f
		}
	}
	f := &familyColumns{name, help, kind, nil}
	s.families = append(s.families, f)
	return f
}

// add returns a column for a series of the family, whose name may have a suffix; nil if its labels cannot be written.
func (f *familyColumns) add(suffix string, l detector.Labels) *column {
	series, ok := render(f.name+suffix, l)
	if !ok {
		return nil
	}
	c := &column{series: series}
	f.columns = append(f.columns, c)
	return c
}

// append adds a sample to a column; at is later than that of the sample before.
func (s *spool) append(c *column, at int64, v float64) error {
	if c.chunk != nil && c.chunk.NumSamples() == chunkSamples {
		if err := s.spill(c); err != nil {
			return err
		}
	}
	if c.chunk == nil {
		c.chunk = chunkenc.NewXORChunk()
		var err error
		if c.appender, err = c.chunk.Appender(); err != nil {
			return err
		}
	}
	c.appender.Append(0, at, v)
	return nil
}

func (s *spool) spill(c *column) error {
	n, err := s.w.Write(c.chunk.Bytes())
	if err != nil {
		return fmt.Errorf("temporary file: %w", err)
	}
	c.spooled = append(c.spooled, extent{s.size, n})
	s.size += int64(n)
	c.chunk, c.appender = nil, nil
	return nil
}

// each calls f for the samples of a column, in order.
func (s *spool) each(c *column, f func(at int64, v float64) error) error {
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
	for _, e := range c.spooled {
		b := make([]byte, e.length)
		if _, err := s.file.ReadAt(b, e.offset); err != nil {
			return fmt.Errorf("temporary file: %w", err)
		}
		chunk, err := chunkenc.FromData(chunkenc.EncXOR, b)
		if err != nil {
			return err
		}
		xor, ok := chunk.(*chunkenc.XORChunk)
		if !ok {
			return errors.New("temporary file: not what was written")
		}
		if err := samples(xor); err != nil {
			return err
		}
	}
	if c.chunk == nil {
		return nil
	}
	return samples(c.chunk)
}
