package remoteread

import (
	"context"
	"errors"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread/limit"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/query"
)

// Lengths of time ranges, in milliseconds. All are guards against answers that are too large, chosen rather than
// tuned.
const (
	// maxUnprobed is the longest range that a server is asked for before it is known whether it streams.
	maxUnprobed = uint64(time.Hour / time.Millisecond)
	// firstLength is the length of the first part of a range that is split.
	firstLength = uint64(10 * time.Minute / time.Millisecond)
	// minLength is the length at which a part that is too large is not halved any more.
	minLength = uint64(time.Second / time.Millisecond)
)

const (
	// targetSamples is how many samples a part should have: at some 110 bytes a sample, 55 MB on either side. If such a
	// part was too large, the client aims at half as many from then on: with the default of 4 MiB for messages between
	// its parts, Cortex takes some ten seconds to refuse one.
	targetSamples = 500_000
	// minTarget is where that ends. Guard: with fewer samples in a part, a start would take thousands of requests.
	minTarget = 10_000
	// maxGrowth is how many times longer a part may be than the one before. Guard: the density of samples may have
	// changed.
	maxGrowth = 4.0
)

// open sends a query, in one request if the server streams or the range is short, else in several.
func (c *Client) open(ctx context.Context, q *query.Query) (*stream, error) {
	length := uint64(q.Maxt) - uint64(q.Mint)
	if length > maxUnprobed && c.answered.Load() == answersUnknown {
		s, err := c.read(ctx, q.WithRange(q.Maxt, q.Maxt))
		if err != nil {
			return nil, err
		}
		if s.drain(); s.err != nil {
			return nil, s.err
		}
	}
	if length > firstLength && c.answered.Load() == answersSampled {
		return c.readSplit(ctx, q)
	}
	return c.read(ctx, q)
}

// readSplit reads a range in parts, the oldest first, and returns a stream in which all series are buffered.
func (c *Client) readSplit(ctx context.Context, q *query.Query) (*stream, error) {
	var (
		whole  = &stream{client: c, query: q, end: func() {}, used: limit.Usage{Limits: &c.options.Limits}}
		merger seriesMerger
		length = firstLength
		target = c.target.Load()
	)
	for start := q.Mint; ; {
		rest := uint64(q.Maxt) - uint64(start) // the range includes its end
		end := start + int64(min(length-1, rest))
		part, err := c.read(ctx, q.WithRange(start, end))
		if err == nil {
			part.drain()
			err = part.err
		}
		if e, ok := errors.AsType[*Error](err); ok && e.TooLarge() && length > minLength {
			length /= 2
			if half := target / 2; half >= minTarget {
				c.target.CompareAndSwap(target, half) // else another read has done so
				target = half
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, s := range part.buffered {
			s.mint, s.maxt = q.Mint, q.Maxt
		}
		samples := part.used.Samples
		if err := whole.used.Spend(part.used.Bytes, samples); err != nil {
			return nil, c.fail(err)
		}
		merger.add(part.buffered)
		whole.warnings.Merge(part.warnings)
		if rest < length {
			whole.buffered = merger.finish()
			return whole, nil
		}
		start = end + 1
		growth := min(maxGrowth, float64(target)/float64(max(samples, 1)))
		length = max(minLength, uint64(float64(length)*growth))
	}
}
