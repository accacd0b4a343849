package remoteread_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	kitlog "github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/golang/snappy"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
)

const streamedType = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"

// frame makes a frame of a message.
func frame(message []byte) []byte {
	b := binary.AppendUvarint(nil, uint64(len(message)))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(message, crc32.MakeTable(crc32.Castagnoli)))
	return append(b, message...)
}

// xorChunk returns a chunk with the value t/1000 at each time t.
func xorChunk(t testing.TB, times ...int64) prompb.Chunk {
	c := chunkenc.NewXORChunk()
	app, err := c.Appender()
	require.NoError(t, err)
	for _, ms := range times {
		app.Append(0, ms, float64(ms)/1000)
	}
	return prompb.Chunk{Type: prompb.Chunk_XOR, MinTimeMs: times[0], MaxTimeMs: times[len(times)-1], Data: c.Bytes()}
}

func seriesFrame(t testing.TB, pod string, chunks ...prompb.Chunk) []byte {
	message, err := (&prompb.ChunkedReadResponse{ChunkedSeries: []*prompb.ChunkedSeries{{
		Labels: []prompb.Label{{Name: "__name__", Value: "up"}, {Name: "pod", Value: pod}},
		Chunks: chunks,
	}}}).Marshal()
	require.NoError(t, err)
	return frame(message)
}

// serve answers every read with the handler.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // or the server would not notice that the client has gone
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/api/v1/read"
}

func serveStream(t *testing.T, parts ...[]byte) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", streamedType)
		w.Write(bytes.Join(parts, nil))
	})
}

// read returns the number of series before the end or the error.
func read(ctx context.Context, q storage.Queryable) (series int, set storage.SeriesSet) {
	querier, err := q.Querier(0, 10_000)
	if err != nil {
		return 0, storage.ErrSeriesSet(err)
	}
	defer querier.Close()
	set = querier.Select(ctx, false, nil, metric("up"))
	for set.Next() {
		series++
	}
	return series, set
}

func TestClient_RejectsCorruptStreams(t *testing.T) {
	good := seriesFrame(t, "a", xorChunk(t, 1000, 2000))
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	message := func(r *prompb.ChunkedReadResponse) []byte {
		b, err := r.Marshal()
		require.NoError(t, err)
		return frame(b)
	}
	for _, tc := range []struct {
		name   string
		body   []byte
		series int // before the error
		reason string
		want   string
	}{
		{"torn frame", append(bytes.Clone(good), good[:20]...), 0, "truncated", "frame 2: stream ends after 15 of 57 bytes"},
		{"torn checksum", append(bytes.Clone(good), good[:3]...), 0, "truncated", "frame 2: stream ends within the checksum"},
		{"torn length", []byte{0x80}, 0, "truncated", "frame 1: stream ends within the length"},
		{
			"endless length", bytes.Repeat([]byte{0x80}, 11), 0, "malformed",
			"frame 1: length: binary: varint overflows a 64-bit integer",
		},
		{
			"wrong checksum", append(seriesFrame(t, "0", xorChunk(t, 1)), flipped...), 0, "checksum",
			"frame 2: checksum mismatch",
		},
		{
			"oversize frame", binary.AppendUvarint(nil, 1<<40), 0, "too_large",
			"frame 1: 1099511627776 bytes are over the limit of 1000",
		},
		{"empty frame", append(bytes.Clone(good), 0, 0, 0, 0, 0), 0, "malformed", "frame 2: empty frame"},
		{
			"frame without series",
			message(&prompb.ChunkedReadResponse{QueryIndex: 0, XXX_unrecognized: []byte{0x18, 1}}), 0, "malformed",
			"frame 1: no series in it",
		},
		{
			"another query", message(&prompb.ChunkedReadResponse{QueryIndex: 7}), 0, "malformed",
			"frame 1: query index 7 after 0, where 1 queries were asked",
		},
		{"not protobuf", frame([]byte{0xff, 0xff}), 0, "malformed", "frame 1: unexpected EOF"},
		{
			"a label twice", message(&prompb.ChunkedReadResponse{ChunkedSeries: []*prompb.ChunkedSeries{{
				Labels: []prompb.Label{{Name: "a", Value: "1"}, {Name: "b", Value: "1"}, {Name: "a", Value: "2"}},
			}}}), 0, "malformed", `frame 1: label "a" occurs twice`,
		},
		{
			"invalid UTF-8", message(&prompb.ChunkedReadResponse{ChunkedSeries: []*prompb.ChunkedSeries{{
				Labels: []prompb.Label{{Name: "a", Value: "\xff"}},
			}}}), 0, "malformed", `frame 1: label "a"="\xff" is not valid`,
		},
		{
			"an error in the middle, as Prometheus writes it",
			slices.Concat(good, seriesFrame(t, "b", xorChunk(t, 1000)), []byte("query timed out in expression evaluation\n")),
			1, "truncated", `frame 3: stream ends after 36 of 113 bytes, it reads "query timed out in expression evaluation"`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			client := newClient(t, remoteread.Options{
				URL: serveStream(t, tc.body), MaxFrameBytes: 1000, Metrics: remoteread.NewMetrics(reg),
			})
			series, set := read(context.Background(), client)
			require.Equal(t, tc.series, series)
			e, ok := errors.AsType[*remoteread.Error](set.Err())
			require.True(t, ok)
			require.EqualError(t, e, "remote read "+e.URL+": "+tc.want)
			require.Equal(t, tc.reason, e.Reason)
			require.False(t, e.Temporary())
			requireErrors(t, reg, e.URL, tc.reason, 1)
		})
	}
}

