package forecaster

// fitHoltWinters fits a damped trend and an additive season of a day (Winters, "Forecasting Sales by Exponentially
// Weighted Moving Averages", 1960). With less than two days there is no season to be had: then it is Holt's method.
// What it starts from is taken from the first two days, not fitted.
func fitHoltWinters(w *window, end int, o *Options) predictor {
	if end < 2*w.day || w.day < 2 {
		return fitHolt(w, end, o)
	}
	y := w.y[:end]
	first, second := average(y[:w.day]), average(y[w.day:2*w.day])
	trend := (second - first) / float64(w.day)
	slots := len(newSlots(&w.clock))
	sum, count := make([]float64, slots), make([]float64, slots)
	for i, v := range y[:2*w.day] {
		slot := w.clock.slot(i, dayMillis, w.clock.step)
		line := first + trend*(float64(i)-float64(w.day-1)/2)
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
			clock: w.clock, now: -1,
			alpha: x[0], beta: x[0] * x[1], gamma: (1 - x[0]) * x[2],
			phi:    leastDamping + (mostDamping-leastDamping)*x[3],
			level:  first - trend*float64(w.day+1)/2,
			trend:  trend,
			season: season,
		}
	})
}

func average(y []float64) float64 {
	sum := 0.0
	for _, v := range y {
		sum += v
	}
	return sum / float64(len(y))
}
