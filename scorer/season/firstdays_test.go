package season_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/envelope"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/season"
)

// The days of a week of four slots each, of which the sixth and the seventh are off.
func TestFirstDays(t *testing.T) {
	in := func(low, high float32) envelope.Interval { return envelope.Interval{Low: low, High: high} }
	day := []float32{12, 24, 48, 24}
	usual := func(from, days int, expected []float32, firstWeek bool) map[int]envelope.Interval {
		v := season.New(int64(4*from), 4*days, 4, 1, 1)
		v.DayOff = func(slot int64) bool { return slot/4%7 >= 5 }
		for i := range v.Values {
			if v.Values[i] = day[i%4]; v.DayOff(v.First + int64(i)) {
				v.Values[i] /= 5
			}
		}
		return v.FirstDays(v.First+int64(len(v.Values)), expected, 0, firstWeek)
	}
	less := map[int]envelope.Interval{0: in(4, 12), 1: in(8, 24), 2: in(12, 48), 3: in(8, 24)}
	more := map[int]envelope.Interval{0: in(12, 48), 1: in(24, 48), 2: in(48, 48), 3: in(24, 48)}
	no := map[int]envelope.Interval{0: in(12, 12), 1: in(24, 24), 2: in(48, 48), 3: in(24, 24)}
	for name, tc := range map[string]struct {
		from, days int
		expected   []float32
		firstWeek  bool
		want       map[int]envelope.Interval
	}{
		"a Saturday":                  {from: 2, days: 3, expected: day, want: less},
		"the Sunday after it":         {from: 2, days: 4, expected: day, want: less},
		"the Monday after that":       {from: 2, days: 5, expected: day, firstWeek: true, want: more},
		"the first Monday":            {from: 5, days: 2, expected: day, want: no},
		"after a week":                {from: 0, days: 7, expected: day, want: map[int]envelope.Interval{}},
		"a day off alone":             {from: 5, days: 1, expected: day, want: map[int]envelope.Interval{}},
		"of a load without a day":     {from: 2, days: 3, expected: []float32{12, 12, 12, 12}},
		"without an expected value":   {from: 2, days: 3},
		"a workday like those before": {from: 0, days: 3, expected: day, firstWeek: true, want: map[int]envelope.Interval{}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, usual(tc.from, tc.days, tc.expected, tc.firstWeek))
		})
	}
}
