package history_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/history"
)

var nan = math.NaN()

func layout(t testing.TB, step, length, overhang time.Duration, missing history.Missing) history.Layout {
	t.Helper()
	l, err := history.NewLayout(step, length, overhang, missing)
	require.NoError(t, err)
	return l
}

func ms(d time.Duration) int64 { return d.Milliseconds() }

func TestWindow_FillsGapsAsTheLayoutSays(t *testing.T) {
	type point struct {
		step   int // from the first step of the window
		value  float64
		masked bool
	}
	for _, tc := range []struct {
		name    string
		missing history.Missing
		points  []point
		values  []float64
		learn   string // x where it is learned from
	}{
		{"empty", history.Drop, nil, []float64{nan, nan, nan, nan, nan, nan, nan, nan}, "........"},
		{"whole", history.Drop, []point{
			{0, 1, false},
			{1, 2, false},
			{2, 3, false},
			{3, 4, false},
			{4, 5, false},
			{5, 6, false},
			{6, 7, false},
			{7, 8, false},
		}, []float64{1, 2, 3, 4, 5, 6, 7, 8}, "xxxxxxxx"},
		{
			"three missing are interpolated", history.Drop,
			[]point{{1, 10, false}, {5, 50, false}},
			[]float64{nan, 10, 20, 30, 40, 50, nan, nan},
			".x...x..",
		},
		{
			"four missing stay a gap", history.Drop,
			[]point{{1, 10, false}, {6, 60, false}},
			[]float64{nan, 10, nan, nan, nan, nan, 60, nan},
			".x....x.",
		},
		{
			"masked is bridged", history.Drop,
			[]point{{0, 1, false}, {1, 100, true}, {2, 3, false}},
			[]float64{1, 2, 3, nan, nan, nan, nan, nan},
			"x.x.....",
		},
		{
			"zero", history.Zero,
			[]point{{2, 5, false}, {4, 6, false}},
			[]float64{nan, nan, 5, 0, 6, 0, 0, 0},
			"..xxxxxx",
		},
		{
			"last", history.Last,
			[]point{{2, 5, false}, {4, 6, false}},
			[]float64{nan, nan, 5, 5, 6, 6, 6, 6},
			"..xxxxxx",
		},
		{
			"masked is not missing", history.Zero,
			[]point{{0, 4, false}, {1, 100, true}, {2, 8, false}},
			[]float64{4, 6, 8, 0, 0, 0, 0, 0},
			"x.xxxxxx",
		},
		{"infinity and NaN are gaps", history.Drop, []point{
			{0, 1, false}, {1, math.Inf(1), false}, {2, nan, false}, {3, 4, false},
		}, []float64{1, 2, 3, 4, nan, nan, nan, nan}, "x..x...."},
		{
			"what float32 cannot hold is a gap", history.Drop,
			[]point{{0, 1, false}, {1, 1e300, false}, {2, 3, false}},
			[]float64{1, 2, 3, nan, nan, nan, nan, nan},
			"x.x.....",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := layout(t, time.Hour, 8*time.Hour, 0, tc.missing)
			s := history.New(l)
			start := ms(1000 * time.Hour)
			for _, p := range tc.points {
				s.Append(start+int64(p.step)*l.Step, p.value, p.masked)
			}
			var w history.Window
			s.Window(start+7*l.Step, &w)
			require.Equal(t, start, w.Start)
			require.InDeltaSlice(t, tc.values, w.Values, 1e-12)
			learn := ""
			for _, x := range w.Learn {
				if x {
					learn += "x"
				} else {
					learn += "."
				}
			}
			require.Equal(t, tc.learn, learn)
		})
	}
}

