package past

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPast_RunOneAtATimeAndAreRemembered(t *testing.T) {
	p := New(nil)
	runs := 0
	run := func(context.Context) (*History, error) { runs++; return &History{Time: make([]int64, 10_000)}, nil }
	for range 3 {
		_, err := remembered(t.Context(), p, Span{ID: 1}, run)
		require.NoError(t, err)
	}
	require.Equal(t, 1, runs)
	refuse := func(context.Context) (*History, error) { return nil, errors.New("refused") }
	_, err := remembered(t.Context(), p, Span{ID: 2}, refuse)
	require.EqualError(t, err, "refused")
	_, err = remembered(t.Context(), p, Span{ID: 2}, run)
	require.NoError(t, err, "a failure is not remembered")
	for id := range uint64(30) {
		_, err := remembered(t.Context(), p, Span{ID: id + 10}, run)
		require.NoError(t, err)
	}
	memory := <-p.turn
	require.Len(t, memory, keptSteps/10_000)
	require.Equal(t, Span{ID: 39}, memory[len(memory)-1].key)

	// While one has its turn, a few wait, and the others are told to come back.
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	for range maxReplays {
		go func() {
			_, err := remembered(ctx, p, Span{ID: 3}, run)
			done <- err
		}()
	}
	require.Eventually(t, func() bool { return len(p.waiting) == maxReplays }, 5*time.Second, time.Millisecond)
	_, err = remembered(t.Context(), p, Span{ID: 3}, run)
	require.ErrorIs(t, err, ErrBusy)
	cancel()
	for range maxReplays {
		require.ErrorIs(t, <-done, context.Canceled)
	}
}
