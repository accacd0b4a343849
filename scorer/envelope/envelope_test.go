package envelope_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/envelope"
)

const perDay = 288

// days returns the values of n days with noise of 1 and, from a start by day, an event of 100 for so many slots.
func days(n, length int, start func(day int) int) []float32 {
	values := make([]float32, n*perDay)
	for i := range values {
		values[i] = float32(i % 2)
		if at := start(i / perDay); at >= 0 && i%perDay >= at && i%perDay < at+length {
			values[i] = 100
		}
	}
	return values
}

func after(values []float32, alike func(slot, earlier int64) bool) envelope.Envelope {
	d := envelope.New(envelope.Options{Slot: 5 * time.Minute, PerDay: perDay, Alike: alike}, values)
	window := make([]int64, len(values))
	for i := range window {
		window[i] = int64(i)
	}
	e, _ := d.Find(int64(len(values)), perDay, window)
	return e
}

func TestEnvelope_IsWhereDaysDiffer(t *testing.T) {
	for name, tc := range map[string]struct {
		start func(day int) int
		from  int // the first slot of the intervals; 0: there are none
		n     int
	}{
		"always alike":         {func(int) int { return 100 }, 0, 0},
		"never":                {func(int) int { return -1 }, 0, 0},
		"on one day":           {func(d int) int { return map[bool]int{true: 100, false: -1}[d == 5] }, 0, 0},
		"ten minutes later":    {func(d int) int { return 100 + d%3 }, 98, 12},
		"on every second day":  {func(d int) int { return map[bool]int{true: 100, false: -1}[d%2 == 0] }, 98, 10},
		"anywhere in the hour": {func(d int) int { return 100 + 5*d%12 }, 98, 21},
	} {
		t.Run(name, func(t *testing.T) {
			e := after(days(14, 6, tc.start), nil)
			for i := range int64(perDay) {
				in := e.At(i)
				if inside := i >= int64(tc.from)+2 && i < int64(tc.from+tc.n)-2; tc.n > 0 && inside {
					if !in.IsNone() { // else it is always there at this time
						require.InDelta(t, 150, in.High, 2, i) // half of the range is added
					}
				} else if i < int64(tc.from)-3 || i > int64(tc.from+tc.n)+3 {
					require.True(t, in.IsNone(), "%d: %v", i, in)
				}
			}
			require.Equal(t, tc.n == 0, e.Empty())
		})
	}
}

func TestEnvelope_ComparesDaysThatAreAlike(t *testing.T) {
	workdays := func(d int) int { return map[bool]int{true: 100 + d%3, false: -1}[d%7 < 5] }
	weekend := func(slot int64) bool { return slot/perDay%7 >= 5 }
	e := after(days(14, 12, workdays), func(slot, earlier int64) bool { return weekend(slot) == weekend(earlier) })
	require.InDelta(t, 150, e.At(100).High, 2)
	require.True(t, e.At(107).IsNone(), "it is always there at this time")
	all := after(days(14, 12, workdays), nil)
	require.InDelta(t, -50, all.At(107).Low, 2)
}

func TestEnvelope_KnowsOneDayOfTheWeek(t *testing.T) {
	for name, tc := range map[string]struct {
		on    []int
		known bool
	}{
		"both weeks":             {[]int{0, 7}, true},
		"last week only":         {[]int{7}, false},
		"the week before only":   {[]int{0}, false},
		"another day last week":  {[]int{0, 8}, false},
		"another day both weeks": {[]int{1, 8}, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := after(days(14, 6, func(d int) int {
				if slices.Contains(tc.on, d) {
					return 100 + d/7
				}
				return -1
			}), nil)
			require.Equal(t, !tc.known, e.Empty())
			if tc.known {
				require.InDelta(t, 150, e.At(102).High, 2)
			}
		})
	}
}

func TestInterval_IsNearestInsideAndTowardsTheExpected(t *testing.T) {
	in := envelope.Interval{Low: 10, High: 20}
	for x, want := range map[float32]float32{5: 8, 8: 8, 9: 9, 15: 15, 25: 20} {
		require.InDelta(t, want, in.Nearest(8, x), 0, x)
	}
	require.InDelta(t, 8, envelope.None().Nearest(8, 15), 0)
	require.InDelta(t, 8, in.Nearest(8, float32(math.NaN())), 0)
	require.Equal(t, in, in.Join(envelope.None()))
	require.Equal(t, in, envelope.None().Join(in))
	require.True(t, envelope.None().Moved(3).IsNone())
}

// A trend makes each day differ from all others, but hardly from the one before: it hides no event.
func TestEnvelope_SeesEventsInATrend(t *testing.T) {
	values := days(14, 6, func(d int) int { return 100 + d%3 })
	for i := range values {
		values[i] += 3 * float32(i) / perDay
	}
	e := after(values, nil)
	require.False(t, e.At(100).IsNone())
}

// Days are beyond what is normal at a time of day once in 25 to 200 days, whatever the sizes of a job are like.
func TestEnvelope_KnowsHowSizesVary(t *testing.T) {
	const perDay, days, draws = 24, 28, 2000
	for name, size := range map[string]func(r *rand.Rand) float64{
		"uniform":     func(r *rand.Rand) float64 { return 0.5 + r.Float64() },
		"normal":      func(r *rand.Rand) float64 { return 1 + 0.3*r.NormFloat64() },
		"log-normal":  func(r *rand.Rand) float64 { return math.Exp(0.4 * r.NormFloat64()) },
		"exponential": (*rand.Rand).ExpFloat64,
	} {
		t.Run(name, func(t *testing.T) {
			r, beyond := rand.New(rand.NewPCG(1, 3)), 0
			values, window := make([]float32, days*perDay), make([]int64, days*perDay)
			for range draws {
				for i := range values {
					window[i], values[i] = int64(i), float32(0.001*r.NormFloat64())
					if i%perDay == 3 {
						values[i] = float32(size(r))
					}
				}
				o := envelope.Options{Slot: time.Hour, PerDay: perDay}
				e, _ := envelope.New(o, values).Find(int64(len(values)), perDay, window)
				in, x := e.At(3), float32(size(r))
				require.False(t, in.IsNone())
				if x > in.High || x < in.Low {
					beyond++
				}
			}
			require.Greater(t, beyond, draws/200)
			require.Less(t, beyond, draws/25)
		})
	}
}

func TestEnvelope_IncludesWhatElseIsNormal(t *testing.T) {
	var e envelope.Envelope
	e.Include(5, envelope.Interval{Low: 1, High: 2})
	e.Include(3, envelope.Interval{Low: 4, High: 4})
	e.Include(5, envelope.Interval{Low: 0, High: 1})
	require.False(t, e.Empty())
	require.Equal(t, envelope.Interval{Low: 4, High: 4}, e.At(3))
	require.Equal(t, envelope.Interval{Low: 0, High: 2}, e.At(5))
	require.True(t, e.At(4).IsNone())
}
