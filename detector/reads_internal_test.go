package detector

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func acquired(t *testing.T, r *reads, expected time.Duration) (release func()) {
	t.Helper()
	release, err := r.acquire(context.Background(), expected, 10*time.Second)
	require.NoError(t, err)
	return release
}

func TestReads_ReportThatNoneFinishes(t *testing.T) {
	r := newReads(2)
	release := acquired(t, r, 0)
	defer acquired(t, r, 0)()
	_, err := r.acquire(context.Background(), 0, 20*time.Millisecond)
	require.EqualError(t, err, "none of 2 reads in progress has finished within 20ms")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = r.acquire(ctx, 0, time.Minute)
	require.ErrorIs(t, err, context.Canceled)
	release()
	release()
	acquired(t, r, 0)()
	require.Equal(t, 1, r.running, "who gave up holds no place")
	require.Empty(t, r.waiting)
}

// One expensive expression must not keep the others waiting.
func TestReads_SlowOnesDoNotKeepQuickOnesWaiting(t *testing.T) {
	for _, limit := range []int{1, 2} {
		r := newReads(limit)
		r.slowAfter = 20 * time.Millisecond
		var slow []func()
		for range limit { // not known to be slow before
			slow = append(slow, acquired(t, r, 0))
		}
		acquired(t, r, 0)()
		_, err := r.acquire(context.Background(), time.Minute, 100*time.Millisecond)
		require.Error(t, err, "a slow one waits for a slow one")
		for range limit {
			slow = append(slow, acquired(t, r, 0))
		}
		time.Sleep(100 * time.Millisecond) // until they turn out to be slow too
		_, err = r.acquire(context.Background(), 0, 50*time.Millisecond)
		require.Error(t, err, "twice the limit is the most")
		for _, release := range slow {
			release()
		}
		require.Zero(t, r.running)
		require.Zero(t, r.slow)
	}
}

func TestReads_QuickOnesGoFirstAndSlowOnesFollow(t *testing.T) {
	r := newReads(1)
	release := acquired(t, r, 0)
	var (
		mu    sync.Mutex
		order []time.Duration
		all   sync.WaitGroup
	)
	expected := []time.Duration{time.Hour, time.Second, time.Minute, 0}
	for i, d := range expected {
		all.Go(func() {
			release, err := r.acquire(context.Background(), d, time.Minute)
			require.NoError(t, err)
			mu.Lock()
			order = append(order, d)
			mu.Unlock()
			release()
		})
		require.Eventually(t, func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return len(r.waiting) == i+1
		}, 5*time.Second, time.Millisecond)
	}
	release()
	all.Wait()
	slices.Sort(expected)
	require.Equal(t, expected, order)
}
