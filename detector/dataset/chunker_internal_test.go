package dataset

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset/query"
)

const (
	minute = int64(60_000)
	hour   = 60 * minute
)

var errTooMany = fmt.Errorf("query: %w", promql.ErrTooManySamples("query"))

// seen is a size by which only the samples count.
func seen(samples int64) query.Size { return query.Size{Samples: samples, Series: 1} }

func TestChunker_BoundsSlicesInSamples(t *testing.T) {
	c := newChunker(0, 0)
	require.Equal(t, 10*hour+2*hour, c.next(10*hour, 1000*hour, minute))
	require.Equal(t, 10*hour+30*minute, c.next(10*hour, 10*hour+30*minute, minute), "not beyond the end")
	c.done(2*hour, seen(8_000_000))
	require.Equal(t, 6*hour, c.next(0, 1000*hour, minute))
	require.Equal(t, 5*hour, c.next(0, 1000*hour, 5*hour), "on the grid")
	require.Equal(t, 20*hour, c.next(0, 1000*hour, 20*hour), "at least a step")
	c.done(6*hour, seen(48_000_000))
	require.Equal(t, 3*hour, c.next(0, 1000*hour, minute))
	c.done(3*hour, seen(96_000_000))
	require.Equal(t, 2*hour, c.next(0, 1000*hour, minute), "never shorter than the first, unless the engine wants it")
}

func TestChunker_BoundsSlicesInMemory(t *testing.T) {
	c := newChunker(0, 0)
	c.done(2*hour, query.Size{Bytes: leastBytes / 2, Series: 10})
	require.Equal(t, 4*hour, c.next(0, 1000*hour, minute))
	c.done(4*hour, query.Size{Bytes: 4 * leastBytes, Series: 10})
	require.Equal(t, 2*hour, c.next(0, 1000*hour, minute))
	many := int64(10 * leastBytes / seriesBytes)
	c.done(2*hour, query.Size{Bytes: 4 * leastBytes, Series: many})
	require.Equal(t, 5*hour, c.next(0, 1000*hour, minute), "many series have more room")
	c = newChunker(0, leastBytes)
	c.done(10*minute, query.Size{Bytes: leastBytes / 2, Series: many})
	require.Equal(t, 20*minute, c.next(0, 1000*hour, minute), "unless memory is scarce")
}

// Servers keep less history than is asked for. What begins in the middle of a slice says how much there is.
func TestChunker_ExpectsTheBeginningOfTheHistory(t *testing.T) {
	c := newChunker(0, 0)
	for _, want := range []int64{2, 8, 24, 24} {
		require.Equal(t, want*hour, c.next(0, 1000*hour, minute))
		c.done(0, query.Size{})
	}
	c.done(hour, query.Size{Bytes: leastBytes / 4, Series: 1})
	require.Equal(t, 4*hour, c.next(0, 1000*hour, minute))
	c.done(0, query.Size{})
	require.Equal(t, 16*hour, c.next(0, 1000*hour, minute), "an outage says nothing")
}

func TestChunker_ShortensSlicesWhereStepsBecomeShorter(t *testing.T) {
	c := newChunker(0, 0)
	c.done(2*hour, query.Size{Bytes: leastBytes / 8, Series: 1})
	c.done(8*hour, query.Size{Bytes: leastBytes / 4, Series: 1})
	require.Equal(t, 32*hour, c.next(0, 1000*hour, minute))
	c.refine(5)
	require.Equal(t, 6*hour+24*minute, c.next(0, 1000*hour, minute))
}

func TestChunker_StaysAsShortAsTheEngineWantsIt(t *testing.T) {
	c := newChunker(time.Hour, 0)
	require.True(t, c.halve(errTooMany, minute))
	require.True(t, c.halve(errTooMany, minute))
	require.Equal(t, 30*minute, c.next(0, 1000*hour, minute))
	c.done(30*minute, seen(48_000_000))
	require.Equal(t, 30*minute, c.next(0, 1000*hour, minute))
	require.False(t, c.halve(errors.New("other"), minute))
	require.Equal(t, 30*minute, c.next(0, 1000*hour, minute))
	for range 5 {
		require.True(t, c.halve(errTooMany, minute))
	}
	require.False(t, c.halve(errTooMany, minute), "shorter than a step there is nothing")
	require.Equal(t, minute, c.next(0, 1000*hour, minute))
}

// answerTooLarge is an error of a source.
type answerTooLarge bool

func (e answerTooLarge) Error() string  { return "too large" }
func (e answerTooLarge) TooLarge() bool { return bool(e) }

func TestChunker_ShortensSlicesAfterAnAnswerThatIsTooLarge(t *testing.T) {
	c := newChunker(time.Hour, 0)
	require.True(t, c.halve(fmt.Errorf("query: %w", query.SourceError{Err: answerTooLarge(true)}), minute))
	require.Equal(t, hour, c.next(0, 1000*hour, minute))
	require.False(t, c.halve(fmt.Errorf("query: %w", query.SourceError{Err: answerTooLarge(false)}), minute))
}

func TestChunker_ReadsLessAtOnceWhereMemoryIsScarce(t *testing.T) {
	c := newChunker(0, ampleBytes/4)
	require.Equal(t, 30*minute, c.next(0, 1000*hour, minute))
	c = newChunker(0, 1)
	require.Equal(t, 10*minute, c.next(0, 1000*hour, minute))
	c = newChunker(0, 100*ampleBytes)
	require.Equal(t, 2*hour, c.next(0, 1000*hour, minute), "never more than without a limit")
}

func TestChunker_ReadsAheadOnlyWhereASliceTakesMoreThanTheLeastMemory(t *testing.T) {
	c := newChunker(0, 0)
	require.False(t, c.many, "not known yet")
	c.done(hour, query.Size{Bytes: leastBytes, Series: leastBytes / seriesBytes})
	require.False(t, c.many)
	c.done(hour, query.Size{Bytes: leastBytes, Series: leastBytes/seriesBytes + 1})
	require.True(t, c.many)
}
