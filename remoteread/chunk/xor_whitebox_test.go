package chunk

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// encodeXOR makes a chunk with the encoder of Prometheus, the source of truth here.
func encodeXOR(tb testing.TB, ts []int64, vs []float64) []byte {
	tb.Helper()
	c := chunkenc.NewXORChunk()
	app, err := c.Appender()
	require.NoError(tb, err)
	for i, t := range ts {
		app.Append(0, t, vs[i])
	}
	return c.Bytes()
}

// requireDecodes compares appendXOR with chunkenc's iterator over the same chunk, bit by bit.
func requireDecodes(t *testing.T, chunk []byte, samples int) {
	t.Helper()
	ts, vs, err := appendXOR([]int64{-1}, []float64{-1}, chunk)
	require.NoError(t, err)
	require.Len(t, ts, samples+1)
	require.Len(t, vs, samples+1)
	c, err := chunkenc.FromData(chunkenc.EncXOR, chunk)
	require.NoError(t, err)
	it := c.Iterator(nil)
	for i := range samples {
		require.Equal(t, chunkenc.ValFloat, it.Next())
		wantT, wantV := it.At()
		require.Equal(t, wantT, ts[i+1], "time %d", i)
		require.Equal(t, math.Float64bits(wantV), math.Float64bits(vs[i+1]), "value %d", i)
	}
	require.Equal(t, chunkenc.ValNone, it.Next())
}

// chunkenc is the reference: it wrote the chunks, and reads them again.
func TestAppendXOR_EqualsChunkenc(t *testing.T) {
	var (
		rnd     = rand.New(rand.NewPCG(1, 2))
		special = []float64{
			0, math.Copysign(0, -1), 1, -1, math.Inf(1), math.Inf(-1), math.NaN(),
			math.MaxFloat64, math.SmallestNonzeroFloat64, math.Float64frombits(value.StaleNaN),
			math.Float64frombits(value.NormalNaN), math.Float64frombits(0xfff8_dead_beef_0001),
		}
		times = map[string]func(last int64) int64{
			"regular":  func(last int64) int64 { return last + 15_000 },
			"jittered": func(last int64) int64 { return last + 15_000 + rnd.Int64N(20) },
			"gaps":     func(last int64) int64 { return last + rnd.Int64N(1<<rnd.IntN(40)) + 1 },
			"wild":     func(int64) int64 { return int64(rnd.Uint64()) },
			"still":    func(last int64) int64 { return last },
		}
		values = map[string]func(last float64) float64{
			"counter":  func(last float64) float64 { return last + float64(rnd.IntN(1000)) },
			"gauge":    func(float64) float64 { return rnd.NormFloat64() },
			"constant": func(last float64) float64 { return last },
			"bits":     func(float64) float64 { return math.Float64frombits(rnd.Uint64()) },
			"one bit":  func(last float64) float64 { return math.Float64frombits(math.Float64bits(last) ^ 1<<rnd.IntN(64)) },
			"special":  func(float64) float64 { return special[rnd.IntN(len(special))] },
		}
	)
	for timesName, nextTime := range times {
		for valuesName, nextValue := range values {
			t.Run(timesName+" "+valuesName, func(t *testing.T) {
				for _, n := range []int{0, 1, 2, 3, 4, 10, 120, 121, 500} {
					ts, vs := make([]int64, n), make([]float64, n)
					last, v := int64(1_700_000_000_000), 12345.0
					for i := range ts {
						ts[i], vs[i] = last, v
						last, v = nextTime(last), nextValue(v)
					}
					requireDecodes(t, encodeXOR(t, ts, vs), n)
				}
			})
		}
	}
}

func TestAppendXOR_ReturnsTheSamplesBeforeTheCut(t *testing.T) {
	ts, vs := make([]int64, 50), make([]float64, 50)
	for i := range ts {
		ts[i], vs[i] = int64(i)*15_000+int64(i*i%7), math.Sqrt(float64(i))
	}
	chunk := encodeXOR(t, ts, vs)
	for size := range len(chunk) {
		gotT, gotV, err := appendXOR(nil, nil, chunk[:size:size])
		require.ErrorIs(t, err, errChunkShort, "%d bytes", size)
		require.Equal(t, ts[:len(gotT)], append([]int64{}, gotT...))
		require.Equal(t, vs[:len(gotV)], append([]float64{}, gotV...))
	}
}

