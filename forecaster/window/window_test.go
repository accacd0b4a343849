package window_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

const monday = int64(1767571200000) // midnight, UTC

var nan = math.NaN()

// hourly is n values with a pattern of the day that grows by 1 an hour.
func hourly(n int) []float64 {
	y := make([]float64, n)
	for i := range y {
		y[i] = float64(i) + 10*math.Sin(2*math.Pi*float64(i)/24)
	}
	return y
}

// values returns those of a window in the unit of the series.
func values(w *window.Window) []float64 {
	y := make([]float64, len(w.Values))
	for i, x := range w.Values {
		y[i] = w.Scaling.Inverse(x)
	}
	return y
}

func TestNew_BeginsAndEndsWithObservedValues(t *testing.T) {
	t.Parallel()
	y := []float64{nan, math.Inf(1), 3, 1, nan, 2, -1e301, nan}
	w := window.New(window.Options{Step: time.Hour}, monday, y, []bool{true, true, true, false, true, true, true, true})
	require.Equal(t, 2, w.First)
	require.InDeltaSlice(t, []float64{3, 1, 1.5, 2}, values(w), 1e-12)
	require.Equal(t, []bool{true, false, false, true}, w.Learn)
	require.Equal(t, [2]float64{1, 3}, [2]float64{w.Lowest, w.Highest})
	require.Equal(t, 24, w.StepsPerDay)
	require.Equal(t, monday+2*3_600_000, w.Grid.Local(0))
	require.Nil(t, window.New(window.Options{Step: time.Hour}, monday, y[:2], nil))
}

func TestNew_FillsGaps(t *testing.T) {
	t.Parallel()
	whole := hourly(15 * 24)
	y := hourly(15 * 24)
	y[100] = nan                 // one hour between two values: from 99 to 101 are two hours, over shortGap
	for i := 200; i < 212; i++ { // half a day
		y[i] = nan
	}
	w := window.New(window.Options{Step: time.Hour}, monday, y, nil)
	require.InDeltaSlice(t, whole, values(w), 1e-9, "the day before, moved to meet both ends")
	require.False(t, w.Learn[100] || w.Learn[205])

	y = []float64{0, 100, 0, 100, 0, nan, 8, 100}
	w = window.New(window.Options{Step: 30 * time.Minute}, monday, y, nil)
	require.InDelta(t, 4, values(w)[5], 1e-12, "an hour: a straight line")
}

func TestNew_TakesHolidaysForGapsOfTheWeekBefore(t *testing.T) {
	t.Parallel()
	y := hourly(15 * 24)
	for i := range y { // weekends are different
		if i/24%7 >= 5 {
			y[i] -= 40
		}
	}
	o := window.Options{Step: time.Hour, Holiday: func(_ int, _ time.Month, day int) bool { return day == 5+12 }}
	disturbed := append([]float64(nil), y...)
	for i := 12 * 24; i < 13*24; i++ { // Saturday the 17th
		disturbed[i] = -1000
	}
	w := window.New(o, monday, disturbed, nil)
	require.InDeltaSlice(t, y, values(w), 1e-9, "like the Saturday before")
	require.True(t, w.Grid.IsHoliday(12*24) && w.Grid.IsHoliday(13*24-1) && !w.Grid.IsHoliday(13*24))
	require.False(t, w.Learn[12*24])

	only := window.New(o, monday, append(make([]float64, 12*24), 1, 2, 3), nil)
	require.Len(t, only.Values, 12*24)
	o.Holiday = func(int, time.Month, int) bool { return true }
	require.Len(t, window.New(o, monday, y, nil).Values, len(y), "there is nothing but holidays")
}