func TestWindow_ShowsOldValuesAtTheCoarseStep(t *testing.T) {
	l := layout(t, time.Minute, 3*24*time.Hour, 0, history.Drop)
	s := history.New(l)
	end := ms(1000 * 24 * time.Hour)
	for ts := end - l.Length - ms(time.Hour); ts <= end; ts += l.Step {
		s.Append(ts, float64(ts%l.Coarse()), false)
	}
	var w history.Window
	s.Window(end, &w)
	split := end - ms(48*time.Hour)
	for i, learn := range w.Learn {
		ts := w.Start + int64(i)*l.Step
		require.Equal(t, ts > split || ts%ms(5*time.Minute) == 0, learn, "%d minutes before the end", (end-ts)/l.Step)
		if learn {
			require.InDelta(t, float64(ts%l.Coarse()), w.Values[i], 0)
		} else if i > 5 && ts < split {
			require.InDelta(t, 0, w.Values[i], 0, "between two of the coarse values, which are 0")
		}
	}
	require.Equal(t, ms(history.FineFor), l.Fine())
	require.Equal(t, ms(history.CoarseFrom), l.Coarse())
	require.Equal(t, ms(6*time.Minute), layout(t, 2*time.Minute, 24*time.Hour, 0, history.Drop).Coarse())
	require.Equal(t, ms(time.Hour), layout(t, time.Hour, 24*time.Hour, 0, history.Drop).Coarse())

	whole := l
	whole.Whole = true
	require.Equal(t, l.Step, whole.Coarse())
	require.Equal(t, l.Length, whole.Fine())
	require.Greater(t, whole.Bytes(), l.Bytes())
}

// A series that was trimmed all the while shows the same windows as one that was begun later, and as one that keeps
// everything.
func TestWindow_DependsOnItsStepsAlone(t *testing.T) {
	for _, missing := range []history.Missing{history.Drop, history.Zero, history.Last} {
		steps := []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 7 * time.Minute, time.Hour}
		if testing.Short() {
			steps = steps[3:]
		}
		for _, step := range steps {
			r := rand.New(rand.NewPCG(1, uint64(step)))
			l := layout(t, step, 4*24*time.Hour, 12*time.Hour, missing)
			whole := layout(t, step, 4*24*time.Hour, 365*24*time.Hour, missing)
			begin := ms(1000*24*time.Hour) / l.Step * l.Step
			end := begin + ms(10*24*time.Hour)/l.Step*l.Step
			trimmed, kept, late := history.New(l), history.New(whole), history.New(l)
			for ts := begin; ts <= end; ts += l.Step {
				v, masked := r.NormFloat64(), r.IntN(50) == 0
				if r.IntN(10) == 0 || ts/ms(6*time.Hour)%5 == 0 {
					v = nan
				}
				trimmed.Append(ts, v, masked)
				kept.Append(ts, v, masked)
				if ts > end-l.Length-l.Overhang && (ts > end-l.Fine()-l.Overhang || ts%l.Coarse() == 0) {
					late.Append(ts, v, masked)
				}
				if r.IntN(100) == 0 {
					trimmed.Trim(ts)
				}
			}
			trimmed.Trim(end)
			var a, b, c history.Window
			for ts := end - l.Overhang; ts <= end; ts += l.Step {
				trimmed.Window(ts, &a)
				kept.Window(ts, &b)
				late.Window(ts, &c)
				require.Equal(t, bits(b.Values), bits(a.Values))
				require.Equal(t, bits(b.Values), bits(c.Values))
				require.Equal(t, b.Learn, a.Learn)
				require.Equal(t, b.Learn, c.Learn)
				for _, s := range []*history.Series{trimmed, late} {
					want, masked := kept.Value(ts)
					got, gotMasked := s.Value(ts)
					require.Equal(t, math.Float64bits(want), math.Float64bits(got), "%s at %d", step, ts)
					require.Equal(t, masked, gotMasked)
					wantFirst, _ := kept.First(ts)
					first, _ := s.First(ts)
					require.Equal(t, wantFirst, first)
				}
			}
		}
	}
}

func bits(values []float64) []uint64 {
	b := make([]uint64, len(values))
	for i, v := range values {
		b[i] = math.Float64bits(v)
	}
	return b
}

