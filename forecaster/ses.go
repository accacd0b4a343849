package forecaster

// fitSES fits simple exponential smoothing (Brown, 1956): a level alone, its first value among what is fitted.
func fitSES(w *window, end int, _ *Options) predictor {
	return fitLevel(w.y[:end])
}

func fitLevel(y []float64) *smoothing {
	return fitSmoothing(y, []float64{0.3, share(y[0])}, func(x []float64) *smoothing {
		return &smoothing{alpha: x[0], level: spanned(x[1])}
	})
}

// spanned maps (0, 1) onto the range of a window's values, and half as much again; share is the way back.
func spanned(x float64) float64 { return 3*x - 1.5 }

func share(y float64) float64 { return min(max((y+1.5)/3, 0.01), 0.99) }