// requireErrors checks the counter of one reason, and that all others are 0.
func requireErrors(t *testing.T, reg prometheus.Gatherer, url, reason string, want int) {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() != "anomaly_exporter_remote_read_errors_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			l := m.GetLabel()
			require.Equal(t, url, l[1].GetValue())
			if l[0].GetValue() == reason {
				require.InDelta(t, want, m.GetCounter().GetValue(), 0, reason)
			} else {
				require.InDelta(t, 0, m.GetCounter().GetValue(), 0, l[0].GetValue())
			}
		}
		return
	}
	require.Fail(t, "no counter of errors")
}

func TestClient_RejectsWhatIsNotRemoteRead(t *testing.T) {
	sampled := func(r *prompb.ReadResponse) string {
		b, err := r.Marshal()
		require.NoError(t, err)
		return string(snappy.Encode(nil, b))
	}
	for _, tc := range []struct {
		name, contentType, body string
		reason, want            string
	}{
		{
			"HTML", "text/html; charset=utf-8", "<html>\n<title>Login\x1b[31m</title>" + strings.Repeat("x", 1000),
			"content_type", `content type "text/html; charset=utf-8" is not remote-read; ` +
				`the answer begins "<html> <title>Login.[31m</title>` + strings.Repeat("x", 168) + `"`,
		},
		{"no type", "", "", "content_type", `content type "" is not remote-read; the answer begins ""`},
		{
			"JSON", "application/json", `{"status":"success"}`, "content_type",
			`content type "application/json" is not remote-read; the answer begins "{\"status\":\"success\"}"`,
		},
		{
			"samples without snappy", "application/x-protobuf", "hello there", "malformed",
			`sampled answer: snappy: corrupt input; it begins "hello there"`,
		},
		{
			"samples with something else in snappy", "application/x-protobuf",
			string(snappy.Encode(nil, []byte{0xff, 0xff})), "malformed",
			"sampled answer: unexpected EOF",
		},
		{
			"no results", "application/x-protobuf", sampled(&prompb.ReadResponse{}), "malformed",
			"sampled answer: results of 0 queries, where 1 were asked",
		},
		{
			"a histogram of unknown schema", "application/x-protobuf",
			sampled(&prompb.ReadResponse{Results: []*prompb.QueryResult{{Timeseries: []*prompb.TimeSeries{{
				Labels: []prompb.Label{{Name: "a", Value: "b"}}, Histograms: []prompb.Histogram{{Timestamp: 5, Schema: 99}},
			}}}}}),
			"malformed", "sampled answer: series 0: histogram at 5 ms: histogram has an unknown schema, " +
				"which must be between -9 and 52 for exponential buckets, or -53 for custom buckets, got schema 99",
		},
		{
			"too many samples", "application/x-protobuf", string(binary.AppendUvarint(nil, 1<<30)), "too_large",
			"sampled answer of 1073741824 bytes is over the limit of 2000",
		},
		{
			"too many bytes", "application/x-protobuf", strings.Repeat("x", 3000), "too_large",
			"sampled answer is over the limit of 2000 bytes",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			requests := 0
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				requests++
				w.Header()["Content-Type"] = []string{tc.contentType}
				fmt.Fprint(w, tc.body)
			})
			client := newClient(t, remoteread.Options{URL: url, MaxFrameBytes: 2000})
			_, set := read(context.Background(), client)
			want := "remote read " + url + ": " + tc.want
			if tc.reason == "content_type" {
				want += "; is a prefix missing before /api/v1/read, such as /prometheus?"
			}
			require.EqualError(t, set.Err(), want)
			e, ok := errors.AsType[*remoteread.Error](set.Err())
			require.True(t, ok)
			require.Equal(t, tc.reason, e.Reason)
			require.Equal(t, 1, requests, "a permanent error is not retried")
		})
	}
}