func TestNew_KnowsCountsAndConstants(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		y                []float64
		counts, constant bool
	}{
		"one value":                    {[]float64{7}, false, true},
		"rounding":                     {[]float64{1e6, 1e6 + 1e-7}, false, true},
		"mostly zero, recurring":       {[]float64{0, 0, 0, 0, 0, 2, 0, 2}, true, false},
		"within half a percent":        {[]float64{0, 0, 0, 0, 0, 1.0312, 0, 1.0320}, true, false},
		"further apart than a percent": {[]float64{0, 0, 0, 0, 0, 1.03, 0, 1.05, 1.07}, false, false},
		"never the same":               {[]float64{0, 0, 0, 0, 0, 2, 0, 3, 4}, false, false},
		"half of them zero":            {[]float64{0, 1, 0, 1}, false, false},
		"something below":              {[]float64{0, 0, 0, 0, -1, 2, 0, 2}, false, false},
	} {
		w := window.New(window.Options{Step: time.Minute}, monday, tc.y, nil)
		require.Equal(t, tc.counts, w.CountLike, name)
		require.Equal(t, tc.constant, w.Constant, name)
		if tc.counts {
			require.Zero(t, w.Scaling.Forward(0), "whole numbers stay whole")
			require.Equal(t, 2.0, w.Scaling.Inverse(w.Scaling.Forward(2)))
		}
	}
}

func TestWindow_TransformsKeepWithinWhatIsPossible(t *testing.T) {
	t.Parallel()
	inf := math.Inf(1)
	for name, tc := range map[string]struct {
		y     []float64
		limit [2]float64
		floor float64
		want  []string
	}{
		"positive":     {[]float64{1, 2, 9}, [2]float64{-inf, inf}, 0, []string{"", "log"}},
		"at zero":      {[]float64{0, 2, 9}, [2]float64{-inf, inf}, 0, []string{""}},
		"share":        {[]float64{0.1, 0.2, 0.9}, [2]float64{0, 1}, 0, []string{"", "log", "logit"}},
		"at the top":   {[]float64{0.1, 0.2, 1}, [2]float64{0, 1}, 0, []string{"", "log"}},
		"over a floor": {[]float64{-4, -3, 5}, [2]float64{-5, inf}, -5, []string{"", "log"}},
	} {
		w := window.New(window.Options{Step: time.Hour, DataRange: tc.limit}, monday, tc.y, nil)
		var names []string
		for _, transform := range w.Transforms() {
			names = append(names, transform.Name)
			transformed := w.Transformed(transform)
			require.InDeltaSlice(t, tc.y, values(transformed), 1e-9, name)
			for _, x := range transformed.Values {
				require.LessOrEqual(t, math.Abs(x), 1+1e-9, name)
			}
			if transform.Name != "" {
				lowest, highest := transformed.Scaling.Inverse(-40), transformed.Scaling.Inverse(40)
				require.GreaterOrEqual(t, lowest, tc.floor, name)
				require.True(t, transform.Name == "log" || highest <= tc.limit[1], name)
				require.False(t, math.IsInf(transformed.Scaling.Forward(tc.floor), 0), name)
			}
		}
		require.Equal(t, tc.want, names, name)
	}
}

func TestWindow_TellsFineStepsAndWeeks(t *testing.T) {
	t.Parallel()
	for step, fine := range map[time.Duration]bool{time.Minute: true, 10 * time.Minute: true, 11 * time.Minute: false} {
		require.Equal(t, fine, window.New(window.Options{Step: step}, monday, []float64{1, 2}, nil).Fine())
	}
	w := window.New(window.Options{Step: time.Hour}, monday, []float64{1, 2}, nil)
	require.False(t, w.KnowsWeek(13*24-1))
	require.True(t, w.KnowsWeek(13*24))
	require.False(t, window.New(window.Options{Step: 24 * time.Hour}, monday, []float64{1, 2}, nil).KnowsWeek(100))
}

func TestWindow_HalvesWeightsPerHalfLife(t *testing.T) {
	t.Parallel()
	w := window.New(window.Options{Step: time.Hour}, monday, hourly(10*24+1), nil)
	u := make([]float64, len(w.Values))
	w.AgeWeights(u, 5)
	require.Equal(t, 1.0, u[240])
	require.InDelta(t, 0.5, u[120], 1e-12)
	require.InDelta(t, 0.25, u[0], 1e-12)
	require.InDelta(t, 0.25, w.AgeWeight(240, 5), 1e-12)
	require.InDelta(t, 0.5, math.Pow(1-w.Decay(180), 3), 1e-12)
	require.Equal(t, 1.0, w.Decay(60))
}
