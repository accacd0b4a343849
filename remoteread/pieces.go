package remoteread

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/prometheus/prompb"
)

const (
	// safeSpan is a range that a server may be asked for before it is known to stream, in milliseconds.
	safeSpan = uint64(time.Hour / time.Millisecond)
	// Pieces of a range, in milliseconds, if the server samples: the first, and the least that is halved again.
	firstPiece = uint64(10 * time.Minute / time.Millisecond)
	minPiece   = uint64(time.Second / time.Millisecond)
	// pieceGrowth is how much longer a piece may be than the last one; pieceSamples is the size to aim at.
	pieceGrowth  = 4.0
	pieceSamples = 500_000.0
)

// open sends a query as far as the kind of answer lets it be one request.
func (c *Client) open(ctx context.Context, query *prompb.Query, strip []string) (*stream, error) {
	span := uint64(query.EndTimestampMs) - uint64(query.StartTimestampMs)
	if span > safeSpan && c.answered.Load() == answersUnknown {
		s, err := c.read(ctx, between(query, query.EndTimestampMs, query.EndTimestampMs), strip)
		if err != nil {
			return nil, err
		}
		if s.drain(); s.err != nil {
			return nil, s.err
		}
	}
	if span > firstPiece && c.answered.Load() == answersSampled {
		return c.readPieces(ctx, query, strip)
	}
	return c.read(ctx, query, strip)
}

// readPieces reads a range piece by piece, and returns it as a stream that has been read.
func (c *Client) readPieces(ctx context.Context, query *prompb.Query, strip []string) (*stream, error) {
	var (
		whole = &stream{client: c, end: func() {}}
		all   joiner
		span  = firstPiece
	)
	for start := query.StartTimestampMs; ; {
		rest := uint64(query.EndTimestampMs) - uint64(start)
		end := start + int64(min(span-1, rest))
		piece, err := c.read(ctx, between(query, start, end), strip)
		if err == nil {
			piece.drain()
			err = piece.err
		}
		if tooLarge(err) && span > minPiece {
			span /= 2
			continue
		}
		if err != nil {
			return nil, err
		}
		samples := 0
		for _, one := range piece.ahead {
			for _, c := range one.chunks {
				samples += numSamples(c.data)
			}
			one.mint, one.maxt = query.StartTimestampMs, query.EndTimestampMs
		}
		all.add(piece.ahead)
		whole.warnings.Merge(piece.warnings)
		if rest < span {
			whole.ahead = all.finish()
			return whole, nil
		}
		start = end + 1
		span = max(minPiece, uint64(float64(span)*min(pieceGrowth, pieceSamples/float64(max(samples, 1)))))
	}
}

// between is the query over another range.
func between(query *prompb.Query, start, end int64) *prompb.Query {
	q := *query
	q.StartTimestampMs, q.EndTimestampMs = start, end
	if query.Hints != nil {
		hints := *query.Hints
		hints.StartMs, hints.EndMs = start, end
		q.Hints = &hints
	}
	return &q
}

// tooLarge tells whether a shorter range may do: the answer is over our limit, or over that of the server
// (--storage.remote.read-sample-limit, which answers 400 and says "exceeded sample limit").
func tooLarge(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Reason == reasonTooLarge && e.Frame == 0 || e.Status == http.StatusRequestEntityTooLarge ||
		e.Status == http.StatusBadRequest && strings.Contains(e.Err.Error(), "sample limit"))
}
