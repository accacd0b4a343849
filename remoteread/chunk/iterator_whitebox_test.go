package chunk

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
)

// FuzzChunks iterates over any bytes as a chunk of any encoding. What it decodes without an error, chunkenc decodes
// alike.
func FuzzChunks(f *testing.F) {
	for _, seed := range tenSeconds(f, 0) {
		f.Add(uint8(seed.Encoding()), seed.Bytes(), int64(0))
	}
	f.Add(uint8(chunkenc.EncHistogram), []byte{0, 1, 0, 0, 0x00, 0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, int64(5))
	f.Fuzz(func(t *testing.T, encoding uint8, data []byte, seek int64) {
		enc := chunkenc.Encoding(encoding)
		if !chunkenc.IsValidEncoding(enc) {
			return
		}
		all := CompactCopy([]Chunk{{MinTime: math.MinInt64, MaxTime: math.MaxInt64, Encoding: enc, Data: data}})
		var it Iterator
		it.Reset(all, math.MinInt64, math.MaxInt64)
		got := drain(&it)
		if it.Err() == nil {
			c, err := chunkenc.FromData(enc, data)
			require.NoError(t, err)
			require.Equal(t, drain(c.Iterator(nil)), got)
		}
		it.Reset(all, math.MinInt64, math.MaxInt64)
		it.Seek(seek)
		drain(&it)
	})
}

// describe returns all that the iterator tells of the current sample.
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

// tenSeconds returns a chunk of each encoding. Each has ten samples, one a second, the first at time from.
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

// It iterates over two chunks, and starts at each of their times and between them.
func TestIterator_EqualsChunkencFromEveryPlace(t *testing.T) {
	second := tenSeconds(t, 10_000)
	for i, first := range tenSeconds(t, 0) {
		t.Run(first.Encoding().String(), func(t *testing.T) {
			want := append(drain(first.Iterator(nil)), drain(second[i].Iterator(nil))...)
			require.Len(t, want, 20)
			const mint, maxt = 2000, 12_000
			all := CompactCopy([]Chunk{
				{MinTime: 0, MaxTime: 9000, Encoding: first.Encoding(), Data: first.Bytes()},
				{MinTime: 10_000, MaxTime: 19_000, Encoding: first.Encoding(), Data: second[i].Bytes()},
			})
			var it Iterator
			for from := int64(-500); from < 14_000; from += 500 {
				it.Reset(all, mint, maxt)
				typ := it.Seek(from)
				for at := max(mint, (from+999)/1000*1000); at <= maxt; at += 1000 {
					require.NotEqual(t, chunkenc.ValNone, typ)
					require.Equal(t, want[at/1000], describe(&it, typ))
					require.Equal(t, typ, it.Seek(at-1), "seeking backwards does not move")
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
