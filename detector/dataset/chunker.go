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
}

func newChunker(lookBack time.Duration) chunker {
	shortest := max(2*lookBack, firstSlice).Milliseconds()
	return chunker{length: shortest, minLength: shortest}
}

// next returns the end of the slice that begins after from: on the grid of step, and at most to.
func (c *chunker) next(from, to, step int64) int64 {
	return min(to, from+max(step, c.length/step*step))
}

// done sets the length of the next slice by how many samples a slice of this length has read.
func (c *chunker) done(length, samples int64) {
	want := float64(sliceGrowth * length)
	if samples > 0 {
		want = min(want, float64(length)*sliceSamples/float64(samples))
	}
	c.length = max(c.minLength, int64(want))
}

// halve shortens the next slice if the last one was too large for the engine, and reports whether to try again.
func (c *chunker) halve(err error, step int64) bool {
	var tooMany promql.ErrTooManySamples
	if !errors.As(err, &tooMany) || c.length <= step {
		return false
	}
	c.length /= 2
	c.minLength = min(c.minLength, c.length)
	return true
}
