package history_test

import (
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/history"
)

func save(t testing.TB, s interface {
	AppendBinary(b []byte) ([]byte, error)
},
) []byte {
	t.Helper()
	b, err := s.AppendBinary(nil)
	require.NoError(t, err)
	return b
}

// The restored series is compared right away, and after both were appended to and trimmed in the same way.
func TestRestore_GoesOnToTheBit(t *testing.T) {
	for _, missing := range []history.Missing{history.Drop, history.Zero, history.Last} {
		for _, step := range []time.Duration{4 * time.Minute, time.Hour} {
			r := rand.New(rand.NewPCG(uint64(missing), uint64(step)))
			l := layout(t, step, 4*24*time.Hour, 3*time.Hour, missing)
			s := history.New(l)
			at := -ms(2*24*time.Hour) / l.Step * l.Step // some of the times are negative
			var restored *history.Series
			for i := range 3000 {
				seed := r.Uint64()
				at += l.Step
				change(s, l, at, rand.New(rand.NewPCG(seed, 0)))
				if restored != nil {
					change(restored, l, at, rand.New(rand.NewPCG(seed, 0)))
				}
				if i%200 == 0 {
					if restored != nil {
						require.Equal(t, showSeries(l, s, at), showSeries(l, restored, at))
						require.Equal(t, save(t, s), save(t, restored))
					}
					var err error
					restored, err = history.Restore(l, save(t, s))
					require.NoError(t, err)
					require.Equal(t, showSeries(l, s, at), showSeries(l, restored, at))
				}
			}
		}
	}
}

func TestRestore_OfViewIsSeriesAsItWas(t *testing.T) {
	l := smallLayout(t, history.Zero)
	s := history.New(l)
	for i := range int64(100) {
		s.Append(i*l.Step, float64(i), i%3 == 0)
	}
	v, want := s.View(), save(t, s)
	for i := range int64(100) {
		s.Append((100+i)*l.Step, 7, true)
	}
	require.Equal(t, want, save(t, &v))
	restored, err := history.Restore(l, save(t, &v))
	require.NoError(t, err)
	require.Equal(t, showView(l, v, 120*l.Step), showSeries(l, restored, 120*l.Step))
}

func TestRestore_OfEmptySeriesIsEmpty(t *testing.T) {
	l := smallLayout(t, history.Zero)
	s := history.New(l)
	restored, err := history.Restore(l, save(t, s))
	require.NoError(t, err)
	require.True(t, restored.Empty())
	_, ok := restored.Last()
	require.False(t, ok)

	s.Append(0, 7, false) // and one that has forgotten all its values, but not when the newest was
	s.Trim(10 * l.Length)
	restored, err = history.Restore(l, save(t, s))
	require.NoError(t, err)
	require.Equal(t, showSeries(l, s, l.Length/2), showSeries(l, restored, l.Length/2))
	v, _ := restored.Value(l.Step)
	require.Zero(t, v)
}

func TestAppendBinary_Appends(t *testing.T) {
	s := history.New(smallLayout(t, history.Drop))
	s.Append(0, 1, false)
	b, err := s.AppendBinary([]byte("before"))
	require.NoError(t, err)
	require.Equal(t, append([]byte("before"), save(t, s)...), b)
}

func TestRestore_RefusesAnotherLayout(t *testing.T) {
	l := smallLayout(t, history.Drop)
	b := save(t, history.New(l))
	for _, change := range []func(*history.Layout){
		func(l *history.Layout) { l.Step *= 2 },
		func(l *history.Layout) { l.Length += l.Step },
		func(l *history.Layout) { l.Overhang++ },
		func(l *history.Layout) { l.Missing = history.Last },
		func(l *history.Layout) { l.Whole = true },
	} {
		other := l
		change(&other)
		_, err := history.Restore(other, b)
		require.ErrorContains(t, err, "layout {Step:240000 Length:345600000 Overhang:10800000 Missing:0 Whole:false} is not")
	}
	_, err := history.Restore(history.Layout{}, b)
	require.EqualError(t, err, "step of 0 ms: must be at least 1")
}

