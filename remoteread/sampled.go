package remoteread

import (
	"fmt"
	"io"

	"github.com/golang/snappy"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// samplesPerChunk is where Prometheus itself cuts chunks.
const samplesPerChunk = 120

// readSampled reads a sampled answer, snappy over a prometheus.ReadResponse, and compresses its series.
func (s *stream) readSampled(body io.Reader) error {
	message, err := s.readMessage(body)
	if err != nil {
		return err
	}
	var response prompb.ReadResponse
	if err := response.Unmarshal(message); err != nil {
		return fmt.Errorf("sampled answer: %w", err)
	}
	if len(response.Results) != 1 {
		return fmt.Errorf("sampled answer: %d results, where one query was asked", len(response.Results))
	}
	for i, ts := range response.Results[0].Timeseries {
		if err := s.addSampled(ts); err != nil {
			return fmt.Errorf("sampled answer: series %d: %w", i, err)
		}
		response.Results[0].Timeseries[i] = nil
	}
	s.finishOpen()
	return nil
}

func (s *stream) readMessage(body io.Reader) ([]byte, error) {
	limit := s.client.options.MaxFrameBytes
	compressed, err := io.ReadAll(io.LimitReader(body, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(compressed) > limit {
		return nil, &Error{Reason: reasonTooLarge, Err: fmt.Errorf("sampled answer is over the limit of %d bytes", limit)}
	}
	size, err := snappy.DecodedLen(compressed)
	if err != nil {
		return nil, fmt.Errorf("sampled answer: %w; it begins %q", err, excerpt(compressed))
	}
	if size > limit {
		return nil, &Error{Reason: reasonTooLarge, Err: fmt.Errorf("sampled answer of %d bytes is over the limit of %d", size, limit)}
	}
	message, err := snappy.Decode(nil, compressed)
	if err != nil {
		return nil, fmt.Errorf("sampled answer: %w; it begins %q", err, excerpt(compressed))
	}
	return message, nil
}

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
	var e encoder
	for _, sample := range ts.Samples {
		if err := e.addFloat(sample.Timestamp, sample.Value); err != nil {
			return err
		}
	}
	for i := range ts.Histograms {
		if err := e.addHistogram(&ts.Histograms[i]); err != nil {
			return fmt.Errorf("histogram at %d ms: %w", ts.Histograms[i].Timestamp, err)
		}
	}
	s.client.metrics.samples.Add(float64(len(ts.Samples) + len(ts.Histograms)))
	s.add(lset, e.finish(), nil)
	return nil
}

// encoder compresses samples into chunks, cut where Prometheus would, and where time goes back.
type encoder struct {
	chunks []chunk
	size   int // of their data, in bytes

	chunk      chunkenc.Chunk
	app        chunkenc.Appender
	mint, maxt int64
}

func (e *encoder) addFloat(t int64, v float64) error {
	if err := e.prepare(chunkenc.EncXOR, t); err != nil {
		return err
	}
	e.app.Append(0, t, v)
	e.maxt = t
	return nil
}

func (e *encoder) addHistogram(h *prompb.Histogram) error {
	if !histogram.IsKnownSchema(h.Schema) {
		return histogram.UnknownSchemaError(h.Schema)
	}
	var (
		t       = h.Timestamp
		prev    = e.app
		next    chunkenc.Chunk
		app     chunkenc.Appender
		recoded bool
		err     error
	)
	if h.IsFloatHistogram() {
		fh := h.ToFloatHistogram()
		if err := valid(fh, fh.Schema); err != nil {
			return err
		}
		if err := e.prepare(chunkenc.EncFloatHistogram, t); err != nil {
			return err
		}
		next, recoded, app, err = e.app.AppendFloatHistogram(prev, 0, t, fh, false)
	} else {
		ih := h.ToIntHistogram()
		if err := valid(ih, ih.Schema); err != nil {
			return err
		}
		if err := e.prepare(chunkenc.EncHistogram, t); err != nil {
			return err
		}
		next, recoded, app, err = e.app.AppendHistogram(prev, 0, t, ih, false)
	}
	if err != nil {
		return err
	}
	if next != nil && !recoded { // a counter reset, or other buckets, begin a new chunk
		e.cut()
		e.mint = t
	}
	if next != nil {
		e.chunk = next
	}
	e.app, e.maxt = app, t
	return nil
}

// valid checks a histogram, after reducing a resolution that is higher than is known here.
func valid(h interface {
	ReduceResolution(int32) error
	Validate() error
}, schema int32) error {
	if schema > histogram.ExponentialSchemaMax && schema <= histogram.ExponentialSchemaMaxReserved {
		if err := h.ReduceResolution(histogram.ExponentialSchemaMax); err != nil {
			return err
		}
	}
	return h.Validate()
}

// prepare begins a new chunk if the sample at t cannot go into the current one.
func (e *encoder) prepare(encoding chunkenc.Encoding, t int64) (err error) {
	if e.chunk != nil && e.chunk.Encoding() == encoding && e.chunk.NumSamples() < samplesPerChunk && t > e.maxt {
		return nil
	}
	e.cut()
	e.mint = t
	if e.chunk, err = chunkenc.NewEmptyChunk(encoding); err == nil {
		e.app, err = e.chunk.Appender()
	}
	return err
}

// cut ends the current chunk.
func (e *encoder) cut() {
	if e.chunk == nil {
		return
	}
	e.chunks = append(e.chunks, chunk{mint: e.mint, maxt: e.maxt, encoding: uint64(e.chunk.Encoding()), data: e.chunk.Bytes()})
	e.size += len(e.chunk.Bytes())
	e.chunk = nil
}

func (e *encoder) finish() []chunk {
	e.cut()
	return packed(e.chunks, e.size)
}
