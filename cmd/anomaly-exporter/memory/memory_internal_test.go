package memory

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestShare_NeverTakesMoreThanTheEndOfTheStart(t *testing.T) {
	const n, besides = 1000, 12 << 20
	end := (besides + n*modelBytes) * (100 + percent) / 100
	for fitted := range n + 1 {
		used := besides + fitted*modelBytes
		require.InEpsilon(t, end, used*(100+share(uint64(used), n-fitted))/100, 0.01)
	}
	require.Equal(t, percent, share(besides, 0))
	require.Equal(t, percent, share(0, 0), "before anything was collected")
}

func TestPace_FollowsTheModelsThatAreMissing(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(percent)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	const least = percent + 1
	unfitted := make(chan int)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- Pace(ctx, func() int { return <-unfitted }) }()
	current := func() int {
		now := debug.SetGCPercent(percent)
		debug.SetGCPercent(now)
		return now
	}
	send := func(n int) {
		for range 2 { // when the second is taken, the first has had its effect
			select {
			case unfitted <- n:
			case <-time.After(10 * time.Second):
				require.FailNow(t, "it does not ask")
			}
		}
	}
	collections := func() int64 {
		var s debug.GCStats
		debug.ReadGCStats(&s)
		return s.NumGC
	}
	runtime.GC()
	none := collections()
	send(1_000_000)
	require.Greater(t, collections(), none, "what was read is garbage")
	require.Greater(t, current(), least)
	send(0)
	require.Equal(t, percent, current())
	cancel()
	close(unfitted)
	require.NoError(t, <-done)
}

func TestPace_LeavesWhatTheUserChose(t *testing.T) {
	t.Setenv("GOGC", "50")
	ctx, cancel := context.WithTimeout(t.Context(), 2*pace)
	defer cancel()
	require.NoError(t, Pace(ctx, func() int { t.Error("asked"); return 0 }))
}