func TestClient_RetriesOnlyTemporaryErrors(t *testing.T) {
	good := seriesFrame(t, "a", xorChunk(t, 1000, 2000))
	status := func(code int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if len(header) > 0 {
				w.Header().Set("Retry-After", header[0])
			}
			http.Error(w, "not now", code)
		}
	}
	hangUp := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	cutShort := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", streamedType)
		w.Write(good)
		w.Write(good[:10])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	for _, tc := range []struct {
		name     string
		first    []http.HandlerFunc // answers before the good one
		requests int32
		want     string // error, if any
		least    time.Duration
	}{
		{"no error", nil, 1, "", 0},
		{"503", []http.HandlerFunc{status(503)}, 2, "", 10 * time.Millisecond},
		{"three times 5xx", []http.HandlerFunc{status(500), status(502), status(504)}, 4, "", 70 * time.Millisecond},
		{
			"four times 5xx",
			[]http.HandlerFunc{status(500), status(500), status(500), status(500)},
			4,
			"server answered 500 Internal Server Error: not now", 70 * time.Millisecond,
		},
		{"429 with seconds", []http.HandlerFunc{status(429, "1")}, 2, "", 200 * time.Millisecond},
		{
			"429 with a date",
			[]http.HandlerFunc{status(429, time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))},
			2, "",
			200 * time.Millisecond,
		},
		{
			"429 with a date in the past",
			[]http.HandlerFunc{status(429, "Mon, 02 Jan 2006 15:04:05 GMT")},
			2, "",
			10 * time.Millisecond,
		},
		{"429 with something else", []http.HandlerFunc{status(429, "soon")}, 2, "", 10 * time.Millisecond},
		{"400", []http.HandlerFunc{status(400)}, 1, "server answered 400 Bad Request: not now", 0},
		{
			"401",
			[]http.HandlerFunc{status(401)},
			1,
			"server answered 401 Unauthorized: not now; " +
				"set basic_auth, authorization or oauth2 of this entry, or correct what they have", 0,
		},
		{
			"404",
			[]http.HandlerFunc{status(404)},
			1,
			"server answered 404 Not Found: not now; is a prefix missing before /api/v1/read, such as /prometheus?", 0,
		},
		{
			"500 about the size of the answer",
			[]http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, "rpc error: grpc: received message larger than max (9 vs. 4)", http.StatusInternalServerError)
			}},
			1,
			"server answered 500 Internal Server Error: rpc error: grpc: received message larger than max (9 vs. 4); raise " +
				"this limit of the server, for this tenant if it has tenants, or let the expression select less", 0,
		},
		{"connection closed", []http.HandlerFunc{hangUp}, 2, "", 10 * time.Millisecond},
		{"connection closed within the first series", []http.HandlerFunc{cutShort}, 2, "", 10 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if n := int(requests.Add(1)); n <= len(tc.first) {
					tc.first[n-1](w, r)
					return
				}
				w.Header().Set("Content-Type", streamedType)
				w.Write(good)
			})
			client := newClient(t, remoteread.Options{
				URL: url, MinBackoff: 10 * time.Millisecond, MaxBackoff: 200 * time.Millisecond,
			})
			start := time.Now()
			series, set := read(context.Background(), client)
			if tc.want == "" {
				require.NoError(t, set.Err())
				require.Equal(t, 1, series)
			} else {
				require.EqualError(t, set.Err(), "remote read "+url+": "+tc.want)
			}
			require.Equal(t, tc.requests, requests.Load())
			require.GreaterOrEqual(t, time.Since(start), tc.least)
		})
	}
}

