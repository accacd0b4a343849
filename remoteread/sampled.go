package remoteread

import (
	"fmt"
	"io"

	"github.com/golang/snappy"

	"github.com/prometheus/prometheus/prompb"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread/chunk"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/redact"
)

// readSampled reads a whole sampled answer, a prometheus.ReadResponse compressed by snappy, and compresses its series
// into chunks. It drops each series of the response when it is compressed, so that not all exist in both forms at
// once.
func (s *stream) readSampled(body io.Reader) error {
	message, err := s.readMessage(body)
	if err != nil {
		return err
	}
	var response prompb.ReadResponse
	if err := response.Unmarshal(message); err != nil {
		return fmt.Errorf("sampled answer: %w", err)
	}
	if got, want := len(response.Results), len(s.query.Parts); got != want {
		return fmt.Errorf("sampled answer: results of %d queries, where %d were asked", got, want)
	}
	for part, result := range response.Results {
		if err := s.setPart(uint64(part)); err != nil {
			return err
		}
		for i, ts := range result.Timeseries {
			if err := s.addSampled(ts); err != nil {
				return fmt.Errorf("sampled answer: series %d: %w", i, err)
			}
			result.Timeseries[i] = nil
		}
	}
	s.finishOpen()
	return nil
}

// readMessage reads and decompresses the body. It allocates no more than MaxFrameBytes for either.
func (s *stream) readMessage(body io.Reader) ([]byte, error) {
	limit := s.client.options.MaxFrameBytes
	compressed, err := io.ReadAll(io.LimitReader(body, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(compressed) > limit {
		err := fmt.Errorf("sampled answer is over the limit of %d bytes", limit)
		return nil, &Error{Reason: reasonTooLarge, Err: err}
	}
	size, err := snappy.DecodedLen(compressed)
	if err != nil {
		return nil, fmt.Errorf("sampled answer: %w; it begins %q", err, redact.Excerpt(compressed))
	}
	if size > limit {
		err := fmt.Errorf("sampled answer of %d bytes is over the limit of %d", size, limit)
		return nil, &Error{Reason: reasonTooLarge, Err: err}
	}
	message, err := snappy.Decode(nil, compressed)
	if err != nil {
		return nil, fmt.Errorf("sampled answer: %w; it begins %q", err, redact.Excerpt(compressed))
	}
	return message, nil
}

// addSampled adds one series of a sampled answer.
func (s *stream) addSampled(ts *prompb.TimeSeries) error {
	s.builder.Reset()
	s.builder.SetUnsafeAdd(false)
	for _, l := range ts.Labels {
		if err := s.addLabel(l.Name, l.Value); err != nil {
			return err
		}
	}
	lset, err := s.buildLabels()
	if err != nil {
		return err
	}
	var e chunk.Encoder
	for _, sample := range ts.Samples {
		if err := e.AddFloat(sample.Timestamp, sample.Value); err != nil {
			return err
		}
	}
	for i := range ts.Histograms {
		if err := e.AddHistogram(&ts.Histograms[i]); err != nil {
			return fmt.Errorf("histogram at %d ms: %w", ts.Histograms[i].Timestamp, err)
		}
	}
	s.client.metrics.samples.Add(float64(len(ts.Samples) + len(ts.Histograms)))
	s.add(lset, e.Finish(), nil)
	return nil
}
