package remoteread

import (
	"fmt"
	"io"
	"math"

	"github.com/golang/snappy"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/prometheus/prometheus/prompb"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread/chunk"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/limit"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/wire"
)

// readSampled reads a whole sampled answer, a prometheus.ReadResponse compressed by snappy, and compresses its series
// into chunks. It decodes field by field: decoded at once, an answer of empty messages takes a hundred times its size.
func (s *stream) readSampled(body io.Reader) error {
	message, err := s.readMessage(body)
	if err != nil {
		return err
	}
	parts := 0
	err = wire.Fields(message, func(num protowire.Number, _ uint64, data []byte) error {
		if num != 1 || data == nil {
			return nil
		}
		parts++
		return s.parseResult(parts-1, data)
	})
	if err != nil {
		return fmt.Errorf("sampled answer: %w", err)
	}
	if want := len(s.query.Parts); parts != want {
		return fmt.Errorf("sampled answer: results of %d queries, where %d were asked", parts, want)
	}
	s.finishOpen()
	return nil
}

// parseResult parses a prometheus.QueryResult, the answer to a part of the query.
func (s *stream) parseResult(part int, data []byte) error {
	if err := s.setPart(uint64(part)); err != nil {
		return err
	}
	n := 0
	return wire.Fields(data, func(num protowire.Number, _ uint64, data []byte) error {
		if num != 1 || data == nil {
			return nil
		}
		if err := s.parseTimeSeries(data); err != nil {
			return fmt.Errorf("series %d: %w", n, err)
		}
		n++
		return nil
	})
}

// readMessage reads and decompresses the body. It allocates no more than MaxFrameBytes for either.
func (s *stream) readMessage(body io.Reader) ([]byte, error) {
	most := s.client.options.MaxFrameBytes
	compressed, err := io.ReadAll(io.LimitReader(body, int64(most)+1))
	if err != nil {
		return nil, err
	}
	if len(compressed) > most {
		err := fmt.Errorf("sampled answer is over the limit of %d bytes", most)
		return nil, &Error{Reason: reasonTooLarge, Err: err, shorter: true}
	}
	size, err := snappy.DecodedLen(compressed)
	if err != nil {
		return nil, fmt.Errorf("sampled answer: %w; it begins %q", err, s.quote(compressed))
	}
	if size > most {
		err := fmt.Errorf("sampled answer of %d bytes is over the limit of %d", size, most)
		return nil, &Error{Reason: reasonTooLarge, Err: err, shorter: true}
	}
	message, err := snappy.Decode(nil, compressed)
	if err != nil {
		return nil, fmt.Errorf("sampled answer: %w; it begins %q", err, s.quote(compressed))
	}
	return message, nil
}

// maxHistogramBytes is the largest histogram in a sampled answer, which is decoded at once. Guard: one with 160 buckets
// has less than a kilobyte.
const maxHistogramBytes = 1 << 20

// parseTimeSeries parses a prometheus.TimeSeries.
func (s *stream) parseTimeSeries(data []byte) error {
	if err := s.used.BeginSeries(); err != nil {
		return err
	}
	s.builder.Reset()
	s.builder.SetUnsafeAdd(true)
	var (
		e       chunk.Encoder
		newest  = int64(math.MinInt64)
		samples int
	)
	// began counts a sample. One that goes back in time begins another chunk.
	began := func(ts int64, bytes int) error {
		if samples++; ts <= newest {
			bytes += limit.Encode
		}
		newest = ts
		return s.used.Spend(int64(bytes), 1)
	}
	err := wire.Fields(data, func(num protowire.Number, _ uint64, data []byte) error {
		switch {
		case data == nil:
			return nil
		case num == 1:
			return s.parseLabel(data)
		case num == 2:
			ts, v, err := wire.Sample(data)
			if err == nil {
				err = began(ts, 2)
			}
			if err != nil {
				return err
			}
			return e.AddFloat(ts, v)
		case num == 4:
			if len(data) > maxHistogramBytes {
				return fmt.Errorf("histogram of %d bytes", len(data))
			}
			var h prompb.Histogram
			err := h.Unmarshal(data)
			if err == nil {
				err = began(h.Timestamp, len(data))
			}
			if err != nil {
				return err
			}
			if err := e.AddHistogram(&h); err != nil {
				return fmt.Errorf("histogram at %d ms: %w", h.Timestamp, err)
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
	s.add(lset, e.Finish(), nil)
	return nil
}
