package remoteread_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/dedup"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/limit"
)

// readSeries reads all series into memory, as the PromQL engine does.
func readSeries(t *testing.T, o remoteread.Options) (n int, err error) {
	t.Helper()
	querier, err := newClient(t, o).Querier(0, 10_000)
	require.NoError(t, err)
	defer querier.Close()
	set := querier.Select(context.Background(), false, nil, metric("up"))
	var all []storage.Series
	for set.Next() {
		all = append(all, set.At())
	}
	return len(all), set.Err()
}

func requireTooLarge(t *testing.T, err error, want string) {
	t.Helper()
	e, ok := errors.AsType[*remoteread.Error](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, "too_large", e.Reason)
	require.True(t, e.TooLarge())
	require.False(t, e.Temporary())
	require.ErrorContains(t, err, want)
}

func TestClient_EndsAnEndlessAnswerOfValidFrames(t *testing.T) {
	for _, tc := range []struct {
		name   string
		limits limit.Limits
		frame  func(i int) []byte
		want   string
	}{
		{"of new series", limit.Limits{Bytes: 1 << 20}, func(i int) []byte {
			return seriesFrame(t, fmt.Sprint(i), xorChunk(t, 1000, 2000))
		}, "it takes more than 1048576 bytes of memory"},
		{"of one series", limit.Limits{Bytes: 1 << 20}, func(i int) []byte {
			return seriesFrame(t, "a", xorChunk(t, int64(i)*1000+1, int64(i)*1000+2))
		}, "it takes more than 1048576 bytes of memory"},
		{"of chunks out of range", limit.Limits{Bytes: 1 << 20}, func(int) []byte {
			return seriesFrame(t, "a", xorChunk(t, 1e9, 2e9))
		}, "it takes more than 1048576 bytes of memory"},
		{"of samples", limit.Limits{Samples: 1000}, func(i int) []byte {
			return seriesFrame(t, fmt.Sprint(i), xorChunk(t, 1000, 2000))
		}, "it has more than 1000 samples"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", streamedType)
				for i := 0; r.Context().Err() == nil; i++ {
					if _, err := w.Write(tc.frame(i)); err != nil {
						return
					}
				}
			})
			_, err := readSeries(t, remoteread.Options{URL: url, Limits: tc.limits, Timeout: 30 * time.Second})
			requireTooLarge(t, err, tc.want)
		})
	}
}

// repeated returns a message that has a field with the same content again and again, up to a size.
func repeated(num protowire.Number, content []byte, size int) []byte {
	one := protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), content)
	return bytes.Repeat(one, max(1, size/len(one)))
}

// Messages that are almost empty take a hundred times their size once they are decoded, and compress well.
func TestClient_DecodesBombsWithinItsLimits(t *testing.T) {
	const size = 8e6 // below MaxFrameBytes
	label := repeated(1, append(protowire.AppendBytes([]byte{0x0a}, []byte("a")), 0x12, 1, 'b'), 1)
	response := func(result []byte) []byte { return repeated(1, result, 1) }
	for _, tc := range []struct {
		name    string
		message []byte
	}{
		{"results", repeated(1, nil, size)},
		{"series", response(repeated(1, nil, size))},
		{"labels", response(repeated(1, repeated(1, nil, size), 1))},
		{"equal labels", response(repeated(1, bytes.Repeat(label, size/len(label)), 1))},
		{"samples", response(repeated(1, append(label, repeated(2, nil, size)...), 1))},
		{"histograms", response(repeated(1, append(label, repeated(4, nil, size)...), 1))},
		{"buckets", response(repeated(1, append(label, repeated(4, repeated(11, nil, size), 1)...), 1))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body := snappy.Encode(nil, tc.message)
			require.Less(t, len(body), 600_000)
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/x-protobuf")
				w.Write(body)
			})
			tc.message = nil
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := readSeries(t, remoteread.Options{URL: url, Limits: limit.Limits{Bytes: 4 << 20}})
			runtime.ReadMemStats(&after)
			require.Error(t, err)
			require.Less(t, (after.TotalAlloc-before.TotalAlloc)>>20, uint64(80), "MiB, of which the message has 8")
		})
	}
	for _, name := range []string{"chunks", "series"} {
		t.Run("streamed "+name, func(t *testing.T) {
			message := repeated(1, append(bytes.Clone(label), repeated(2, nil, size)...), 1)
			if name == "series" {
				message = repeated(1, nil, size)
			}
			url := serveStream(t, frame(message))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := readSeries(t, remoteread.Options{URL: url, Limits: limit.Limits{Bytes: 4 << 20}})
			runtime.ReadMemStats(&after)
			requireTooLarge(t, err, "frame 1: the answer is too large: it takes more than 4194304 bytes of memory")
			require.Less(t, (after.TotalAlloc-before.TotalAlloc)>>20, uint64(120), "MiB: the buffer of the frame grows")
		})
	}
}

