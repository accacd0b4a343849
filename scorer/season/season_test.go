package season_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/composition"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/season"
)

// What happened once makes no season; what happened in two periods in a row does, also if it moved a little.
func TestValues_OddOnesMakeNoSeasonUntilTheyComeAgain(t *testing.T) {
	const perDay, week = 24, 7 * 24
	weekly := season.Season{Days: 7, Periods: 1, Min: 1}
	fit := func() *season.Values {
		v := season.New(1000, 4*week, perDay, 1, 2)
		for i := range v.Values {
			v.Values[i] = 10
		}
		return v
	}
	expected := func(v *season.Values, slot int64) float32 {
		e, days, _ := v.Expected(weekly, slot)
		require.Equal(t, 7, days)
		return e
	}
	set := func(v *season.Values, slot int64, x float32) {
		v.Values[slot-v.First] = x
		v.MarkOdd(slot, weekly, 10, slot)
	}

	v := fit()
	set(v, 1100, 90)
	require.Equal(t, float32(10), expected(v, 1100+week))
	require.Equal(t, float32(90), v.Values[100], "the value itself stays")

	set(v, 1100+week+2, 80)
	require.Equal(t, float32(80), expected(v, 1100+2*week+2), "it came again")
	require.Equal(t, float32(90), expected(v, 1100+week), "so it was no exception")

	v = fit()
	set(v, 1100, 90)
	set(v, 1100+week+3, 80)
	require.Equal(t, float32(10), expected(v, 1100+2*week+3), "another time of day")

	v = fit()
	v.Values[102] = 80 // was expected, such as all values of a first week
	set(v, 1100+week, 90)
	require.Equal(t, float32(90), expected(v, 1100+2*week), "it came then, a little later")
	v.Values[102] = 40
	set(v, 1100+week, 90)
	require.Equal(t, float32(10), expected(v, 1100+2*week), "that was another one")

	v = fit()
	set(v, 1100, 90)
	set(v, 1101, 90)
	v.Accept(1000, 1101)
	require.Equal(t, float32(90), expected(v, 1100+week), "it counts")
	require.Equal(t, float32(10), expected(v, 1101+week))
	require.Equal(t, float32(90), v.OtherDays(1100 + 2*perDay)[1])

	v = fit()
	set(v, 1100, 90)
	set(v, 1100+week, -70)
	require.Equal(t, float32(10), expected(v, 1100+2*week), "the other way")

	v = fit()
	set(v, 1100, 90)
	set(v, 1110, 90)
	v.Move(v.First, 1105, func(x float32) float32 { return x + 5 }, func(_, _ float32) bool { return false })
	require.Equal(t, float32(15), expected(v, 1100+week), "moved with the level")
	require.Equal(t, float32(90), expected(v, 1110+week), "the new level")
	require.Equal(t, float32(95), v.Clone().Values[100])
	clone := v.Clone()
	require.Equal(t, float32(95), expected(clone, 1100+week), "nothing is odd in a copy")
}

func TestSampleSizeFactors_AreSmallerForFewerPeriods(t *testing.T) {
	f := season.SampleSizeFactors(7)
	require.Equal(t, float32(1), f[7])
	require.InDelta(t, math.Sqrt(1.2104/2), f[1], 1e-6)
	require.Equal(t, float32(1), f[0])
	require.Equal(t, float32(1), season.SampleSizeFactors(0)[3])
}

func TestValues_ExpectTheSameUnlessChanged(t *testing.T) {
	const perDay, days = 24, 40
	r := rand.New(rand.NewPCG(1, 1))
	same := 0
	for run := range 200 {
		v := season.New(500, days*perDay, perDay, 3, 1)
		for i := range v.Values {
			v.Values[i] = float32(r.NormFloat64())
			if r.IntN(4) == 0 || i%perDay%3 == 0 && r.IntN(10) > 0 { // so that others stand in for some
				v.Values[i] = float32(math.NaN())
			}
		}
		s := season.Candidates[1+run%3]
		changed := v.Clone()
		for range r.IntN(4) {
			slot := 500 + int64(20*perDay+r.IntN(20*perDay))
			changed.MarkOdd(slot, s, 9, slot)
		}
		for slot := int64(500); slot < 500+days*perDay; slot++ {
			if changed.Changed(slot) {
				continue
			}
			want, wantDays, wantKnown := v.Expected(s, slot)
			e, d, known := changed.Expected(s, slot)
			require.True(t, e == want || e != e && want != want, "slot %d: %v, not %v", slot, e, want)
			require.Equal(t, []int{wantDays, wantKnown}, []int{d, known})
			same++
		}
		changed.Move(changed.First, 600, func(x float32) float32 { return x + 1 }, func(_, _ float32) bool { return false })
		require.True(t, changed.Changed(700))
		require.False(t, changed.Clone().Changed(700))
	}
	require.Positive(t, same)
}