// If a later attempt succeeds, nothing else says that the server limits reads.
func TestClient_LogsOnceThatAServerRefuses(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) })
	var logged bytes.Buffer
	client := newClient(t, remoteread.Options{
		URL: url, MinBackoff: time.Millisecond, Logger: level.NewFilter(kitlog.NewLogfmtLogger(&logged), level.AllowInfo()),
	})
	_, set := read(context.Background(), client)
	require.Error(t, set.Err())
	require.Equal(t, 1, strings.Count(logged.String(), "\n"), logged.String())
	require.Contains(t, logged.String(), `level=warn msg="Retrying remote read" url=`+url+` attempt=1 wait=1ms err="`+
		`server answered 429 Too Many Requests`)
}

func TestClient_DoesNotRetryAfterASeries(t *testing.T) {
	a, b := seriesFrame(t, "a", xorChunk(t, 1000)), seriesFrame(t, "b", xorChunk(t, 1000))
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", streamedType)
		w.Write(a)
		w.Write(b)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	client := newClient(t, remoteread.Options{URL: url})
	series, set := read(context.Background(), client)
	require.Equal(t, 1, series, "the second may not be complete")
	require.EqualError(t, set.Err(), "remote read "+url+": frame 3: unexpected EOF")
	e, ok := errors.AsType[*remoteread.Error](set.Err())
	require.True(t, ok)
	require.True(t, e.Temporary())
}

func TestClient_ReportsRefusedConnectionWithoutCredentials(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	reg := prometheus.NewRegistry()
	var logged bytes.Buffer
	client := newClient(t, remoteread.Options{
		URL:        "http://user:secret@" + strings.TrimPrefix(server.URL, "http://") + "/read?token=secret",
		MinBackoff: time.Millisecond,
		Metrics:    remoteread.NewMetrics(reg),
		Logger:     level.NewFilter(kitlog.NewLogfmtLogger(&logged), level.AllowInfo()),
	})
	_, set := read(context.Background(), client)
	require.ErrorContains(t, set.Err(), "remote read "+server.URL+"/read: dial tcp ")
	require.ErrorContains(t, set.Err(), "connection refused")
	require.NotContains(t, set.Err().Error(), "secret")
	requireErrors(t, reg, server.URL+"/read", "connection", 4)
	require.Empty(t, logged.String(), "who reads says it once, and for each detector")
}

func TestClient_DoesNotRetryUntrustedCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	var handshakes atomic.Int32
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			handshakes.Add(1)
		}
	}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	client := newClient(t, remoteread.Options{URL: server.URL})
	_, set := read(context.Background(), client)
	require.ErrorContains(t, set.Err(), "certificate")
	require.Equal(t, int32(1), handshakes.Load(), "not retried")
}

func TestClient_TimesOutOnSlowStreams(t *testing.T) {
	good := seriesFrame(t, "a", xorChunk(t, 1000))
	for _, tc := range []struct {
		name string
		send func(w http.ResponseWriter)
		want string
	}{
		{"no answer", func(http.ResponseWriter) {}, "no complete answer within 200ms: context deadline exceeded"},
		{
			"bytes that drip", func(w http.ResponseWriter) { w.Write([]byte{1}) },
			"frame 1: no complete answer within 200ms: context deadline exceeded",
		},
		{
			"one series forever", func(w http.ResponseWriter) { w.Write(good) },
			"no complete answer within 200ms: context deadline exceeded",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if tc.name != "no answer" {
					w.Header().Set("Content-Type", streamedType)
				}
				if tc.name == "bytes that drip" {
					w.Write([]byte{100, 0, 0, 0, 0})
				}
				for r.Context().Err() == nil {
					tc.send(w)
					if tc.name != "no answer" {
						w.(http.Flusher).Flush()
					}
					time.Sleep(10 * time.Millisecond)
				}
			})
			client := newClient(t, remoteread.Options{URL: url, Timeout: 200 * time.Millisecond, MaxConcurrency: 1})
			_, set := read(context.Background(), client)
			require.ErrorIs(t, set.Err(), context.DeadlineExceeded)
			require.ErrorContains(t, set.Err(), tc.want)
			e, ok := errors.AsType[*remoteread.Error](set.Err())
			require.True(t, ok)
			require.Equal(t, "timeout", e.Reason)
		})
	}
}

func TestClient_StopsAtOnceWhenCanceled(t *testing.T) {
	good := seriesFrame(t, "a", xorChunk(t, 1000))
	t.Run("while waiting to retry", func(t *testing.T) {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, set := read(ctx, newClient(t, remoteread.Options{URL: url}))
		require.ErrorIs(t, set.Err(), context.DeadlineExceeded)
		require.Less(t, time.Since(start), 5*time.Second)
	})
	t.Run("within a stream", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", streamedType)
			w.Write(good)
			w.(http.Flusher).Flush()
			cancel()
			<-r.Context().Done()
		})
		_, set := read(ctx, newClient(t, remoteread.Options{URL: url}))
		require.ErrorIs(t, set.Err(), context.Canceled)
	})
}