func TestClient_LimitsLabelsAsPrometheusDoes(t *testing.T) {
	limits := limit.Limits{Labels: 3, LabelNameLength: 20, LabelValueLength: 1000}
	for _, tc := range []struct {
		name   string
		limits limit.Limits
		labels []prompb.Label
		want   string
	}{
		{"fits", limits, []prompb.Label{
			{Name: "a", Value: strings.Repeat("v", 1000)}, {Name: strings.Repeat("n", 20), Value: "v"},
		}, ""},
		{
			"too many", limits,
			[]prompb.Label{{Name: "a", Value: "1"}, {Name: "b", Value: "1"}, {Name: "c", Value: "1"}},
			"label_limit exceeded (metric: up, limit: 3)",
		},
		{
			"long name", limits,
			[]prompb.Label{{Name: strings.Repeat("n", 21), Value: "1"}},
			"label_name_length_limit exceeded (metric: up, label name: nnnnnnnnnnnnnnnnnnnnn, length: 21, limit: 20)",
		},
		{
			"a megabyte", limits,
			[]prompb.Label{{Name: "a", Value: strings.Repeat("v", 1<<20)}},
			`label_value_length_limit exceeded (metric: up, label name: a, value: "` + strings.Repeat("v", 50) +
				`", length: 1048576, limit: 1000)`,
		},
		{"a megabyte without limits", limit.Limits{}, []prompb.Label{{Name: "a", Value: strings.Repeat("v", 1<<20)}}, ""},
		{
			"16 MiB, at which labels panic",
			limit.Limits{},
			[]prompb.Label{{Name: "a", Value: strings.Repeat("v", 1<<24)}},
			`label_value_length_limit exceeded (metric: up, label name: a, value: "` + strings.Repeat("v", 50) +
				`", length: 16777216, limit: 0)`,
		},
	} {
		name := []prompb.Label{{Name: "__name__", Value: "up"}}
		streamed, err := (&prompb.ChunkedReadResponse{ChunkedSeries: []*prompb.ChunkedSeries{{
			Labels: append(name, tc.labels...), Chunks: []prompb.Chunk{xorChunk(t, 1000)},
		}}}).Marshal()
		require.NoError(t, err)
		sampled, err := (&prompb.ReadResponse{Results: []*prompb.QueryResult{{Timeseries: []*prompb.TimeSeries{{
			Labels: append(name, tc.labels...), Samples: []prompb.Sample{{Timestamp: 1000}},
		}}}}}).Marshal()
		require.NoError(t, err)
		for contentType, body := range map[string][]byte{
			streamedType: frame(streamed), "application/x-protobuf": snappy.Encode(nil, sampled),
		} {
			t.Run(tc.name+" "+contentType[:18], func(t *testing.T) {
				url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", contentType)
					w.Write(body)
				})
				o := remoteread.Options{URL: url, Limits: tc.limits, MaxConcurrency: 1, MaxRetries: -1}
				n, err := readSeries(t, o)
				if tc.want == "" {
					require.NoError(t, err)
					require.Equal(t, 1, n)
					return
				}
				require.ErrorContains(t, err, tc.want)
				e, ok := errors.AsType[*remoteread.Error](err)
				require.True(t, ok)
				require.Equal(t, "label_limit", e.Reason)
				require.False(t, e.TooLarge(), "a shorter range does not help")
			})
		}
	}
}

// roundTrip is an http.RoundTripper.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The PromQL engine recovers a panic of the client; the slot must not be lost with it.
func TestClient_ReleasesItsSlotOnAPanic(t *testing.T) {
	url := serveStream(t, seriesFrame(t, "a", xorChunk(t, 1000)))
	panics := true
	client := newClient(t, remoteread.Options{
		URL: url, MaxConcurrency: 1, MaxRetries: -1,
		HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if panics {
				panic("in a library")
			}
			return http.DefaultTransport.RoundTrip(r)
		})},
	})
	require.Panics(t, func() { read(context.Background(), client) })
	panics = false
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	series, set := read(ctx, client)
	require.NoError(t, set.Err())
	require.Equal(t, 1, series)
	http.DefaultClient.CloseIdleConnections()
}

