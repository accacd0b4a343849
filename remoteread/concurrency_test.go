package remoteread_test

import (
	"bytes"
	"context"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/prometheus/prometheus/storage"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
)

// slowServer answers with two series, with a pause between them, and tracks the largest number of concurrent reads.
func slowServer(t *testing.T) (url string, most *atomic.Int32) {
	t.Helper()
	var now atomic.Int32
	most = &atomic.Int32{}
	a, b := seriesFrame(t, "a", xorChunk(t, 1000)), seriesFrame(t, "b", xorChunk(t, 1000))
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		w.Header().Set("Content-Type", streamedType)
		w.Write(a)
		w.(http.Flusher).Flush()
		time.Sleep(5 * time.Millisecond)
		w.Write(b)
	}), most
}

func TestClient_BoundsReadsInFlight(t *testing.T) {
	url, most := slowServer(t)
	client := newClient(t, remoteread.Options{URL: url, MaxConcurrency: 3})
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			series, set := read(context.Background(), client)
			if series != 2 || set.Err() != nil {
				t.Errorf("%d series, error %v", series, set.Err())
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, most.Load(), int32(3))
	require.Greater(t, most.Load(), int32(1))
}

func TestQuerier_NeedsOneSlotForAllItsSets(t *testing.T) {
	url, most := slowServer(t)
	client := newClient(t, remoteread.Options{URL: url, MaxConcurrency: 1, Timeout: 20 * time.Second})
	querier, err := client.Querier(0, 10_000)
	require.NoError(t, err)
	defer querier.Close()
	sets := make([]storage.SeriesSet, 3)
	for i := range sets {
		sets[i] = querier.Select(context.Background(), false, nil, metric("up"))
	}
	for range 2 { // alternately, which the engine never does
		for _, set := range sets {
			require.True(t, set.Next())
			require.Equal(t, 2, set.At().Labels().Len())
		}
	}
	for _, set := range sets {
		require.False(t, set.Next())
		require.NoError(t, set.Err())
	}
	require.Equal(t, int32(1), most.Load())
}

func TestClient_ReleasesTheSlotOfAbandonedStreams(t *testing.T) {
	for _, tc := range []struct {
		name    string
		timeout time.Duration
		abandon func(storage.Querier, context.CancelFunc)
	}{
		{"close", time.Minute, func(q storage.Querier, _ context.CancelFunc) { q.Close() }},
		{"cancel", time.Minute, func(_ storage.Querier, cancel context.CancelFunc) { cancel() }},
		{"timeout", time.Second, func(storage.Querier, context.CancelFunc) {}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var requests atomic.Int32
			a, b := seriesFrame(t, "a", xorChunk(t, 1000)), seriesFrame(t, "b", xorChunk(t, 1000))
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				n := requests.Add(1)
				w.Header().Set("Content-Type", streamedType)
				w.Write(bytes.Join([][]byte{a, b}, nil))
				w.(http.Flusher).Flush()
				if n == 1 {
					<-r.Context().Done()
				}
			})
			client := newClient(t, remoteread.Options{URL: url, MaxConcurrency: 1, Timeout: tc.timeout})
			querier, err := client.Querier(0, 10_000)
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			set := querier.Select(ctx, false, nil, metric("up"))
			require.True(t, set.Next())
			tc.abandon(querier, cancel)

			series, other := read(context.Background(), client)
			require.NoError(t, other.Err())
			require.Equal(t, 2, series)
			require.False(t, set.Next(), "an abandoned answer does not look complete")
			require.Error(t, set.Err())
			require.NoError(t, querier.Close())
			late := querier.Select(ctx, false, nil, metric("up"))
			require.False(t, late.Next())
			require.ErrorContains(t, late.Err(), "querier is closed")
		})
	}
}