func TestReplaceRuns_OfIncidentsButNotDaysOfAnotherKind(t *testing.T) {
	const perDay = 4
	v := season.New(0, 7*perDay, perDay, 1, 1)
	v.DayOff = func(slot int64) bool { return slot/perDay%7 == 6 }
	for i := range v.Values {
		v.Values[i] = 10
		if i/perDay == 1 || i/perDay == 6 {
			v.Values[i] = 50
		}
	}
	v.Values[2] = 90 // of the first day
	profile, others := make([]float32, 2*perDay), make([]float32, 2*perDay)
	for i := range profile {
		profile[i] = v.Values[i]
		others[i] = v.MedianIfOdd(7*perDay+int64(i), profile[i], func(x, e float32) bool { return x > e+5 })
	}
	nan := math.NaN()
	require.InDeltaSlice(t, []float64{nan, nan, 10, nan, 10, 10, 10, 10}, toFloat64(others), 0)
	require.Equal(t, map[int]float32{2: 90}, season.ReplaceRuns(profile, others, perDay/2))
	require.Equal(t, []float32{10, 10, 10, 10, 50, 50, 50, 50}, profile)
}

func toFloat64(values []float32) (all []float64) {
	for _, x := range values {
		all = append(all, float64(x))
	}
	return all
}

func TestValues_ExpectWhereLastWeekIsNotKnown(t *testing.T) {
	const perDay, week = 4, 7 * 4
	nan := float32(math.NaN())
	weekly := season.Season{Days: 7, Periods: 1, Min: 1}
	v := season.New(0, 4*week, perDay, 1, 1)
	v.DayOff = func(slot int64) bool { return slot/perDay%7 >= 5 }
	for i := range v.Values {
		v.Values[i] = float32(i / perDay) // the number of the day
	}
	expect := func(value float32, days, known int, slot int64) {
		t.Helper()
		e, d, k := v.Expected(weekly, slot)
		require.Equal(t, []any{value, days, known}, []any{e, d, k})
	}
	const wednesday, saturday = 16 * perDay, 19 * perDay
	v.Values[wednesday-week], v.Values[saturday-week] = nan, nan
	expect(2, 7, 1, wednesday)
	expect(5, 7, 1, saturday)

	v.Values[wednesday-2*week], v.Values[saturday-2*week] = nan, nan
	expect(12.5, 1, 4, wednesday) // of Thursday, Friday, Monday and Tuesday
	expect(13, 1, 1, saturday)    // Sunday

	// The Wednesday and the Saturday that are not known are passed over, further back than a week.
	e, d, k := v.Expected(season.ByKind(), 2*week)
	require.Equal(t, []any{float32(7), 1, 7}, []any{e, d, k}, "a Monday, by the other workdays")
	e, d, k = v.Expected(season.ByKind(), saturday)
	require.Equal(t, []any{float32(9.5), 1, 2}, []any{e, d, k}, "a Saturday, by the Sundays")

	for i := range week {
		v.Values[i] = nan
	}
	weekly.Alone = true
	expect(12.5, 1, 4, wednesday)
	e, days, known := v.Expected(weekly, week+perDay)
	require.True(t, math.IsNaN(float64(e)))
	require.Equal(t, []int{0, 0}, []int{days, known}, "the week before the first value")
}

func TestLastWeek_IsAsNormalAsTheRecentLevel(t *testing.T) {
	const perDay = 24
	v := season.New(0, 8*perDay, perDay, 1, 1)
	for i := range v.Values {
		v.Values[i] = 100
		if i/perDay >= 5 {
			v.Values[i] = 50
		}
	}
	v.Values[3] = 500 // an incident
	var w season.Young
	require.False(t, w.Known())
	none := func(int64) float32 { return 0 }
	w.LastWeek = season.NewLastWeek(v, none, &composition.Composition{}, 5, new(orderstat.Scratch))
	require.True(t, w.Known())
	const slot = 7*perDay + 3
	require.Equal(t, float32(100), w.Nearest(slot, 101, 50, 1), "as last week")
	require.Equal(t, float32(50), w.Nearest(slot, 54, 50, 1), "as expected")
	require.Equal(t, float32(50), w.Nearest(slot, 80, 50, 1), "as neither")
	require.Equal(t, float32(100), w.Nearest(slot, 80, 50, 5), "where noise is larger")
	require.Equal(t, float32(50), w.Nearest(slot, 500, 50, 1), "the incident is not normal")
	require.Equal(t, float32(30), w.Nearest(slot-2*perDay, 100, 30, 1), "nothing is known")
	low, high := w.Widen(slot, 49, 51, 1)
	require.Equal(t, []float32{49, 100}, []float32{low, high})
	low, high = w.Widen(slot, 90, 110, 1)
	require.Equal(t, []float32{90, 110}, []float32{low, high})
	require.Equal(t, float32(50), new(season.Young).Nearest(slot, 101, 50, 1))
}
