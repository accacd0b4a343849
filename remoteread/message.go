package remoteread

import (
	"errors"
	"fmt"
	"unicode/utf8"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread/chunk"
)

// parseFrame parses a prometheus.ChunkedReadResponse (prompb/remote.proto, prompb/types.proto). It copies what it
// keeps, because the next message overwrites this one.
func (s *stream) parseFrame(message []byte) error {
	var index uint64 // comes after the series
	err := eachField(message, func(num protowire.Number, v uint64, _ []byte) error {
		if num == 2 {
			index = v
		}
		return nil
	})
	if err == nil {
		err = s.setPart(index)
	}
	if err != nil {
		return err
	}
	empty := true
	err = eachField(message, func(num protowire.Number, _ uint64, data []byte) error {
		if num == 1 && data != nil {
			empty = false
			return s.parseSeries(data)
		}
		return nil
	})
	if err == nil && empty {
		err = errors.New("no series in it")
	}
	return err
}

func (s *stream) parseSeries(data []byte) error {
	var (
		samples int
		unknown error
	)
	s.builder.Reset()
	s.builder.SetUnsafeAdd(true)
	s.scratch = s.scratch[:0]
	err := eachField(data, func(num protowire.Number, _ uint64, data []byte) error {
		switch {
		case num == 1 && data != nil:
			return s.parseLabel(data)
		case num == 2 && data != nil:
			c, encoding, err := parseChunk(data)
			if err != nil {
				return err
			}
			samples += chunk.NumSamples(c.Data)
			switch {
			case c.MaxTime < s.query.Mint || c.MinTime > s.query.Maxt:
			case !chunk.Known(encoding):
				unknown = fmt.Errorf("chunk encoding %d is not known", encoding)
			default:
				s.scratch = append(s.scratch, c)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	lset, err := s.buildLabels()
	if err != nil {
		return err
	}
	s.client.metrics.samples.Add(float64(samples))
	s.add(lset, chunk.CompactCopy(s.scratch), unknown)
	return nil
}

func (s *stream) parseLabel(data []byte) error {
	var name, value string // share the memory of the message, until Labels of the builder copies them
	err := eachField(data, func(num protowire.Number, _ uint64, data []byte) error {
		switch num {
		case 1:
			name = unsafe.String(unsafe.SliceData(data), len(data))
		case 2:
			value = unsafe.String(unsafe.SliceData(data), len(data))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.addLabel(name, value)
}

// addLabel adds a label to the builder unless it is to be stripped.
func (s *stream) addLabel(name, value string) error {
	if name == "" || !utf8.ValidString(name) || !utf8.ValidString(value) {
		return fmt.Errorf("label %q=%q is not valid", name, value)
	}
	if value == "" || s.query.Parts[s.part].Strip.Get(name) != value {
		s.builder.Add(name, value)
	}
	return nil
}

// buildLabels returns a copy of the labels that were added.
func (s *stream) buildLabels() (labels.Labels, error) {
	s.builder.Sort()
	lset := s.builder.Labels()
	if name, ok := lset.HasDuplicateLabelNames(); ok {
		return labels.EmptyLabels(), fmt.Errorf("label %q comes twice", name)
	}
	return lset, nil
}

// parseChunk returns the chunk and its encoding, which is not valid in the chunk unless it is known. The data shares
// the memory of the message.
func parseChunk(data []byte) (c chunk.Chunk, encoding uint64, err error) {
	err = eachField(data, func(num protowire.Number, v uint64, data []byte) error {
		switch num {
		case 1:
			c.MinTime = int64(v)
		case 2:
			c.MaxTime = int64(v)
		case 3:
			encoding = v
		case 4:
			c.Data = data
		}
		return nil
	})
	c.Encoding = chunkenc.Encoding(encoding)
	return c, encoding, err
}

// eachField calls f with each field of a protobuf message: v is the value of a varint, data that of a field with a
// length and nil for any other field.
func eachField(b []byte, f func(num protowire.Number, v uint64, data []byte) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		var (
			v    uint64
			data []byte
		)
		switch typ {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			data, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := f(num, v, data); err != nil {
			return err
		}
	}
	return nil
}
