package forecaster

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/candidates"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/combination"
)

// ten is a model that expects 10 of every day, in the unit of the series.
type ten struct{ in func(float64) float64 }

func (ten) Advance(float64) {}
func (m ten) Predict(_ *candidates.Horizon, p *combination.Prediction) {
	*p = combination.Prediction{Median: m.in(10), ExtremeBase: m.in(10)}
}

// By hand: a first holiday is a Sunday, as far as known; the next ones are a mean of those before, the newest counting
// most.
func TestHolidayModel_BlendsHolidays(t *testing.T) {
	t.Parallel()
	const monday = int64(1767571200000) // 5 January 2026
	for _, tc := range []struct {
		name                string
		holidays            map[int]float64 // value, by day of January
		median, uncertainty float64         // of the next day, which is a holiday
	}{
		{"no holiday yet", nil, 4, 3}, // half of the way from 10 to 4
		{"one holiday", map[int]float64{14: 2}, 2, 0},
		{"two holidays", map[int]float64{14: 2, 16: 7}, 2 + 0.6*(7-2), 0},
	} {
		y := make([]float64, 14*24) // up to Sunday the 18th
		for i := range y {
			day := 5 + i/24
			y[i] = 10
			if day%7 == 4 {
				y[i] = 4
			}
			if v, ok := tc.holidays[day]; ok {
				y[i] = v
			}
		}
		o := Options{
			Step: time.Hour, Horizons: []int{24},
			Holiday: func(_ int, _ time.Month, day int) bool { return tc.holidays[day] > 0 || day == 19 },
		}
		o.setDefaults()
		w := o.newWindow(monday, y, nil)
		m := newHolidayModel(ten{w.Scaling.Forward}, w, &w.Scaling, y)
		h := candidates.NewHorizon(12, 1)
		var p, want combination.Prediction
		m.Predict(&h, &p)
		size := w.Scaling.Inverse(1) - w.Scaling.Inverse(0)
		require.InDelta(t, tc.median, w.Scaling.Inverse(p.Median), 1e-5, tc.name)
		require.InDelta(t, tc.median, w.Scaling.Inverse(p.ExtremeBase), 1e-5, tc.name)
		require.InDelta(t, tc.uncertainty, p.Uncertainty*size, 1e-5, tc.name)
		h = candidates.NewHorizon(36, 1)
		ten{w.Scaling.Forward}.Predict(&h, &want)
		m.Predict(&h, &p)
		require.Equal(t, want, p, "the day after, %s", tc.name)
	}
}
