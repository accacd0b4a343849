package history_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/history"
)

// reader is what a Series and a View have in common.
type reader interface {
	Empty() bool
	At(ts int64) (float64, bool)
	Value(ts int64) (float64, bool)
	First(end int64) (int64, bool)
	Last() (int64, bool)
	Window(end int64, w *history.Window)
}

var (
	_ reader = (*history.Series)(nil)
	_ reader = (*history.View)(nil)
)

// shown is everything that a reader shows, as bits.
type shown struct {
	Empty, HasLast, HasFirst bool
	Last, First              int64
	Windows                  [][]uint64
	Learn                    [][]bool
	Values                   []uint64
	Masked                   []bool
	Points                   []history.Point
}

// show reads everything up to end. A window ends at end, and another within the overhang.
func show(l history.Layout, r reader, points []history.Point, end int64) shown {
	var out shown
	out.Empty = r.Empty()
	out.Last, out.HasLast = r.Last()
	out.First, out.HasFirst = r.First(end)
	for _, end := range []int64{end, end - l.Overhang/l.Step*l.Step} {
		var w history.Window
		r.Window(end, &w)
		out.Windows, out.Learn = append(out.Windows, bits(w.Values)), append(out.Learn, w.Learn)
	}
	for ts := end - l.Length - l.Overhang; ts <= end; ts += l.Step {
		for _, f := range []func(int64) (float64, bool){r.At, r.Value} {
			v, masked := f(ts)
			out.Values, out.Masked = append(out.Values, math.Float64bits(v)), append(out.Masked, masked)
		}
	}
	out.Points = points
	return out
}

func showView(l history.Layout, v history.View, end int64) shown {
	return show(l, &v, slices.Collect(v.Points(math.MinInt64, math.MaxInt64)), end)
}

func showSeries(l history.Layout, s *history.Series, end int64) shown {
	return show(l, s, slices.Collect(s.Points(math.MinInt64, math.MaxInt64)), end)
}

// smallLayout has a fine part, a coarse part and few values.
func smallLayout(t testing.TB, missing history.Missing) history.Layout {
	return layout(t, 4*time.Minute, 4*24*time.Hour, 3*time.Hour, missing)
}

// change does one random thing to a series whose newest step is at: mostly it appends, and now and then it trims or
// writes an older value.
func change(s *history.Series, l history.Layout, at int64, r *rand.Rand) {
	if r.IntN(8) > 0 {
		s.Append(at, r.NormFloat64(), r.IntN(10) == 0)
	}
	switch r.IntN(20) {
	case 0:
		s.Trim(at)
	case 1: // late, anywhere
		s.Append(at-r.Int64N(l.Length/l.Step)*l.Step, r.NormFloat64(), r.IntN(2) == 0)
	case 2: // late, by a little
		s.Append(at-r.Int64N(5)*l.Step, r.NormFloat64(), r.IntN(2) == 0)
	case 3: // a long gap ends
		s.Append(at-r.Int64N(100)*l.Coarse()-l.Length, r.NormFloat64(), false)
	}
}

func TestSeries_ViewNeverChanges(t *testing.T) {
	for _, missing := range []history.Missing{history.Drop, history.Zero, history.Last} {
		type taken struct {
			view  history.View
			end   int64
			shown shown
		}
		r := rand.New(rand.NewPCG(7, uint64(missing)))
		l := smallLayout(t, missing)
		s := history.New(l)
		var views []taken
		at := ms(1000 * 24 * time.Hour)
		for i := range 4000 {
			at += l.Step
			change(s, l, at, r)
			if i%150 == 0 || i%150 == 1 {
				end := at + r.Int64N(3)*ms(32*time.Hour) // up to where the newest value lies in the coarse part
				v := s.View()
				views = append(views, taken{v, end, showView(l, v, end)})
				require.Equal(t, showSeries(l, s, end), views[len(views)-1].shown)
			}
		}
		for _, v := range views {
			require.Equal(t, v.shown, showView(l, v.view, v.end))
		}
	}
}