func TestClient_SkipsSeriesOfUnknownEncoding(t *testing.T) {
	unknown := prompb.Chunk{Type: 42, MinTimeMs: 3000, MaxTimeMs: 4000, Data: []byte{0, 1, 2, 3}}
	reg := prometheus.NewRegistry()
	client := newClient(t, remoteread.Options{Metrics: remoteread.NewMetrics(reg), URL: serveStream(t,
		seriesFrame(t, "a", xorChunk(t, 1000, 2000)),
		seriesFrame(t, "b", xorChunk(t, 1000, 2000)), seriesFrame(t, "b", unknown), seriesFrame(t, "b", xorChunk(t, 5000)),
		seriesFrame(t, "c", xorChunk(t, 1000, 2000)),
	)})
	querier, err := client.Querier(0, 10_000)
	require.NoError(t, err)
	defer querier.Close()
	set := querier.Select(context.Background(), false, nil, metric("up"))
	var pods []string
	for set.Next() {
		pods = append(pods, set.At().Labels().Get("pod"))
	}
	require.NoError(t, set.Err())
	require.Equal(t, []string{"a", "c"}, pods)
	warnings := set.Warnings().AsErrors()
	require.Len(t, warnings, 1)
	e, ok := errors.AsType[*remoteread.Error](warnings[0])
	require.True(t, ok)
	require.Equal(t, "encoding", e.Reason)
	require.EqualError(t, e,
		"remote read "+e.URL+`: series {__name__="up", pod="b"} is skipped: chunk encoding 42 is not known`)
	requireErrors(t, reg, e.URL, "encoding", 1)
	require.InDelta(t, 8, testutil.ToFloat64(counterOf(t, reg, "anomaly_exporter_remote_read_samples_total")), 0)
}

// counterOf returns a collector of the only metric of a family.
func counterOf(t *testing.T, reg *prometheus.Registry, name string) prometheus.Collector {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == name {
			require.Len(t, family.GetMetric(), 1)
			return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "value"}, family.GetMetric()[0].GetCounter().GetValue)
		}
	}
	require.Fail(t, "no metric", name)
	return nil
}

func TestIterator_FailsOnCorruptChunkOfItsSeriesOnly(t *testing.T) {
	for _, tc := range []struct {
		name  string
		chunk prompb.Chunk
		want  string
	}{
		{"XOR", prompb.Chunk{Type: prompb.Chunk_XOR, Data: []byte{0, 9, 1}}, "XOR chunk at 0 ms: chunk is cut short"},
		{"no data", prompb.Chunk{Type: prompb.Chunk_XOR}, "XOR chunk at 0 ms: chunk is cut short"},
		{"XOR2", prompb.Chunk{Type: prompb.Chunk_XOR2, Data: []byte{0, 9}}, "XOR2 chunk at 0 ms: chunk is cut short"},
		{
			"histogram",
			prompb.Chunk{Type: prompb.Chunk_HISTOGRAM, Data: []byte{0, 9, 0, 0}},
			"histogram chunk at 0 ms: chunk is cut short",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			client := newClient(t, remoteread.Options{Metrics: remoteread.NewMetrics(reg), URL: serveStream(t,
				seriesFrame(t, "a", tc.chunk), seriesFrame(t, "b", xorChunk(t, 1000)),
			)})
			querier, err := client.Querier(0, 10_000)
			require.NoError(t, err)
			defer querier.Close()
			set := querier.Select(context.Background(), false, nil, metric("up"))
			require.True(t, set.Next())
			it := set.At().Iterator(nil)
			require.Equal(t, chunkenc.ValNone, it.Next())
			e, ok := errors.AsType[*remoteread.Error](it.Err())
			require.True(t, ok)
			require.EqualError(t, e, "remote read "+e.URL+`: series {__name__="up", pod="a"}: `+tc.want)
			require.Equal(t, chunkenc.ValNone, it.Seek(5000))
			requireErrors(t, reg, e.URL, "malformed", 1)
			require.True(t, set.Next())
			require.Equal(t, chunkenc.ValFloat, set.At().Iterator(it).Next())
		})
	}
}
