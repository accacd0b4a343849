package dataset

import (
	"math"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset/query"
)

const (
	// firstSlice is the length of the first slice, when it is not known how much is in it. Chosen: as long as a block of
	// Prometheus' head.
	firstSlice = 2 * time.Hour
	// shortestSlice is the shortest first slice where memory is scarce. Guard: a slice is a query.
	shortestSlice = 10 * time.Minute
	// sliceSamples is how many samples a slice should read. Guard: it is below the engine's default --query.max-samples of
	// 50 million by a factor of two.
	sliceSamples = 24_000_000
	// seriesBytes and leastBytes are how much memory a slice should take, for each series and at least. Chosen: while
	// histories are read, the models, which take more, do not exist yet. So a start needs no more memory than what stays.
	seriesBytes = 4 << 10
	leastBytes  = 32 << 20
	// ampleBytes is from which limit of its memory on the first slice is as long as without a limit. Chosen: the default
	// limit of an answer of remote-read.
	ampleBytes = 1 << 30
	// sliceGrowth bounds how many times longer than the previous one a slice may be. Guard: series may appear.
	sliceGrowth = 4
	// longestBlind is the longest slice while nothing has been read yet. Guard: servers keep less than is asked for, and
	// where their history begins, there is suddenly much.
	longestBlind = 24 * time.Hour
)

// chunker cuts a long range into slices that each take a bounded amount of memory.
type chunker struct {
	length    int64 // ms of the next slice
	minLength int64 // ms; a shorter slice would read more look-back than new data
	limit     int64 // of the bytes of a slice
	blind     bool  // nothing has been read yet
	many      bool  // there are so many series that a slice takes more than the least memory
}

// newChunker returns a chunker for slices that take at most so many bytes; 0 means no such limit. Where memory is
// scarce the first slice is shorter too.
func newChunker(lookBack time.Duration, limit int64) chunker {
	if limit <= 0 {
		limit = math.MaxInt64
	}
	first := int64(float64(firstSlice.Milliseconds()) * min(1, float64(limit)/ampleBytes))
	shortest := max(2*lookBack.Milliseconds(), first, shortestSlice.Milliseconds())
	return chunker{length: shortest, minLength: shortest, limit: limit, blind: true}
}

// next returns the end of the slice that begins after from: on the grid of step, and at most to.
func (c *chunker) next(from, to, step int64) int64 {
	return min(to, from+max(step, c.length/step*step))
}

// done sets the length of the next slice by what was read for one, which spans so many ms of data.
func (c *chunker) done(span int64, read query.Size) {
	want, longest := float64(sliceGrowth*c.length), math.Inf(1)
	if c.blind = c.blind && read == (query.Size{}); c.blind {
		longest = float64(longestBlind.Milliseconds())
	}
	c.many = seriesBytes*read.Series > leastBytes
	if span > 0 {
		budget := min(c.limit, max(leastBytes, seriesBytes*read.Series))
		share := max(float64(read.Samples)/sliceSamples, float64(read.Bytes)/float64(budget))
		longest = float64(span) / share
	}
	c.length = max(c.minLength, int64(min(want, longest)))
}

// refine shortens the next slice because its steps will be so many times as many as before.
func (c *chunker) refine(times int64) { c.length = max(c.minLength, c.length/times) }

// halve shortens the next slice if the last one was too large, and reports whether to try again.
func (c *chunker) halve(err error, step int64) bool {
	if !query.TooLarge(err) || c.length <= step {
		return false
	}
	c.length /= 2
	c.minLength = min(c.minLength, c.length)
	return true
}
