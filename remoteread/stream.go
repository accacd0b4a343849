package remoteread

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/annotations"
)

// maxWarnings bounds how many series left out a read names in its warnings; all are counted.
const maxWarnings = 10

// stream is one answer: series that were read ahead, then those that its frames still bring.
type stream struct {
	client     *Client
	strip      []string // names of the labels to leave out
	mint, maxt int64
	end        func()       // ends the request and gives back its place, any number of times
	frames     *frameReader // nil once the answer has been read, or given up

	ahead    []*series
	open     *series // the last one, which the next frame may continue
	unknown  error   // why it cannot be decoded
	left     int     // series left out
	warnings annotations.Annotations
	err      error // why it ended before its end

	builder labels.ScratchBuilder
	scratch []chunk
}

// next returns the next series, or nil at the end; then err tells whether it is the true one.
func (s *stream) next() *series {
	for len(s.ahead) == 0 && s.frames != nil {
		s.readFrame()
	}
	if len(s.ahead) == 0 {
		return nil
	}
	one := s.ahead[0]
	s.ahead[0] = nil
	if s.ahead = s.ahead[1:]; len(s.ahead) == 0 {
		s.ahead = nil
	}
	return one
}

// drain reads the rest of the answer into memory, so that the request is over.
func (s *stream) drain() {
	for s.frames != nil {
		s.readFrame()
	}
}

// close gives up what has not been read yet, for the reason given, if any.
func (s *stream) close(err error) {
	if s.frames != nil {
		if cap(s.frames.buf) <= maxPooledFrame {
			s.frames.reset(nil, 0)
			s.client.frames.Put(s.frames)
		}
		s.frames = nil
	}
	if s.open = nil; err != nil {
		s.err = s.client.fail(err)
	}
	s.end()
}

// readFrame reads one frame, or the end.
func (s *stream) readFrame() {
	message, err := s.frames.next()
	if err == io.EOF { //nolint:errorlint // the bare one ends the stream
		s.finishOpen()
		s.close(nil)
		return
	}
	if err == nil {
		err = s.parseFrame(message)
	}
	if err != nil {
		e := asError(err)
		e.Frame = s.frames.count
		s.close(e)
	}
}

// add takes a series, or the continuation of the last one.
func (s *stream) add(lset labels.Labels, chunks []chunk, unknown error) {
	if s.open == nil || !labels.Equal(s.open.labels, lset) {
		s.finishOpen()
		s.open = &series{client: s.client, labels: lset, mint: s.mint, maxt: s.maxt}
	}
	if s.open.chunks == nil {
		s.open.chunks = chunks
	} else {
		s.open.chunks = append(s.open.chunks, chunks...)
	}
	if unknown != nil {
		s.unknown = unknown
	}
}

// finishOpen hands out the series that is complete, unless there is a chunk in it that is unknown here.
func (s *stream) finishOpen() {
	one, unknown := s.open, s.unknown
	s.open, s.unknown = nil, nil
	switch {
	case one == nil:
	case unknown == nil:
		one.finish()
		s.ahead = append(s.ahead, one)
	default:
		e := s.client.fail(&Error{Reason: reasonEncoding, Err: fmt.Errorf("series %s is left out: %w", one.labels, unknown)})
		if s.left++; s.left <= maxWarnings {
			s.warnings.Add(e)
		}
	}
}

// parseFrame reads a prometheus.ChunkedReadResponse (prompb/remote.proto, prompb/types.proto). It copies what it keeps:
// the message is overwritten by the next.
func (s *stream) parseFrame(message []byte) error {
	empty := true
	err := eachField(message, func(num protowire.Number, v uint64, data []byte) error {
		switch {
		case num == 1 && data != nil:
			empty = false
			return s.parseSeries(data)
		case num == 2 && v != 0:
			return fmt.Errorf("query index %d, where one query was asked", v)
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
		size, samples int
		unknown       error
	)
	s.builder.Reset()
	s.builder.SetUnsafeAdd(true)
	s.scratch = s.scratch[:0]
	err := eachField(data, func(num protowire.Number, _ uint64, data []byte) error {
		switch {
		case num == 1 && data != nil:
			return s.parseLabel(data)
		case num == 2 && data != nil:
			c, err := parseChunk(data)
			if err != nil {
				return err
			}
			samples += numSamples(c.data)
			if c.maxt < s.mint || c.mint > s.maxt {
				return nil
			}
			if c.encoding > 255 || !chunkenc.IsValidEncoding(chunkenc.Encoding(c.encoding)) {
				unknown = fmt.Errorf("chunk encoding %d is not known", c.encoding)
			}
			size += len(c.data)
			s.scratch = append(s.scratch, c)
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
	s.add(lset, packed(s.scratch, size), unknown)
	return nil
}

func (s *stream) parseLabel(data []byte) error {
	var name, value string // alias the message until Labels of the builder copies them
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

func (s *stream) addLabel(name, value string) error {
	if name == "" || !utf8.ValidString(name) || !utf8.ValidString(value) {
		return fmt.Errorf("label %q=%q is not valid", name, value)
	}
	if !slices.Contains(s.strip, name) {
		s.builder.Add(name, value)
	}
	return nil
}

func (s *stream) buildLabels() (labels.Labels, error) {
	s.builder.Sort()
	lset := s.builder.Labels()
	if name, ok := lset.HasDuplicateLabelNames(); ok {
		return labels.EmptyLabels(), fmt.Errorf("label %q comes twice", name)
	}
	return lset, nil
}

func parseChunk(data []byte) (c chunk, _ error) {
	err := eachField(data, func(num protowire.Number, v uint64, data []byte) error {
		switch num {
		case 1:
			c.mint = int64(v)
		case 2:
			c.maxt = int64(v)
		case 3:
			c.encoding = v
		case 4:
			c.data = data
		}
		return nil
	})
	return c, err
}

// eachField calls f with each field of a protobuf message: v is that of a varint, data that of a field with a length.
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