// Run with -race it also shows that no reader looks at what the writer writes.
func TestSeries_ViewsAreReadWhileTheSeriesIsWritten(t *testing.T) {
	l := smallLayout(t, history.Last)
	s := history.New(l)
	r := rand.New(rand.NewPCG(3, 1))
	at := ms(1000 * 24 * time.Hour)
	step := func() {
		at += l.Step
		change(s, l, at, r)
	}
	for range 2000 {
		step()
	}
	var wg sync.WaitGroup
	for i := range int64(30) {
		v, end := s.View(), at+i%3*ms(32*time.Hour)
		want := showView(l, v, end)
		b, err := v.AppendBinary(nil)
		require.NoError(t, err)
		for range 2 {
			wg.Go(func() {
				for range 3 {
					if got := showView(l, v, end); !equal(want, got) {
						t.Error("a view changed")
					}
					if again, _ := v.AppendBinary(nil); !slices.Equal(b, again) {
						t.Error("what is saved of a view changed")
					}
				}
			})
		}
		for range 40 {
			step()
		}
	}
	wg.Wait()
}

func equal(a, b shown) bool {
	return a.Last == b.Last && a.First == b.First &&
		slices.Equal(a.Values, b.Values) && slices.Equal(a.Masked, b.Masked) &&
		slices.EqualFunc(a.Windows, b.Windows, slices.Equal) && slices.EqualFunc(a.Learn, b.Learn, slices.Equal) &&
		slices.Equal(a.Points, b.Points)
}

func TestView_ZeroIsEmpty(t *testing.T) {
	var v history.View
	require.True(t, v.Empty())
	for _, f := range []func(int64) (float64, bool){v.At, v.Value} {
		x, masked := f(60_000)
		require.True(t, math.IsNaN(x))
		require.False(t, masked)
	}
	_, ok := v.First(60_000)
	require.False(t, ok)
	_, ok = v.Last()
	require.False(t, ok)
	require.Empty(t, slices.Collect(v.Points(math.MinInt64, math.MaxInt64)))
	w := history.Window{Values: make([]float64, 3), Learn: make([]bool, 3)}
	v.Window(60_000, &w)
	require.Empty(t, w.Values)
	require.Empty(t, w.Learn)
}

func TestView_IsSmallAndTakenWithoutAllocation(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(history.View{}), uintptr(120))
	l := smallLayout(t, history.Drop)
	s := history.New(l)
	s.Append(0, 1, false)
	var v history.View
	require.Zero(t, testing.AllocsPerRun(100, func() {
		v = s.View()
		v.Value(0)
	}))
}

func TestView_PointsAreThoseOfTheNewestWindow(t *testing.T) {
	l := layout(t, time.Minute, 3*24*time.Hour, time.Hour, history.Drop)
	s := history.New(l)
	end := ms(1000 * 24 * time.Hour)
	for ts := end - 2*l.Length; ts <= end; ts += l.Step {
		s.Append(ts, float64(ts/l.Step%1000), ts%ms(time.Hour) == 0)
	}
	s.Trim(end)
	v := s.View()

	var w history.Window
	v.Window(end, &w)
	points := slices.Collect(v.Points(math.MinInt64, math.MaxInt64))
	require.Len(t, points, 24*12+48*60)
	for _, p := range points {
		i := (p.Time - w.Start) / l.Step
		require.Equal(t, !p.Masked, w.Learn[i])
		require.Equal(t, float64(p.Time/l.Step%1000), p.Value)
		require.Equal(t, p.Time%ms(time.Hour) == 0, p.Masked)
	}

	split := end - l.Fine()
	var times []int64
	for p := range v.Points(split-ms(10*time.Minute), split+ms(2*time.Minute)) {
		times = append(times, p.Time-split)
	}
	require.Equal(t, []int64{-600_000, -300_000, 0, 60_000, 120_000}, times, "both ends included")
	for range v.Points(split-ms(10*time.Minute), end) {
		break
	}
	for range v.Points(split+1, end) {
		break
	}

	s.Trim(end + l.Fine() + ms(12*time.Hour)) // the series has vanished: its fine values are being forgotten
	newest := slices.Collect(s.Points(end-ms(20*time.Minute), end))
	require.Len(t, newest, 5)
	require.Equal(t, points[len(points)-1], newest[4])
}

