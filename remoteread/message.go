package remoteread

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread/chunk"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/limit"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/wire"
)

// parseFrame parses a prometheus.ChunkedReadResponse (prompb/remote.proto, prompb/types.proto). It copies what it
// keeps, because the next message overwrites this one.
func (s *stream) parseFrame(message []byte) error {
	var index uint64 // comes after the series
	err := wire.Fields(message, func(num protowire.Number, v uint64, _ []byte) error {
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
	err = wire.Fields(message, func(num protowire.Number, _ uint64, data []byte) error {
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
	if err := s.used.BeginSeries(); err != nil {
		return err
	}
	s.builder.Reset()
	s.builder.SetUnsafeAdd(true)
	s.scratch = s.scratch[:0]
	err := wire.Fields(data, func(num protowire.Number, _ uint64, data []byte) error {
		switch {
		case num == 1 && data != nil:
			return s.parseLabel(data)
		case num == 2 && data != nil:
			c, encoding, err := wire.Chunk(data)
			if err != nil {
				return err
			}
			n := chunk.NumSamples(c.Data)
			samples += n
			if err := s.used.Spend(int64(limit.Chunk+len(c.Data)), int64(n)); err != nil {
				return err
			}
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

// parseLabel adds a label to the builder unless it is to be stripped.
func (s *stream) parseLabel(data []byte) error {
	name, value, err := wire.Label(data) // share the memory of the message, until Labels of the builder copies them
	if err == nil {
		err = s.used.AddLabel(name, value)
	}
	if err != nil {
		return err
	}
	if name == "" || !utf8.ValidString(name) || !utf8.ValidString(value) {
		return fmt.Errorf("label %.50q=%.50q is not valid", name, value)
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
		return labels.EmptyLabels(), fmt.Errorf("label %q occurs twice", name)
	}
	return lset, nil
}
