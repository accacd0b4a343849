package remoteread

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread/query"
)

func testClient(tb testing.TB) *Client {
	tb.Helper()
	c, err := New(Options{URL: "http://localhost/"})
	require.NoError(tb, err)
	return c
}

// FuzzFrames reads any bytes as a stream. It ends, and it ends with io.EOF exactly if it consists of complete frames.
func FuzzFrames(f *testing.F) {
	whole := func(messages ...string) (b []byte) {
		for _, m := range messages {
			b = binary.AppendUvarint(b, uint64(len(m)))
			b = binary.BigEndian.AppendUint32(b, crc32.Checksum([]byte(m), crc32.MakeTable(crc32.Castagnoli)))
			b = append(b, m...)
		}
		return b
	}
	f.Add(whole("hello", "", "there"))
	f.Add(whole("hello", "there"))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 1 << 16
		r := newFrameReader()
		r.reset(bytes.NewReader(data), limit)
		var again []byte
		for {
			message, err := r.next()
			if err == nil {
				require.NotEmpty(t, message)
				require.LessOrEqual(t, len(message), limit)
				again = append(again, whole(string(message))...)
				continue
			}
			if errors.Is(err, io.EOF) {
				require.True(
					t, bytes.Equal(again, data) || len(again) < len(data),
					"complete frames, except for lengths with leading zeros",
				)
			} else {
				e, ok := errors.AsType[*Error](err)
				require.True(t, ok)
				require.Contains(t, reasons(), e.Reason)
				require.Positive(t, e.Frame)
			}
			return
		}
	})
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
		s := &stream{client: client, query: all, end: func() {}}
		if s.parseFrame(data) != nil {
			return
		}
		s.finishOpen()
		var want prompb.ChunkedReadResponse
		if err := want.Unmarshal(data); err != nil {
			return // a field has an unexpected wire type: eachField skips it, prompb fails
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
