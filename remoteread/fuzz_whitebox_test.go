package remoteread

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
)

func testClient(tb testing.TB) *Client {
	tb.Helper()
	c, err := New(Options{URL: "http://localhost/"})
	require.NoError(tb, err)
	return c
}

// FuzzFrames reads anything as a stream: it ends, with io.EOF exactly if it consists of whole frames.
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
				require.True(t, bytes.Equal(again, data) || len(again) < len(data), "whole frames, but for lengths with leading zeros")
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

// FuzzMessages parses anything as a message: what is parsed without error, prompb parses alike.
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
		s := &stream{client: client, mint: math.MinInt64, maxt: math.MaxInt64, end: func() {}}
		if s.parseFrame(data) != nil {
			return
		}
		s.finishOpen()
		var want prompb.ChunkedReadResponse
		if err := want.Unmarshal(data); err != nil {
			return // of wire types that are not those of the fields: skipped here, refused there
		}
		chunks := 0
		for _, one := range want.ChunkedSeries {
			chunks += len(one.Chunks)
		}
		for one := s.next(); one != nil; one = s.next() {
			chunks -= len(one.chunks)
			for _, c := range one.chunks {
				require.GreaterOrEqual(t, cap(c.data), len(c.data)+chunkPadding)
			}
		}
		if s.left == 0 {
			require.Zero(t, chunks)
		}
	})
}