// It reads two servers at once, as with several entries of remote_read.
func TestClient_MergesWithAnother(t *testing.T) {
	one, _ := slowServer(t)
	two := serveStream(t, seriesFrame(t, "b", xorChunk(t, 1000, 2000)), seriesFrame(t, "c", xorChunk(t, 3000)))
	var primary, secondary storage.Querier
	for q, url := range map[*storage.Querier]string{&primary: one, &secondary: two} {
		var err error
		*q, err = newClient(t, remoteread.Options{URL: url, MaxConcurrency: 1}).Querier(0, 10_000)
		require.NoError(t, err)
	}
	merged := storage.NewMergeQuerier([]storage.Querier{primary, secondary}, nil, storage.ChainedSeriesMerge)
	defer merged.Close()
	set := merged.Select(context.Background(), false, nil, metric("up"))
	var got []string
	for set.Next() {
		got = append(got, set.At().Labels().Get("pod"))
	}
	require.NoError(t, set.Err())
	require.Equal(t, []string{"a", "b", "c"}, got)
}

// It reads broken streams many times over.
func TestClient_LeaksNothingOnCorruptStreams(t *testing.T) {
	good := seriesFrame(t, "a", xorChunk(t, 1000, 2000))
	bodies := [][]byte{
		good[:10], good[:len(good)-1],
		{0},
		bytes.Repeat([]byte{0xff}, 20),
		append(bytes.Clone(good), 0x85, 0x80, 0x80, 0x17, 1, 2, 3, 4),
	}
	var n atomic.Int32
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", streamedType)
		w.Write(bodies[int(n.Add(1))%len(bodies)])
	})
	client := newClient(t, remoteread.Options{URL: url, Metrics: remoteread.NewMetrics(prometheus.NewRegistry())})
	round := func() (heap uint64, goroutines int) {
		for range 200 {
			_, set := read(context.Background(), client)
			require.Error(t, set.Err())
		}
		runtime.GC()
		runtime.GC() // the first one only ages what pools hold
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, runtime.NumGoroutine()
	}
	heap, goroutines := round()
	heapAfter, goroutinesAfter := round()
	for range 3 { // what open connections hold comes and goes; a leak stays
		h, g := round()
		heapAfter, goroutinesAfter = min(heapAfter, h), min(goroutinesAfter, g)
	}
	require.Less(t, heapAfter, heap+1<<20)
	require.LessOrEqual(t, goroutinesAfter, goroutines+5)
}

func TestClient_MergesSplitAndOverlappingChunks(t *testing.T) {
	client := newClient(t, remoteread.Options{URL: serveStream(t,
		seriesFrame(t, "a", xorChunk(t, 1000, 2000, 3000), xorChunk(t, 2000, 2500, 3000, 6000)),
		seriesFrame(t, "a", xorChunk(t, 500, 700)),
		seriesFrame(t, "a", xorChunk(t, 8000, 9000, 10_000, 11_000)),
	)})
	got := readAll(t, client, 600, 10_000, metric("up"))
	require.Len(t, got, 1)
	var times []int64
	for _, s := range got[`{__name__="up", pod="a"}`] {
		times = append(times, s.t)
	}
	require.Equal(t, []int64{700, 1000, 2000, 2500, 3000, 6000, 8000, 9000, 10_000}, times)

	querier, err := client.Querier(600, 10_000)
	require.NoError(t, err)
	defer querier.Close()
	set := querier.Select(context.Background(), true, nil, metric("up"))
	require.True(t, set.Next())
	it := set.At().Iterator(nil)
	for _, want := range times[2:] {
		it.Seek(want - 10)
		require.Equal(t, want, it.AtT())
	}
}

func TestSelect_MergesEqualLabelsWhenSorting(t *testing.T) {
	client := newClient(t, remoteread.Options{URL: serveStream(t,
		seriesFrame(t, "b", xorChunk(t, 3000)), seriesFrame(t, "c", xorChunk(t, 1000)),
		seriesFrame(t, "a", xorChunk(t, 1000)), seriesFrame(t, "b", xorChunk(t, 1000, 2000)),
	)})
	querier, err := client.Querier(0, 10_000)
	require.NoError(t, err)
	defer querier.Close()
	set := querier.Select(context.Background(), true, nil, metric("up"))
	got := map[string]int{}
	last := ""
	for set.Next() {
		pod := set.At().Labels().Get("pod")
		require.Less(t, last, pod)
		last = pod
		for it := set.At().Iterator(nil); it.Next() != 0; {
			got[pod]++
		}
	}
	require.NoError(t, set.Err())
	require.Equal(t, map[string]int{"a": 1, "b": 3, "c": 1}, got)
}
