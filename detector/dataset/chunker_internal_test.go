package dataset

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"
)

const (
	minute = int64(60_000)
	hour   = 60 * minute
)

var errTooMany = fmt.Errorf("query: %w", promql.ErrTooManySamples("query"))

func TestChunker_BoundsSlicesInSamples(t *testing.T) {
	c := newChunker(0, 0)
	require.Equal(t, 10*hour+2*hour, c.next(10*hour, 1000*hour, minute))
	require.Equal(t, 10*hour+30*minute, c.next(10*hour, 10*hour+30*minute, minute), "not beyond the end")
	c.done(2*hour, 4_000_000)
	require.Equal(t, 12*hour, c.next(0, 1000*hour, minute))
	require.Equal(t, 10*hour, c.next(0, 1000*hour, 5*hour), "on the grid")
	require.Equal(t, 20*hour, c.next(0, 1000*hour, 20*hour), "at least a step")
	c.done(12*hour, 96_000_000)
	require.Equal(t, 3*hour, c.next(0, 1000*hour, minute))
	c.done(3*hour, 96_000_000)
	require.Equal(t, 2*hour, c.next(0, 1000*hour, minute), "never shorter than the first, unless the engine wants it")
	c.done(2*hour, 0)
	require.Equal(t, 200*hour, c.next(0, 1000*hour, minute), "an empty slice says little of the next")
}

func TestChunker_StaysAsShortAsTheEngineWantsIt(t *testing.T) {
	c := newChunker(time.Hour, 0)
	require.True(t, c.halve(errTooMany, minute))
	require.True(t, c.halve(errTooMany, minute))
	require.Equal(t, 30*minute, c.next(0, 1000*hour, minute))
	c.done(30*minute, 48_000_000)
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
	require.True(t, c.halve(fmt.Errorf("query: %w", readError{answerTooLarge(true)}), minute))
	require.Equal(t, hour, c.next(0, 1000*hour, minute))
	require.False(t, c.halve(fmt.Errorf("query: %w", readError{answerTooLarge(false)}), minute))
}

func TestChunker_ReadsLessAtOnceWhereMemoryIsScarce(t *testing.T) {
	c := newChunker(0, sliceSamples/4)
	require.Equal(t, 30*minute, c.next(0, 1000*hour, minute))
	c.done(30*minute, 1_000_000)
	require.Equal(t, 3*hour, c.next(0, 1000*hour, minute))
	c = newChunker(0, 1)
	require.Equal(t, 10*minute, c.next(0, 1000*hour, minute))
	c = newChunker(0, 100*sliceSamples)
	require.Equal(t, 2*hour, c.next(0, 1000*hour, minute), "never more than without a limit")
}
