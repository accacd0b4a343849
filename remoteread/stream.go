package remoteread

import (
	"fmt"
	"io"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread/chunk"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/frame"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/limit"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/query"
)

// maxWarnings is how many skipped series the warnings of a read name; all are counted. It keeps a message readable
// (chosen, not tuned).
const maxWarnings = 10

// stream is the answer to one query: buffered series, then those that are still to be read from its frames.
type stream struct {
	client *Client
	query  *query.Query
	quote  func([]byte) string // returns what an error may show of an unexpected answer
	end    func()              // ends the request and releases its slot; may be called any number of times
	frames *frame.Reader       // nil once the answer has been read completely, or given up
	part   int                 // index of the part of the query that is being read
	seen   map[string]struct{} // labels of the series so far, if the query has shared ones

	buffered []*series // complete, not handed out yet
	open     *series   // the last one read, which the next frame may continue
	unknown  error     // why open must be skipped: it has a chunk of unknown encoding
	skipped  int       // number of skipped series
	warnings annotations.Annotations
	err      error // why the answer could not be read completely
	used     limit.Usage
	builder  labels.ScratchBuilder
	scratch  []chunk.Chunk
}

// next returns the next series, or nil at the end; then err reports whether the answer was complete.
func (s *stream) next() *series {
	for len(s.buffered) == 0 && s.frames != nil {
		s.readFrame()
	}
	if len(s.buffered) == 0 {
		return nil
	}
	next := s.buffered[0]
	s.buffered[0] = nil // so that the garbage collector can have it
	if s.buffered = s.buffered[1:]; len(s.buffered) == 0 {
		s.buffered = nil
	}
	return next
}

// drain reads the rest of the answer into memory, so that the request is over.
func (s *stream) drain() {
	for s.frames != nil {
		s.readFrame()
	}
}

// close ends the request and gives up what has not been read yet. An err is counted and becomes that of the stream.
func (s *stream) close(err error) {
	if s.frames != nil {
		if s.frames.Reusable() {
			s.frames.Reset(nil, 0, nil)
			s.client.frames.Put(s.frames)
		}
		s.frames = nil
	}
	if s.open = nil; err != nil {
		s.err = s.client.fail(err)
	}
	s.end()
}

// readFrame reads and parses one frame, or the end of the answer.
func (s *stream) readFrame() {
	message, err := s.frames.Next()
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
		e.Frame = s.frames.Count()
		s.close(e)
	}
}

// setPart begins a part of the query, or continues it.
func (s *stream) setPart(part uint64) error {
	if n := len(s.query.Parts); part < uint64(s.part) || part >= uint64(n) {
		return fmt.Errorf("query index %d after %d, where %d queries were asked", part, s.part, n)
	}
	if int(part) != s.part {
		s.finishOpen()
		s.part = int(part)
	}
	return nil
}

// isShared reports whether a series with these labels has come in an earlier part.
func (s *stream) isShared(lset labels.Labels) bool {
	if !s.query.Shared {
		return false
	}
	if s.seen == nil {
		s.seen = map[string]struct{}{}
	}
	key := string(lset.Bytes(nil))
	_, found := s.seen[key]
	s.seen[key] = struct{}{}
	return found
}

// add takes a series, or more chunks of the last one: Prometheus splits long series over several frames. unknown is
// not nil if one of the chunks has an unknown encoding.
func (s *stream) add(lset labels.Labels, chunks []chunk.Chunk, unknown error) {
	if s.open == nil || !labels.Equal(s.open.labels, lset) {
		s.finishOpen()
		s.open = &series{client: s.client, labels: lset, mint: s.query.Mint, maxt: s.query.Maxt}
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

// finishOpen buffers the last series, which is complete now, or skips it if its samples cannot all be decoded.
func (s *stream) finishOpen() {
	last, unknown := s.open, s.unknown
	s.open, s.unknown = nil, nil
	switch {
	case last == nil || s.isShared(last.labels):
	case unknown == nil:
		last.finish()
		s.buffered = append(s.buffered, last)
	default:
		e := s.client.fail(&Error{
			Reason: reasonEncoding,
			Err:    fmt.Errorf("series %s is skipped: %w", last.labels, unknown),
		})
		if s.skipped++; s.skipped <= maxWarnings {
			s.warnings.Add(e)
		}
	}
}
