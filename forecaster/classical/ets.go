package classical

import (
	"github.com/anomaly-exporter/anomaly-exporter/calendar"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// The numbers that fitSmoothing starts from here (0.3 for alpha, 0.05 to 0.5 for the others) are chosen, not tuned: the
// minimum is looked for from there.

// fitSES fits simple exponential smoothing (Brown, 1956): a level alone, its first value among what is fitted.
func fitSES(w *window.Window, end, _ int) Model {
	return fitLevel(w.Values[:end])
}

func fitLevel(y []float64) *smoothing {
	return fitSmoothing(y, []float64{0.3, shareOf(y[0])}, func(x []float64) *smoothing {
		return &smoothing{alpha: x[0], level: levelOf(x[1])}
	})
}

// levelOf maps (0, 1) onto the range of a window's values, [-1, 1], and half as much again.
func levelOf(x float64) float64 { return 3*x - 1.5 }

// shareOf is the inverse of levelOf, kept off the ends, where logits are infinite.
func shareOf(y float64) float64 { return min(max((y+1.5)/3, 0.01), 0.99) }

// The damping of trends is kept between these, as in R's forecast package: less has no effect, more is none.
const (
	leastDamping = 0.8
	mostDamping  = 0.98
)

// fitHolt fits Holt's linear trend, damped (Gardner and McKenzie, "Forecasting Trends in Time Series", 1985).
func fitHolt(w *window.Window, end, _ int) Model {
	y := w.Values[:end]
	return fitSmoothing(y, []float64{0.3, 0.1, 0.5, shareOf(y[0]), 0.5}, func(x []float64) *smoothing {
		return &smoothing{
			alpha: x[0],
			beta:  x[0] * x[1],
			phi:   leastDamping + (mostDamping-leastDamping)*x[2],
			level: levelOf(x[3]),
			trend: (2*x[4] - 1) / 10,
		}
	})
}

// fitHoltWinters fits a damped trend and an additive season of a day (Winters, "Forecasting Sales by Exponentially
// Weighted Moving Averages", 1960). Less than two days show no season: then it is Holt's method. What it starts from is
// taken from the first two days, not fitted.
func fitHoltWinters(w *window.Window, end, longest int) Model {
	day := w.StepsPerDay
	if end < 2*day || day < 2 {
		return fitHolt(w, end, longest)
	}
	y := w.Values[:end]
	first, second := average(y[:day]), average(y[day:2*day])
	trend := (second - first) / float64(day)
	slots := w.Grid.DaySlots()
	sum, count := make([]float64, slots), make([]float64, slots)
	for i, v := range y[:2*day] {
		slot := w.Grid.Slot(i, calendar.Day, w.Grid.Step)
		line := first + trend*(float64(i)-float64(day-1)/2)
		sum[slot] += v - line
		count[slot]++
	}
	for i := range sum {
		sum[i] /= max(count[i], 1)
	}
	season := make([]float64, slots)
	return fitSmoothing(y, []float64{0.3, 0.05, 0.1, 0.5}, func(x []float64) *smoothing {
		copy(season, sum)
		return &smoothing{
			grid: w.Grid, now: -1,
			alpha: x[0], beta: x[0] * x[1], gamma: (1 - x[0]) * x[2],
			phi:    leastDamping + (mostDamping-leastDamping)*x[3],
			level:  first - trend*float64(day+1)/2,
			trend:  trend,
			season: season,
		}
	})
}
