package schedule_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/schedule"
)

func none() struct{} { return struct{}{} }

// requireSlots fails unless n slots of w are free: so many things can be done at the same time.
func requireSlots(t *testing.T, w *schedule.Workers, n int) {
	t.Helper()
	var arrived sync.WaitGroup
	arrived.Add(n)
	done := make(chan struct{})
	go func() {
		defer close(done)
		schedule.Each(t.Context(), w, make([]int, n), none, func(int, struct{}) {
			arrived.Done()
			arrived.Wait() // until all are under way
		})
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		require.FailNow(t, "slots are missing", "%d are not free", n)
	}
}

// A program that stops does not wait for a hundred thousand fits.
func TestEach_LeavesOutTheRestWhenTheContextEnds(t *testing.T) {
	w := schedule.NewWorkers(2)
	ctx, cancel := context.WithCancel(context.Background())
	var done atomic.Int64
	schedule.Each(ctx, w, make([]int, 1000), none, func(int, struct{}) {
		if done.Add(1) == 10 {
			cancel()
		}
	})
	require.LessOrEqual(t, done.Load(), int64(11))
	requireSlots(t, w, 2)

	full := schedule.NewWorkers(1) // whose only slot is taken
	ctx, cancel = context.WithCancel(context.Background())
	schedule.Each(t.Context(), full, []int{1}, none, func(int, struct{}) {
		time.AfterFunc(10*time.Millisecond, cancel)
		schedule.Each(ctx, full, []int{1}, none, func(int, struct{}) { t.Error("there is no slot") })
	})
}

// Detectors that share Workers share their slots: all of them together do no more at a time than one alone.
func TestEach_NeverExceedsTheWorkersOverConcurrentCalls(t *testing.T) {
	const limit, calls, items = 3, 5, 60
	w := schedule.NewWorkers(limit)
	var now, most, missing atomic.Int64
	done := make([][]atomic.Int64, calls)
	var concurrent sync.WaitGroup
	for call := range calls {
		done[call] = make([]atomic.Int64, items)
		numbers := make([]int, items)
		for i := range numbers {
			numbers[i] = i
		}
		concurrent.Go(func() {
			schedule.Each(t.Context(), w, numbers, none, func(i int, _ struct{}) {
				n := now.Add(1)
				for {
					before := most.Load()
					if n <= before || most.CompareAndSwap(before, n) {
						break
					}
				}
				time.Sleep(time.Millisecond)
				done[call][i].Add(1)
				now.Add(-1)
			})
			for i := range numbers { // Each has waited
				if done[call][i].Load() != 1 {
					missing.Add(1)
				}
			}
		})
	}
	concurrent.Wait()
	require.Zero(t, missing.Load(), "each item once")
	require.Equal(t, int64(limit), most.Load(), "and uses all of them")
	requireSlots(t, w, limit)
}

func TestEach_GivesEachGoroutineAScratchOfItsOwn(t *testing.T) {
	type scratch struct{ busy atomic.Bool }
	var made, shared atomic.Int64
	var used sync.Map
	w := schedule.NewWorkers(4)
	newScratch := func() *scratch { made.Add(1); return &scratch{} }
	schedule.Each(t.Context(), w, make([]int, 200), newScratch, func(_ int, s *scratch) {
		if s.busy.Swap(true) {
			shared.Add(1)
		}
		used.Store(s, true)
		runtime.Gosched()
		s.busy.Store(false)
	})
	require.Zero(t, shared.Load())
	require.LessOrEqual(t, made.Load(), int64(4))
	used.Range(func(any, any) bool { made.Add(-1); return true })
	require.GreaterOrEqual(t, made.Load(), int64(0))
}

func TestEach_WithoutItemsDoesNothing(t *testing.T) {
	w := schedule.NewWorkers(2)
	noScratch := func() int { panic("no scratch is needed") }
	schedule.Each(t.Context(), w, nil, noScratch, func(int, int) { panic("nothing is to be done") })
	requireSlots(t, w, 2)
}

func TestNewWorkers_AreAtLeastOne(t *testing.T) {
	for _, n := range []int{-1, 0, 1} {
		sum := 0
		schedule.Each(t.Context(), schedule.NewWorkers(n), []int{1, 2, 3}, none, func(i int, _ struct{}) { sum += i })
		require.Equal(t, 6, sum)
	}
}

// A slot is given back however do ends: by recovering from a panic, as all callers do, or by leaving its goroutine.
func TestEach_LeaksNoSlots(t *testing.T) {
	w := schedule.NewWorkers(3)
	var done atomic.Int64
	schedule.Each(t.Context(), w, make([]int, 30), none, func(int, struct{}) {
		defer func() {
			_ = recover()
			done.Add(1)
		}()
		panic("bad")
	})
	require.Equal(t, int64(30), done.Load())
	requireSlots(t, w, 3)
	schedule.Each(t.Context(), w, make([]int, 30), none, func(int, struct{}) { runtime.Goexit() })
	requireSlots(t, w, 3)
}

// Each does not recover: a panic that do lets through ends the program, as any panic in a goroutine does.
func TestEach_LetsAPanicEndTheProgram(t *testing.T) {
	const variable = "SCHEDULE_TEST_PANIC"
	if os.Getenv(variable) != "" {
		nobody := func(int, struct{}) { panic("nobody recovers") }
		schedule.Each(context.Background(), schedule.NewWorkers(2), []int{1}, none, nobody)
		os.Exit(0) // not reached
	}
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), variable+"=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.True(t, bytes.Contains(out, []byte("panic: nobody recovers")), "%s", out)
}