func TestTrim_ForgetsVanishedSeries(t *testing.T) {
	l := layout(t, time.Minute, 24*time.Hour, time.Hour, history.Last)
	s := history.New(l)
	s.Append(0, 7, false)
	v, _ := s.Value(ms(23 * time.Hour))
	require.InDelta(t, 7, v, 0)
	v, _ = s.Value(ms(25 * time.Hour))
	require.True(t, math.IsNaN(v), "unknown once nothing was seen for the length of the history")
	s.Trim(ms(20 * time.Hour))
	require.False(t, s.Empty())
	s.Trim(ms(48 * time.Hour))
	require.True(t, s.Empty())
}

func TestNewLayout_RefusesWhatDoesNotFit(t *testing.T) {
	_, err := history.NewLayout(0, time.Hour, 0, history.Drop)
	require.Error(t, err)
	_, err = history.NewLayout(time.Hour, time.Minute, 0, history.Drop)
	require.Error(t, err)
	_, err = history.ParseMissing("null")
	require.EqualError(t, err, `missing: "null" is not one of drop, zero, last`)
}

// complete is a series of two weeks at a minute.
func complete(b *testing.B) (history.Layout, *history.Series) {
	b.Helper()
	l := layout(b, time.Minute, 14*24*time.Hour, 6*time.Hour, history.Drop)
	s := history.New(l)
	for ts := int64(0); ts <= l.Length; ts += l.Step {
		s.Append(ts, 1, ts%(7*l.Step) == 0)
	}
	s.Trim(l.Length)
	b.ReportAllocs()
	return l, s
}

func BenchmarkAppend(b *testing.B) {
	l, _ := complete(b)
	s := history.New(l)
	for i := range b.N {
		ts := int64(i) * l.Step
		s.Append(ts, 1, false)
		if i%100 == 0 {
			s.Trim(ts)
		}
	}
}

// As the detector does: a view at each step.
func BenchmarkAppendAndView(b *testing.B) {
	l, _ := complete(b)
	s := history.New(l)
	for i := range b.N {
		ts := int64(i) * l.Step
		s.Append(ts, 1, false)
		s.Trim(ts)
		v := s.View()
		v.Value(ts)
	}
}

func BenchmarkAt(b *testing.B) {
	l, s := complete(b)
	i := int64(0)
	for b.Loop() {
		i = (i + 911) % 2880
		s.At(l.Length - i*l.Step)
	}
}

func BenchmarkValue(b *testing.B) {
	l, s := complete(b)
	for b.Loop() {
		s.Value(l.Length)
	}
}

func BenchmarkWindow(b *testing.B) {
	l, s := complete(b)
	var w history.Window
	for b.Loop() {
		s.Window(l.Length, &w)
	}
}

func BenchmarkAppendBinary(b *testing.B) {
	_, s := complete(b)
	var buf []byte
	for b.Loop() {
		buf, _ = s.AppendBinary(buf[:0])
	}
	b.ReportMetric(float64(len(buf)), "B/series")
}

func BenchmarkRestore(b *testing.B) {
	l, s := complete(b)
	saved := save(b, s)
	for b.Loop() {
		_, err := history.Restore(l, saved)
		require.NoError(b, err)
	}
}

func TestSeries_OldestIsWhatNoWindowShowsYetToo(t *testing.T) {
	layout, err := history.NewLayout(time.Minute, 3*24*time.Hour, time.Hour, history.Drop)
	require.NoError(t, err)
	s := history.New(layout)
	_, ok := s.Oldest()
	require.False(t, ok)
	const first, end = 7 * 60_000, 4 * 24 * 3_600_000
	for ts := int64(first); ts <= end; ts += 60_000 {
		s.Append(ts, 1, false)
	}
	oldest, ok := s.Oldest()
	require.True(t, ok)
	require.Equal(t, int64(first), oldest)
	s.Trim(end + layout.Length)
	oldest, ok = s.Oldest()
	require.True(t, ok)
	require.LessOrEqual(t, oldest, end-layout.Overhang)
	require.Greater(t, oldest, int64(end-24*3_600_000))
}
