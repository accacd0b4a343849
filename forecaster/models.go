package forecaster

import (
	"fmt"
	"slices"
)

const (
	modelAuto   = "auto"
	modelCounts = "counts"
	modelARIMA  = "arima"
)

// A fitter fits a model to the first end values of a window, and returns it as it is after them.
type fitter func(w *window, end int, o *Options) predictor

var fitters = map[string]fitter{
	"seasonal_naive": fitSeasonalNaive,
	"drift":          fitDrift,
	"mean":           fitMean,
	"ses":            fitSES,
	"holt":           fitHolt,
	"holt_winters":   fitHoltWinters,
	"theta":          fitTheta,
	modelARIMA:       arimaOrder{5, 1, 0}.fit,
	"fourier":        fitFourier,
}

// Models returns the names that Options.Model may have. Beside them there is "arima(p,d,q)", with orders up to 5, 2
// and 5; "arima" is "arima(5,1,0)".
func Models() []string {
	names := []string{modelAuto, modelCounts}
	for name := range fitters {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// fitterOf returns nil for "auto" and "counts", which fit themselves.
func fitterOf(model string) (fitter, error) {
	if model == modelAuto || model == modelCounts {
		return nil, nil
	}
	if f := fitters[model]; f != nil {
		return f, nil
	}
	if order, ok := parseARIMA(model); ok {
		return order.fit, nil
	}
	return nil, fmt.Errorf("unknown model %q", model)
}