// sealed appends the checksum.
func sealed(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(slices.Clip(b), crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

func TestRestore_RefusesBrokenBytes(t *testing.T) {
	l := smallLayout(t, history.Drop)
	s := history.New(l)
	for i := range int64(200) {
		s.Append(i*l.Step, float64(i), i%9 == 0)
	}
	whole := save(t, s)
	for i := range whole {
		_, err := history.Restore(l, whole[:i])
		require.Error(t, err)
		flipped := slices.Clone(whole)
		flipped[i] ^= 1 << (i % 8)
		_, err = history.Restore(l, flipped)
		require.Error(t, err)
		if i < len(whole)-4 {
			_, err = history.Restore(l, sealed(whole[:i])) // with a right checksum
			require.Error(t, err)
		}
	}

	head := []byte{1}
	for _, v := range []int64{l.Step, l.Length, l.Overhang, int64(l.Missing)} {
		head = binary.AppendVarint(head, v)
	}
	one := []byte{0, 0, 128, 63} // 1 as a float32
	newest := append([]byte{1, 0}, one...)
	first, none := make([]byte, 8), make([]byte, 8) // bits of steps
	first[0] = 1
	second := []byte{2, 0, 0, 0, 0, 0, 0, 0}
	block := func(start int64, parts ...[]byte) []byte {
		return append(binary.AppendVarint(nil, start), slices.Concat(parts...)...)
	}
	for _, tc := range []struct {
		name  string
		parts [][]byte
		err   string // empty: none
	}{
		{"good", [][]byte{newest, {1}, block(0, first, none, one), {0}}, ""},
		{"neither empty nor not", [][]byte{{2}}, "saved series: 2 instead of 0 or 1"},
		{"newest value is NaN", [][]byte{{1, 0, 0, 0, 192, 127}}, "saved series: newest value NaN at 0"},
		{
			"newest time is absurd",
			[][]byte{binary.AppendVarint([]byte{1}, 1<<62), one},
			"saved series: newest value 1 at 4611686018427387904",
		},
		{
			"values without a newest",
			[][]byte{{0, 1}, block(-1, first, none, one), {0}},
			"saved series: values, but no newest one",
		},
		{"more blocks than bytes", [][]byte{newest, binary.AppendUvarint(nil, 1<<60)}, "saved series: unexpected end"},
		{
			"blocks do not ascend",
			[][]byte{newest, {2}, block(-1, first, none, one), block(0, first, none, one), {0}},
			"saved series: block 1 is 0 blocks after the one before",
		},
		{
			"block after the newest value",
			[][]byte{newest, {1}, block(1, first, none, one), {0}},
			"saved series: block 0 is 1 blocks after the one before",
		},
		{
			"block of absurd age",
			[][]byte{newest, {1}, block(-1<<60, first, none, one), {0}},
			"saved series: block 0 is -1152921504606846976 blocks after the one before",
		},
		{
			"value after the newest",
			[][]byte{newest, {1}, block(0, second, none, one), {0}},
			"saved series: block at 0: steps 2 and masked steps 0 do not fit",
		},
		{
			"block without a value",
			[][]byte{newest, {1}, block(0, none, none, one), {0}},
			"saved series: block at 0: steps 0 and masked steps 0 do not fit",
		},
		{
			"masked without a value",
			[][]byte{newest, {1}, block(0, first, second, one), {0}},
			"saved series: block at 0: steps 1 and masked steps 2 do not fit",
		},
		{
			"value is infinite",
			[][]byte{newest, {1}, block(0, first, none, []byte{0, 0, 128, 127}), {0}},
			"saved series: block at 0: value +Inf",
		},
		{"more bytes", [][]byte{newest, {1}, block(0, first, none, one), {0, 0}}, "saved series: 1 bytes too many"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := history.Restore(l, sealed(slices.Concat(head, slices.Concat(tc.parts...))))
			if tc.err == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, tc.err)
			}
		})
	}

	_, err := history.Restore(l, sealed([]byte{2}))
	require.EqualError(t, err, "saved series: version 2 is not 1")
	hourly := layout(t, time.Hour, 24*time.Hour, 0, history.Drop)
	head = []byte{1}
	for _, v := range []int64{hourly.Step, hourly.Length, hourly.Overhang, int64(hourly.Missing)} {
		head = binary.AppendVarint(head, v)
	}
	_, err = history.Restore(hourly, sealed(slices.Concat(head, newest, []byte{0, 1}, block(0, first, none, one))))
	require.EqualError(t, err, "saved series: a coarse part that its layout does not have")
}

// Whatever the bytes are, Restore neither panics nor makes a series that shows nonsense. The fuzzer does not guess
// checksums, so it is given one.
func FuzzRestore(f *testing.F) {
	l := smallLayout(f, history.Last)
	s, r := history.New(l), rand.New(rand.NewPCG(1, 2))
	for i := range int64(300) {
		change(s, l, i*l.Step, r)
		if i%60 == 0 {
			b := save(f, s)
			f.Add(b[:len(b)-4])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := history.Restore(l, b)
		_ = err // that it does not panic is all
		s, err := history.Restore(l, sealed(b))
		if err != nil {
			return
		}
		saved := save(t, s)
		again, err := history.Restore(l, saved)
		require.NoError(t, err)
		require.Equal(t, saved, save(t, again))
		end, _ := s.Last()
		require.Equal(t, showSeries(l, s, end), showSeries(l, again, end))
		s.Append(end+l.Step, 1, true)
		s.Trim(end + l.Step)
	})
}
