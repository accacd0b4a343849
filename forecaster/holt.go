package forecaster

// The damping of trends is kept between these, as in R's forecast package: less has no effect, more is none.
const (
	leastDamping = 0.8
	mostDamping  = 0.98
)

// fitHolt fits Holt's linear trend, damped (Gardner and McKenzie, "Forecasting Trends in Time Series", 1985).
func fitHolt(w *window, end int, _ *Options) predictor {
	y := w.y[:end]
	return fitSmoothing(y, []float64{0.3, 0.1, 0.5, share(y[0]), 0.5}, func(x []float64) *smoothing {
		return &smoothing{
			alpha: x[0],
			beta:  x[0] * x[1],
			phi:   leastDamping + (mostDamping-leastDamping)*x[2],
			level: spanned(x[3]),
			trend: (2*x[4] - 1) / 10,
		}
	})
}
