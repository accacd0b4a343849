package reads

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func acquired(t *testing.T, q *Queue, expected time.Duration) (release func()) {
	t.Helper()
	release, err := q.Acquire(context.Background(), expected, 10*time.Second)
	require.NoError(t, err)
	return release
}

func TestQueue_ReportThatNoneFinishes(t *testing.T) {
	q := New(2)
	release := acquired(t, q, 0)
	defer acquired(t, q, 0)()
	_, err := q.Acquire(context.Background(), 0, 20*time.Millisecond)
	require.EqualError(t, err, "none of 2 reads in progress has finished within 20ms")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = q.Acquire(ctx, 0, time.Minute)
	require.ErrorIs(t, err, context.Canceled)
	release()
	release()
	acquired(t, q, 0)()
	require.Equal(t, 1, q.running, "who gave up holds no place")
	require.Empty(t, q.waiting)
}

// One expensive expression must not keep the others waiting.
func TestQueue_SlowOnesDoNotKeepQuickOnesWaiting(t *testing.T) {
	for _, limit := range []int{1, 2} {
		q := New(limit)
		q.slowAfter = 20 * time.Millisecond
		var slow []func()
		for range limit { // not known to be slow before
			slow = append(slow, acquired(t, q, 0))
		}
		acquired(t, q, 0)()
		_, err := q.Acquire(context.Background(), time.Minute, 100*time.Millisecond)
		require.Error(t, err, "a slow one waits for a slow one")
		for range limit {
			slow = append(slow, acquired(t, q, 0))
		}
		time.Sleep(100 * time.Millisecond) // until they turn out to be slow too
		_, err = q.Acquire(context.Background(), 0, 50*time.Millisecond)
		require.Error(t, err, "twice the limit is the most")
		for _, release := range slow {
			release()
		}
		require.Zero(t, q.running)
		require.Zero(t, q.slow)
	}
}

func TestQueue_QuickOnesGoFirstAndSlowOnesFollow(t *testing.T) {
	q := New(1)
	release := acquired(t, q, 0)
	var (
		mu    sync.Mutex
		order []time.Duration
		all   sync.WaitGroup
	)
	expected := []time.Duration{time.Hour, time.Second, time.Minute, 0}
	for i, d := range expected {
		all.Go(func() {
			release, err := q.Acquire(context.Background(), d, time.Minute)
			require.NoError(t, err)
			mu.Lock()
			order = append(order, d)
			mu.Unlock()
			release()
		})
		require.Eventually(t, func() bool {
			q.mu.Lock()
			defer q.mu.Unlock()
			return len(q.waiting) == i+1
		}, 5*time.Second, time.Millisecond)
	}
	release()
	all.Wait()
	slices.Sort(expected)
	require.Equal(t, expected, order)
}

func TestQueue_TryAcquireTakesNobodysPlace(t *testing.T) {
	q := New(2)
	first := acquired(t, q, 0)
	second, ok := q.TryAcquire()
	require.True(t, ok)
	_, ok = q.TryAcquire()
	require.False(t, ok)
	third := make(chan func())
	go func() {
		release, _ := q.Acquire(context.Background(), time.Hour, time.Minute)
		third <- release
	}()
	require.Eventually(t, func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return len(q.waiting) == 1
	}, 10*time.Second, time.Millisecond)
	second()
	release := <-third
	first()
	release()
	require.Zero(t, q.running)
}