// FuzzChunks iterates over anything as a chunk of each encoding: what comes without error is what chunkenc decodes.
func FuzzChunks(f *testing.F) {
	for _, seed := range tenSeconds(f, 0) {
		f.Add(uint8(seed.Encoding()), seed.Bytes(), int64(0))
	}
	f.Add(uint8(chunkenc.EncHistogram), []byte{0, 1, 0, 0, 0x00, 0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, int64(5))
	client := testClient(f)
	f.Fuzz(func(t *testing.T, encoding uint8, data []byte, seek int64) {
		enc := chunkenc.Encoding(encoding)
		if !chunkenc.IsValidEncoding(enc) {
			return
		}
		s := &series{
			client: client, mint: math.MinInt64, maxt: math.MaxInt64,
			chunks: packed([]chunk{{mint: math.MinInt64, maxt: math.MaxInt64, encoding: uint64(enc), data: data}}, len(data)),
		}
		s.finish()
		it := s.Iterator(nil)
		got := drain(it)
		if it.Err() == nil {
			c, err := chunkenc.FromData(enc, data)
			require.NoError(t, err)
			require.Equal(t, drain(c.Iterator(nil)), got)
		}
		it = s.Iterator(it)
		it.Seek(seek)
		drain(it)
		s.AppendFloats(nil, nil)
	})
}

// describe shows the current sample in every way that is allowed.
func describe(it chunkenc.Iterator, typ chunkenc.ValueType) string {
	switch typ {
	case chunkenc.ValFloat:
		t, v := it.At()
		return fmt.Sprint(t, it.AtT(), it.AtST(), v)
	case chunkenc.ValHistogram:
		t, h := it.AtHistogram(nil)
		_, fh := it.AtFloatHistogram(nil)
		return fmt.Sprint(t, it.AtT(), it.AtST(), h, fh)
	default:
		t, fh := it.AtFloatHistogram(nil)
		return fmt.Sprint(t, it.AtT(), it.AtST(), fh)
	}
}

func drain(it chunkenc.Iterator) (samples []string) {
	for typ := it.Next(); typ != chunkenc.ValNone && len(samples) < 1000; typ = it.Next() {
		samples = append(samples, describe(it, typ))
	}
	return samples
}

// tenSeconds returns a chunk of each encoding, with a sample a second from a time on.
func tenSeconds(tb testing.TB, from int64) (chunks []chunkenc.Chunk) {
	tb.Helper()
	for enc := chunkenc.EncXOR; chunkenc.IsValidEncoding(enc); enc++ {
		c, err := chunkenc.NewEmptyChunk(enc)
		require.NoError(tb, err)
		app, err := c.Appender()
		require.NoError(tb, err)
		for i := range int64(10) {
			t := from + i*1000
			switch enc {
			case chunkenc.EncXOR, chunkenc.EncXOR2:
				app.Append(t-100, t, math.Sqrt(float64(i)))
			case chunkenc.EncHistogram, chunkenc.EncHistogramST:
				_, _, app, err = app.AppendHistogram(nil, t-100, t, tsdbutil.GenerateTestHistogram(i), true)
			default:
				_, _, app, err = app.AppendFloatHistogram(nil, t-100, t, tsdbutil.GenerateTestFloatHistogram(i), true)
			}
			require.NoError(tb, err)
		}
		chunks = append(chunks, c)
	}
	return chunks
}

// TestIteratorOfAllEncodings goes through two chunks, from every place, as chunkenc goes through one after the other.
func TestIteratorOfAllEncodings(t *testing.T) {
	client, second := testClient(t), tenSeconds(t, 10_000)
	for i, first := range tenSeconds(t, 0) {
		t.Run(first.Encoding().String(), func(t *testing.T) {
			want := append(drain(first.Iterator(nil)), drain(second[i].Iterator(nil))...)
			require.Len(t, want, 20)
			const mint, maxt = 2000, 12_000
			s := &series{client: client, mint: mint, maxt: maxt, chunks: packed([]chunk{
				{mint: 0, maxt: 9000, encoding: uint64(first.Encoding()), data: first.Bytes()},
				{mint: 10_000, maxt: 19_000, encoding: uint64(first.Encoding()), data: second[i].Bytes()},
			}, len(first.Bytes())+len(second[i].Bytes()))}
			s.finish()
			var it chunkenc.Iterator
			for from := int64(-500); from < 14_000; from += 500 {
				it = s.Iterator(it)
				typ := it.Seek(from)
				for at := max(mint, (from+999)/1000*1000); at <= maxt; at += 1000 {
					require.NotEqual(t, chunkenc.ValNone, typ)
					require.Equal(t, want[at/1000], describe(it, typ))
					require.Equal(t, typ, it.Seek(at-1), "seeking back is staying")
					require.Equal(t, at, it.AtT())
					typ = it.Next()
				}
				require.Equal(t, chunkenc.ValNone, typ)
				require.Equal(t, chunkenc.ValNone, it.Next())
				require.Equal(t, chunkenc.ValNone, it.Seek(0))
				require.NoError(t, it.Err())
			}
		})
	}
}

func TestPlausible(t *testing.T) {
	header := strings.Repeat("0", 15) + "1" + strings.Repeat("0", 8) // one sample, no flags
	for _, c := range tenSeconds(t, 0) {
		require.NoError(t, plausible(c.Encoding(), c.Bytes()))
	}
	for _, tc := range []struct {
		name string
		bits string
		want string
	}{
		{"no header", "", "chunk is cut short"},
		{"no samples", strings.Repeat("0", 24), ""},
		{"no layout", header, "chunk is cut short"},
		{"no threshold", header + "11111111", "chunk is cut short"},
		{"spans that are not there", header + "00000000" + "0" + "10111", "chunk is cut short"},
		{"no buckets", header + "00000000" + "0" + "0" + "0", ""},
		// Schema 0, one span of 2^25-1 buckets: chunkenc would take 768 MiB for them.
		{"33 million buckets", header + "00000000" + "0" + "10001" + "1111110" + strings.Repeat("1", 25) + "0" + "0", "more buckets than bits"},
		{"the same in two spans", header + "00000000" + "0" + "10010" + strings.Repeat("1110"+"111111111"+"0", 2) + "0", "more buckets than bits"},
		{"an offset of -2 where buckets begin", header + "00000000" + "0" + "10001" + "10001" + "10110" + "0", ""},
		{"one of -2 after them", header + "00000000" + "0" + "10010" + strings.Repeat("10001"+"10110", 2) + "0", "spans of buckets go backwards"},
		{"negative ones", header + "00000000" + "0" + "0" + "10001" + "1110" + "111111111" + "0", "more buckets than bits"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data := []byte{}
			for i, bit := range tc.bits {
				if i%8 == 0 {
					data = append(data, 0)
				}
				data[i/8] |= byte(bit-'0') << (7 - i%8)
			}
			err := plausible(chunkenc.EncFloatHistogram, data)
			if tc.want == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, tc.want)
			}
		})
	}
}
