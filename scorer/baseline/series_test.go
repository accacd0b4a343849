package baseline_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
	_ "time/tzdata" // zones, wherever the tests run

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/baseline"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/datarange"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/grid"
)

const day = 24 * time.Hour

var everything = datarange.Range{math.Inf(-1), math.Inf(1)}

// values returns those of n steps from start on.
func values(start time.Time, step time.Duration, n int, value func(t time.Time) float64) []float64 {
	y := make([]float64, n)
	for i := range y {
		y[i] = value(start.Add(time.Duration(i) * step))
	}
	return y
}

func fit(t *testing.T, o baseline.Options, start time.Time, y []float64) (*baseline.Series, *baseline.Backtest) {
	t.Helper()
	o.Possible = everything
	s, b, err := baseline.FitSeries(o, baseline.Window{Start: start.UnixMilli(), Values: y})
	require.NoError(t, err)
	return s, b
}

func TestGrid_PositionsAreSlotsAndAtTheEndSteps(t *testing.T) {
	grid := grid.New(time.Minute)
	var indices, slots, phases []int
	for at := range grid.Positions(2*60_000, 15, 12) { // begins two minutes into a slot
		indices, slots, phases = append(indices, at.Index), append(slots, at.Slot), append(phases, at.Phase)
		require.Equal(t, int64(2+at.Index)*60_000, at.Time)
	}
	require.Equal(t, []int{3, 8, 12, 13, 14}, indices)
	require.Equal(t, []int{0, 1, 1, 2, 2}, slots)
	require.Equal(t, []int{0, 0, 4, 0, 1}, phases)
}

// A season follows the wall clock: after clocks are changed, what happened at 9 is expected at 9.
func TestSeries_FollowsDaylightSaving(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(1, 1))
	office := func(at time.Time) float64 {
		if h := at.In(berlin).Hour(); h >= 9 && h < 17 {
			return 100 + r.NormFloat64()
		}
		return 10 + r.NormFloat64()
	}
	for name, end := range map[string]time.Time{
		"put forward": time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC),
		"put back":    time.Date(2026, 10, 24, 12, 0, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			start := end.Add(-14 * day)
			s, _ := fit(t, baseline.Options{Step: 5 * time.Minute, Location: berlin}, start,
				values(start, 5*time.Minute, 14*288, office))
			for at := end; at.Before(end.Add(3 * day)); at = at.Add(5 * time.Minute) {
				y := office(at)
				step := s.Next(y, true)
				require.InDelta(t, y, s.Value(step.Time, step.Forecast), 10, at)
			}
		})
	}
}

func TestSeries_ExpectsASundayOfAHoliday(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	week := func(at time.Time) float64 {
		if d := at.Weekday(); d == time.Saturday || d == time.Sunday {
			return 50 + 10*float64(at.Weekday()) + r.NormFloat64() // 110, 50
		}
		return 200 + r.NormFloat64()
	}
	start := time.Date(2026, 4, 6, 0, 0, 0, 0, time.UTC) // a Monday
	end := start.Add(28 * day)
	o := baseline.Options{Step: 5 * time.Minute, Holiday: func(_ int, month time.Month, d int) bool {
		return month == time.May && d == 5
	}}
	s, _ := fit(t, o, start, values(start, 5*time.Minute, 28*288, week))
	for i := range 3 * 288 { // Monday, the holiday, Wednesday
		want := 200.0
		if i/288 == 1 {
			want = 50
		}
		step := s.Next(want, true)
		require.InDelta(t, want, s.Value(step.Time, step.Forecast), 10, end.Add(time.Duration(i)*5*time.Minute))
	}
}

// As long as a series has been known for less than 320 hours, slots of the first week are expected by the days.
func TestFitSeries_ExpectsByDaysUntilAWeekSpeaksForItself(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	start := time.Date(2026, 4, 6, 0, 0, 0, 0, time.UTC)
	week := func(at time.Time) float64 { // each day has another level, which only a weekly season knows
		return 100*float64(at.Weekday()*at.Weekday()%7) + 10*math.Sin(2*math.Pi*at.Sub(start).Hours()/24) + r.NormFloat64()
	}
	for _, tc := range []struct {
		hours int
		known bool
	}{{240, true}, {319, true}, {320, false}, {480, false}} {
		n := tc.hours * 12
		_, b := fit(t, baseline.Options{Step: 5 * time.Minute}, start, values(start, 5*time.Minute, n, week))
		known := 0
		for at := range b.Positions(0) {
			if at.Index >= 4*288 && at.Index < 7*288 {
				if e := b.Expected(at, b.Values[at.Index]); e == e {
					known++
				}
			}
		}
		require.Equal(t, tc.known, known > 0, "%d hours: %d of the first week", tc.hours, known)
	}
}

// At an edge of the season the value may change at any step of the slot.
func TestSeries_ExpectsEdgesAtAnyStepOfASlot(t *testing.T) {
	shift := func(at time.Time) float64 {
		if m := at.Hour()*60 + at.Minute(); m >= 8*60+3 && m < 20*60+3 {
			return 100
		}
		return float64(at.Minute() % 2)
	}
	start := time.Date(2026, 4, 6, 0, 0, 0, 0, time.UTC)
	s, _ := fit(t, baseline.Options{Step: time.Minute}, start, values(start, time.Minute, 8*1440, shift))
	for at := start.Add(8 * day); at.Before(start.Add(9 * day)); at = at.Add(time.Minute) {
		y := shift(at)
		step := s.Next(y, true)
		require.InDelta(t, y, s.Value(step.Time, step.Expected), 2, at)
	}
}

// Where a time of day is not known its neighbours stand in for it, as far as an hour. Beyond that nothing is expected,
// and above all not the centre of all values, which is that of other hours.
func TestSeries_ExpectsOnlyWhatIsKnownOfATimeOfDay(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	office := func(at time.Time) float64 {
		if h := at.Hour(); h < 8 || h >= 20 {
			return math.NaN()
		}
		return 100 - math.Abs(float64(at.Hour()*60+at.Minute()-840))/4 + r.NormFloat64()
	}
	start := time.Date(2026, 4, 6, 0, 0, 0, 0, time.UTC)
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			end := start.Add(14 * day)
			s, _ := fit(t, baseline.Options{Step: step}, start, values(start, step, int(14*day/step), office))
			for at := end; at.Before(end.Add(2 * day)); at = at.Add(step) { // the second day is like the first
				step := s.Next(office(at), true)
				got := s.Value(step.Time, step.Expected)
				switch m := at.Hour()*60 + at.Minute(); {
				case m < 415 || m > 1260:
					require.True(t, math.IsNaN(got), "%s: %g", at, got)
				case m < 425 || m > 1250: // around an hour away
				case m < 480 || m >= 1200:
					require.InDelta(t, 10, got, 20, at)
				default:
					require.InDelta(t, 100-math.Abs(float64(m-840))/4, got, 10, at)
				}
			}
		})
	}
}