// FuzzXORSamples encodes any samples with chunkenc, and decodes them here.
func FuzzXORSamples(f *testing.F) {
	f.Add([]byte{})
	f.Add(binary.LittleEndian.AppendUint64(make([]byte, 40), 1<<63))
	f.Fuzz(func(t *testing.T, data []byte) {
		var (
			ts   []int64
			vs   []float64
			last int64
		)
		for ; len(data) >= 16 && len(ts) < 1000; data = data[16:] {
			last += int64(binary.LittleEndian.Uint64(data)) >> (data[0] & 63)
			ts, vs = append(ts, last), append(vs, math.Float64frombits(binary.LittleEndian.Uint64(data[8:])))
		}
		requireDecodes(t, encodeXOR(t, ts, vs), len(ts))
	})
}

// FuzzXORBytes decodes anything: what is decoded without error, chunkenc decodes alike.
func FuzzXORBytes(f *testing.F) {
	f.Add(encodeXOR(f, []int64{1000, 2000, 3001, 4000}, []float64{1, 2, 2, math.Pi}))
	f.Add([]byte{0, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		ts, vs, err := appendXOR(nil, nil, data)
		require.Len(t, vs, len(ts))
		if err == nil {
			requireDecodes(t, data, len(ts))
		}
	})
}

// BenchmarkIterator iterates over a week of minutes.
func BenchmarkIterator(b *testing.B) {
	const perChunk, chunks = 120, 84
	rnd, total, t := rand.New(rand.NewPCG(1, 2)), 1e6, int64(1_700_000_000_000)
	all := make([]Chunk, chunks)
	for i := range all {
		ts, vs := make([]int64, perChunk), make([]float64, perChunk)
		for k := range ts {
			t, total = t+60_000, total+float64(rnd.IntN(6000))
			ts[k], vs[k] = t, total
		}
		all[i] = Chunk{MinTime: ts[0], MaxTime: t, Encoding: chunkenc.EncXOR, Data: encodeXOR(b, ts, vs)}
	}
	all = CompactCopy(all)
	var (
		it  Iterator
		sum float64
	)
	for b.Loop() {
		for it.Reset(all, 0, t); it.Next() != chunkenc.ValNone; {
			_, v := it.At()
			sum += v
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/perChunk/chunks, "ns/sample")
}

// BenchmarkXOR compares the decoder with the iterator of chunkenc.
func BenchmarkXOR(b *testing.B) {
	rnd, total := rand.New(rand.NewPCG(1, 2)), 1e6
	for _, bc := range []struct {
		name   string
		jitter int
		next   func() float64
	}{
		{"counter", 1, func() float64 { total += float64(rnd.IntN(6000)); return total }},
		{"jittered counter", 10, func() float64 { total += float64(rnd.IntN(6000)); return total }},
		{"gauge", 1, rnd.NormFloat64},
		{"constant", 1, func() float64 { return 1 }},
	} {
		const samples = 120
		chunks := make([][]byte, 1000)
		for i := range chunks {
			ts, vs := make([]int64, samples), make([]float64, samples)
			for k := range ts {
				ts[k], vs[k] = 1_700_000_000_000+int64(k)*60_000+int64(rnd.IntN(bc.jitter)), bc.next()
			}
			data := encodeXOR(b, ts, vs)
			chunks[i] = CompactCopy([]Chunk{{Data: data}})[0].Data
		}
		perSample := func(b *testing.B) {
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/samples, "ns/sample")
		}
		b.Run(bc.name+"/ours", func(b *testing.B) {
			var (
				ts []int64
				vs []float64
			)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				ts, vs, _ = appendXOR(ts[:0], vs[:0], chunks[i%len(chunks)])
			}
			perSample(b)
		})
		b.Run(bc.name+"/chunkenc", func(b *testing.B) {
			var it chunkenc.Iterator
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				c, err := chunkenc.FromData(chunkenc.EncXOR, chunks[i%len(chunks)])
				if err != nil {
					b.Fatal(err)
				}
				for it = c.Iterator(it); it.Next() != chunkenc.ValNone; {
					it.At()
				}
			}
			perSample(b)
		})
	}
}
