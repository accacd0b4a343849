package remoteread

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread/limit"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/query"
)

func testClient(tb testing.TB) *Client {
	tb.Helper()
	c, err := New(Options{URL: "http://localhost/"})
	require.NoError(tb, err)
	return c
}

// FuzzMessages parses any bytes as a message. What is parsed without an error, prompb parses with the same result.
func FuzzMessages(f *testing.F) {
	b, err := (&prompb.ChunkedReadResponse{ChunkedSeries: []*prompb.ChunkedSeries{{
		Labels: []prompb.Label{{Name: "__name__", Value: "up"}, {Name: "job", Value: "x"}},
		Chunks: []prompb.Chunk{{Type: prompb.Chunk_XOR, MinTimeMs: 1, MaxTimeMs: 2, Data: []byte{0, 1, 2}}},
	}}}).Marshal()
	require.NoError(f, err)
	f.Add(b)
	f.Add([]byte{0x0a, 0x00})
	client := testClient(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		all := query.New(nil, labels.EmptyLabels(), math.MinInt64, math.MaxInt64, nil)
		s := &stream{client: client, query: all, end: func() {}, used: limit.Usage{Limits: &client.options.Limits}}
		if s.parseFrame(data) != nil {
			return
		}
		s.finishOpen()
		var want prompb.ChunkedReadResponse
		if err := want.Unmarshal(data); err != nil {
			return // a field has an unexpected wire type: wire skips it, prompb fails
		}
		chunks := 0
		for _, one := range want.ChunkedSeries {
			chunks += len(one.Chunks)
		}
		for one := s.next(); one != nil; one = s.next() {
			chunks -= len(one.chunks)
		}
		if s.skipped == 0 {
			require.Zero(t, chunks)
		}
	})
}
