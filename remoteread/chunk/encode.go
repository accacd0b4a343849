package chunk

import (
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// samplesPerChunk is the number of samples at which Prometheus itself cuts chunks.
const samplesPerChunk = 120

// Encoder compresses the samples of a series into chunks. It begins a new chunk where Prometheus would, and where
// time goes back. The zero Encoder is ready for use.
type Encoder struct {
	chunks []Chunk // finished

	chunk      chunkenc.Chunk // the current one, nil if there is none
	app        chunkenc.Appender
	mint, maxt int64 // of the current chunk
}

// AddFloat adds a float sample. The time is in milliseconds since the epoch.
func (e *Encoder) AddFloat(t int64, v float64) error {
	if err := e.prepare(chunkenc.EncXOR, t); err != nil {
		return err
	}
	e.app.Append(0, t, v)
	e.maxt = t
	return nil
}

// AddHistogram adds a histogram, of integers or floats. It fails if the schema is unknown or the histogram is not
// valid.
func (e *Encoder) AddHistogram(h *prompb.Histogram) error {
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
		if err := validHistogram(fh, fh.Schema); err != nil {
			return err
		}
		if err := e.prepare(chunkenc.EncFloatHistogram, t); err != nil {
			return err
		}
		next, recoded, app, err = e.app.AppendFloatHistogram(prev, 0, t, fh, false)
	} else {
		ih := h.ToIntHistogram()
		if err := validHistogram(ih, ih.Schema); err != nil {
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
	if next != nil && !recoded { // a counter reset, or a change of buckets, begins a new chunk
		e.cut()
		e.mint = t
	}
	if next != nil {
		e.chunk = next
	}
	e.app, e.maxt = app, t
	return nil
}

// validHistogram checks a histogram. A resolution that is higher than chunkenc knows is reduced first.
func validHistogram(h interface {
	ReduceResolution(int32) error
	Validate() error
}, schema int32,
) error {
	if schema > histogram.ExponentialSchemaMax && schema <= histogram.ExponentialSchemaMaxReserved {
		if err := h.ReduceResolution(histogram.ExponentialSchemaMax); err != nil {
			return err
		}
	}
	return h.Validate()
}

// prepare begins a new chunk if the sample at t cannot go into the current one.
func (e *Encoder) prepare(encoding chunkenc.Encoding, t int64) (err error) {
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

// cut ends the current chunk, if there is one.
func (e *Encoder) cut() {
	if e.chunk == nil {
		return
	}
	e.chunks = append(e.chunks, Chunk{
		MinTime: e.mint, MaxTime: e.maxt, Encoding: e.chunk.Encoding(), Data: e.chunk.Bytes(),
	})
	e.chunk = nil
}

// Finish returns the chunks, in one piece of memory. The Encoder must not be used afterwards.
func (e *Encoder) Finish() []Chunk {
	e.cut()
	return CompactCopy(e.chunks)
}