// A client that was replaced keeps no connections, though reads of it go on for a while.
func TestClient_KeepsNoConnectionsOnceRetired(t *testing.T) {
	var open atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", streamedType)
		w.Write(seriesFrame(t, "a", xorChunk(t, 1000)))
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := newClient(t, remoteread.Options{
		URL: server.URL, HTTPClient: &http.Client{Transport: &http.Transport{}},
	})
	for retired := range 2 {
		for range 3 {
			series, set := read(context.Background(), client)
			require.NoError(t, set.Err())
			require.Equal(t, 1, series)
		}
		require.Eventually(t, func() bool { return open.Load() == int64(1-retired) }, 5*time.Second, time.Millisecond)
		client.Retire()
	}
}

// What a series says that it takes is what the heap grows by, so that readers can size their reads by it.
func TestClient_SeriesKnowWhatTheyTake(t *testing.T) {
	const n = 20_000
	times := make([]int64, 100)
	for i := range times {
		times[i] = int64(i) * 97
	}
	chunk := xorChunk(t, times...)
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", streamedType)
		for i := range n {
			w.Write(seriesFrame(t, fmt.Sprintf("pod-%d", i), chunk))
		}
	})
	querier, err := newClient(t, remoteread.Options{URL: url}).Querier(0, 10_000)
	require.NoError(t, err)
	defer querier.Close()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	set := querier.Select(context.Background(), false, nil, metric("up"))
	var all []storage.Series
	var told int64
	for set.Next() {
		all = append(all, set.At())
		told += set.At().(interface{ MemoryBytes() int64 }).MemoryBytes()
	}
	require.NoError(t, set.Err())
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Len(t, all, n)
	require.InEpsilon(t, float64(after.HeapAlloc-before.HeapAlloc), float64(told), 0.5)

	merged := dedup.Merge(all[0], all[1]).(interface{ MemoryBytes() int64 })
	require.InEpsilon(t, 2*told/n, merged.MemoryBytes(), 0.1)
}

// Cortex and Mimir pass answers between their parts in messages of limited size, 4 MiB by default, and refuse larger
// answers after ten seconds of retries. The client finds out once what fits.
func TestClient_RemembersHowManySamplesTheServerAnswersWith(t *testing.T) {
	const interval, most = 10, 200_000 // milliseconds, samples
	refused := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		message, _ := snappy.Decode(nil, body)
		var request prompb.ReadRequest
		if request.Unmarshal(message) != nil {
			http.Error(w, "not a query", http.StatusBadRequest)
			return
		}
		start, end := request.Queries[0].StartTimestampMs, request.Queries[0].EndTimestampMs
		if (end-start)/interval > most {
			refused++
			http.Error(w, `{"status":"error","error":"rpc error: code = ResourceExhausted desc = grpc: received message `+
				`larger than max (4478682 vs. 4194304)"}`, http.StatusInternalServerError)
			return
		}
		series := &prompb.TimeSeries{Labels: []prompb.Label{{Name: "__name__", Value: "dense"}}}
		for ts := (start + interval - 1) / interval * interval; ts <= end; ts += interval {
			series.Samples = append(series.Samples, prompb.Sample{Timestamp: ts})
		}
		answer, _ := (&prompb.ReadResponse{Results: []*prompb.QueryResult{{
			Timeseries: []*prompb.TimeSeries{series},
		}}}).Marshal()
		w.Header().Set("Content-Type", "application/x-protobuf")
		w.Write(snappy.Encode(nil, answer))
	}))
	t.Cleanup(server.Close)
	client := newClient(t, remoteread.Options{URL: server.URL + "/api/v1/read"})
	count := func() (n int) {
		querier, err := client.Querier(0, 2*hour-1)
		require.NoError(t, err)
		defer querier.Close()
		set := querier.Select(context.Background(), false, nil, metric("dense"))
		for set.Next() {
			for it := set.At().Iterator(nil); it.Next() != chunkenc.ValNone; n++ {
			}
		}
		require.NoError(t, set.Err())
		return n
	}
	require.Equal(t, int(2*hour/interval), count())
	require.Equal(t, 2, refused, "240,000 and then 250,000 samples; neither is tried again, as a temporary error would be")
	require.Equal(t, int(2*hour/interval), count())
	require.Equal(t, 2, refused, "nothing more is refused")
}
