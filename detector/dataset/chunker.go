package dataset

import (
	"errors"
	"time"

	"github.com/prometheus/prometheus/promql"
)

const (
	// firstSlice is the length of the first slice, when its number of samples is not known yet. Chosen: as long as a
	// block of Prometheus' head.
	firstSlice = 2 * time.Hour
	// shortestSlice is the shortest first slice where memory is scarce. Guard: a slice is a query.
	shortestSlice = 10 * time.Minute
	// sliceSamples is how many samples a slice should read, because they are in memory together before they are
	// compressed. Guard: it is below the engine's default --query.max-samples of 50 million by a factor of two.
	sliceSamples = 24_000_000
	// sliceGrowth bounds how many times longer than the previous one a slice may be. Guard against a first slice
	// without data.
	sliceGrowth = 100
)

// chunker cuts a long range into slices that each read a bounded number of samples.
type chunker struct {
	length    int64 // ms of the next slice
	minLength int64 // ms; a shorter slice would read more look-back than new data
	samples   int64 // that a slice should read
}

// newChunker returns a chunker for slices of so many samples; 0 means the default. With fewer samples the first slice
// is shorter too.
func newChunker(lookBack time.Duration, samples int64) chunker {
	if samples <= 0 || samples > sliceSamples {
		samples = sliceSamples
	}
	first := firstSlice.Milliseconds() * samples / sliceSamples
	shortest := max(2*lookBack.Milliseconds(), first, shortestSlice.Milliseconds())
	return chunker{length: shortest, minLength: shortest, samples: samples}
}

// next returns the end of the slice that begins after from: on the grid of step, and at most to.
func (c *chunker) next(from, to, step int64) int64 {
	return min(to, from+max(step, c.length/step*step))
}

// done sets the length of the next slice by how many samples a slice of this length has read.
func (c *chunker) done(length, samples int64) {
	want := float64(sliceGrowth * length)
	if samples > 0 {
		want = min(want, float64(length)*float64(c.samples)/float64(samples))
	}
	c.length = max(c.minLength, int64(want))
}

// halve shortens the next slice if the last one was too large, and reports whether to try again.
func (c *chunker) halve(err error, step int64) bool {
	if !tooLarge(err) || c.length <= step {
		return false
	}
	c.length /= 2
	c.minLength = min(c.minLength, c.length)
	return true
}

// tooLarge reports whether a query over a shorter range may succeed: it had too many samples for the engine, or the
// source says so of its answer.
func tooLarge(err error) bool {
	var tooMany promql.ErrTooManySamples
	var answer interface{ TooLarge() bool }
	return errors.As(err, &tooMany) || errors.As(err, &answer) && answer.TooLarge()
}