func TestSeries_LateValueReplacesItsStepAlone(t *testing.T) {
	l := layout(t, time.Hour, 8*time.Hour, 0, history.Drop)
	s := history.New(l)
	for i := range int64(8) {
		s.Append(i*l.Step, float64(i), i == 3)
	}
	before := s.View()
	s.Append(3*l.Step, 30, false)
	s.Append(4*l.Step, 40, true)
	for i := range int64(8) {
		v, masked := before.At(i * l.Step)
		require.Equal(t, float64(i), v)
		require.Equal(t, i == 3, masked)
		v, masked = s.At(i * l.Step)
		require.Equal(t, map[int64]float64{3: 30, 4: 40}[i]+map[bool]float64{true: float64(i)}[i != 3 && i != 4], v)
		require.Equal(t, i == 4, masked)
	}
}

func TestView_UntilShowsTheSeriesAsItWas(t *testing.T) {
	for _, missing := range []history.Missing{history.Drop, history.Zero, history.Last} {
		for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
			r := rand.New(rand.NewPCG(4, uint64(step)))
			l := layout(t, step, 4*24*time.Hour, 12*time.Hour, missing)
			s := history.New(l)
			begin := ms(1000*24*time.Hour) / l.Step * l.Step
			var views []history.View
			for i := range int64(2000) {
				if r.IntN(5) > 0 {
					s.Append(begin+i*l.Step, r.NormFloat64(), r.IntN(20) == 0)
				}
				views = append(views, s.View())
			}
			newest := s.View()
			for i := 0; i < len(views); i += 37 {
				at := begin + int64(i)*l.Step
				want, got := views[i], newest.Until(at)
				require.True(t, reflect.DeepEqual(
					show(l, &want, slices.Collect(want.Points(0, at)), at),
					show(l, &got, slices.Collect(got.Points(0, at)), at),
				), "step %d", i)
			}
			before := newest.Until(begin - 1)
			_, known := before.Last()
			require.False(t, known)
		}
	}
}

func TestSeries_MarksSayWhatIsMasked(t *testing.T) {
	for _, missing := range []history.Missing{history.Drop, history.Zero, history.Last} {
		l := smallLayout(t, missing)
		s, want := history.New(l), history.New(l)
		r := rand.New(rand.NewPCG(11, uint64(missing)))
		first := ms(1000 * 24 * time.Hour)
		last := first + l.Length
		span := func(from, to int64) history.Mark {
			return history.Mark{From: first + from*l.Step, To: first + to*l.Step}
		}
		masked, learned, between := span(100, 130), span(400, 400), span(1300, 1310)
		masked.Masked, between.Masked = true, true
		between.From++ // begins after a step
		within := func(m history.Mark, ts int64) bool { return m.From <= ts && ts <= m.To }
		for at := first; at <= last; at += l.Step {
			v, m := r.NormFloat64(), r.IntN(3) == 0
			s.Append(at, v, m)
			want.Append(at, v, (m || within(masked, at) || within(between, at)) && !within(learned, at))
		}
		plain, end := s.View(), last
		before := showView(l, plain, end)
		s.SetMarks([]history.Mark{masked, learned, between})
		same := func(a, b *history.Series) {
			t.Helper()
			var x, y history.Window
			a.Window(end, &x)
			b.Window(end, &y)
			require.Equal(t, y.Learn, x.Learn)
			require.Equal(t, bits(y.Values), bits(x.Values))
			for at := last - ms(2*time.Hour); at <= last; at += l.Step {
				_, x := a.Value(at)
				_, y := b.Value(at)
				require.Equal(t, y, x, at)
			}
		}
		same(s, want)
		require.Equal(t, before, showView(l, plain, end), "a view never changes")
		s.SetMarks(nil)
		require.Equal(t, before, showSeries(l, s, end), "what was appended is not lost")
	}
}
