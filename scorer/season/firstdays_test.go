package season_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/envelope"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/season"
)

// The days of a week of four slots each, of which the sixth and the seventh are off. It holds for days of the window,
// too, which are replayed.
func TestFirstDays(t *testing.T) {
	in := func(low, high float32) envelope.Interval { return envelope.Interval{Low: low, High: high} }
	day := []float32{12, 24, 48, 24}
	less := []envelope.Interval{in(4, 12), in(8, 24), in(12, 48), in(8, 24)}
	more := []envelope.Interval{in(12, 48), in(24, 48), in(48, 48), in(24, 48)}
	no := []envelope.Interval{in(12, 12), in(24, 24), in(48, 48), in(24, 24)}
	const saturday, sunday, monday = 5, 6, 7
	for name, tc := range map[string]struct {
		from, days, at int
		expected       []float32 // nil: day
		firstWeek      bool
		want           []envelope.Interval
	}{
		"a Saturday":                  {from: 2, days: 3, at: saturday, want: less},
		"the Saturday, a day later":   {from: 2, days: 4, at: saturday, want: less},
		"the Sunday after it":         {from: 2, days: 4, at: sunday, want: less},
		"the Monday after that":       {from: 2, days: 5, at: monday, firstWeek: true, want: more},
		"the first Monday":            {from: 5, days: 2, at: monday, want: no},
		"after a week":                {from: 0, days: 7, at: 7, want: no},
		"a day off alone":             {from: 5, days: 1, at: sunday, want: no},
		"of a load without a day":     {from: 2, days: 3, at: saturday, expected: []float32{12, 12, 12, 12}, want: no},
		"of a load that is below 0":   {from: 2, days: 3, at: saturday, expected: []float32{-12, 24, 48, 24}, want: no},
		"without an expected value":   {from: 2, days: 3, at: saturday, expected: []float32{}, want: no},
		"a workday like those before": {from: 0, days: 3, at: 3, firstWeek: true, want: no},
	} {
		t.Run(name, func(t *testing.T) {
			v := season.New(int64(4*tc.from), 4*tc.days, 4, 1, 1)
			v.DayOff = func(slot int64) bool { return slot/4%7 >= 5 }
			for i := range v.Values {
				if v.Values[i] = day[i%4]; v.DayOff(v.First + int64(i)) {
					v.Values[i] /= 5
				}
			}
			expected := tc.expected
			if expected == nil {
				expected = day
			}
			f := season.NewFirstDays(v, expected, 0, tc.firstWeek)
			for i, want := range tc.want {
				low, high := f.Widen(int64(4*tc.at+i), day[i], day[i])
				require.Equal(t, want, in(low, high), i)
			}
		})
	}
}

// What first days make usual says nothing of how far later ones are from what is expected. What is beyond that does.
func TestYoung_ReplaysFirstDays(t *testing.T) {
	v := season.New(8, 12, 4, 1, 1) // Wednesday to Friday
	v.DayOff = func(slot int64) bool { return slot/4%7 >= 5 }
	day := []float32{12, 24, 48, 24}
	for i := range v.Values {
		v.Values[i] = day[i%4]
	}
	y := season.Young{First: season.NewFirstDays(v, day, 0, true)}
	const noon = 4*5 + 2 // on Saturday; 12 to 48 is usual
	require.True(t, y.Known())
	require.Equal(t, float32(30), y.Nearest(noon, 30, 48, 1))
	require.True(t, math.IsNaN(float64(y.Replayed(noon, 30, 48, 1))))
	require.Equal(t, float32(12), y.Replayed(noon, 5, 48, 1))
	require.Equal(t, float32(48), y.Replayed(noon, 50, 48, 1))
	require.Equal(t, float32(48), y.Replayed(noon-4, 30, 48, 1), "on Friday")
	y.LearnFirstDays()
	require.Equal(t, float32(30), y.Replayed(noon, 30, 48, 1))
}
