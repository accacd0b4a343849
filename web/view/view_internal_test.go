package view

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReplays_RunOneAtATimeAndAreRemembered(t *testing.T) {
	r := newReplays()
	runs := 0
	run := func() (*History, error) { runs++; return &History{}, nil }
	for range 3 {
		_, err := r.get(t.Context(), replayKey{id: 1}, run)
		require.NoError(t, err)
	}
	require.Equal(t, 1, runs)
	_, err := r.get(t.Context(), replayKey{id: 2}, func() (*History, error) { return nil, errors.New("refused") })
	require.EqualError(t, err, "refused")
	_, err = r.get(t.Context(), replayKey{id: 2}, run)
	require.NoError(t, err, "a failure is not remembered")
	for id := range uint64(3 * keptReplays) {
		_, err := r.get(t.Context(), replayKey{id: id + 10}, run)
		require.NoError(t, err)
	}
	memory := <-r.turn
	require.Len(t, *memory, keptReplays)

	// While one has its turn, a few wait, and the others are told to come back.
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	for range maxReplays {
		go func() {
			_, err := r.get(ctx, replayKey{id: 3}, run)
			done <- err
		}()
	}
	require.Eventually(t, func() bool { return len(r.waiting) == maxReplays }, 5*time.Second, time.Millisecond)
	_, err = r.get(t.Context(), replayKey{id: 3}, run)
	require.ErrorIs(t, err, ErrBusy)
	cancel()
	for range maxReplays {
		require.ErrorIs(t, <-done, context.Canceled)
	}
}

func TestSeries_SelectorFindsItself(t *testing.T) {
	s := Series{Labels: map[string]string{"job": `a"b\c`, "my.label": "x\ny", "detector": "d"}}
	selectors, err := ParseSelectors([]string{s.Selector()})
	require.NoError(t, err)
	require.Len(t, selectors[0], 3)
	for _, m := range selectors[0] {
		require.True(t, m.Matches(s.Labels[m.Name]), m)
	}
}
