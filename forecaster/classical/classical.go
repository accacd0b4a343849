// Package classical fits the textbook models: naive ones, exponential smoothing, theta, ARIMA and Fourier regression.
//
// All of them forecast a single number for each horizon. None of their own intervals are used: those of package
// intervals are measured.
package classical

import (
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// A Model is a fitted model, as it is after some step. It works in the unit of the window that it was fitted on.
type Model interface {
	// Advance takes the value of the next step, which is finite.
	Advance(y float64)
	// Predict returns the value expected so many steps ahead, at least 1.
	Predict(steps int) float64
}

// A Fitter fits models of one kind.
type Fitter struct {
	// Fit fits a model to the first end values of a window, and returns it as it is after them. It will be asked for up
	// to longest steps ahead.
	Fit func(w *window.Window, end, longest int) Model
	// Transformable tells whether the model is worth trying under a window.Transform. The others are floors to compare
	// with, and stay what people know them to be.
	Transformable bool
}

const arimaName = "arima"

var fitters = map[string]Fitter{
	"seasonal_naive": {fitSeasonalNaive, false},
	"drift":          {fitDrift, false},
	"mean":           {fitMean, false},
	"ses":            {fitSES, true},
	"holt":           {fitHolt, true},
	"holt_winters":   {fitHoltWinters, true},
	"theta":          {fitTheta, true},
	arimaName:        {arimaOrder{5, 1, 0}.fit, true},
	"fourier":        {fitFourier, true},
}

// Names returns the names that FitterOf knows, sorted. Beside them it knows "arima(p,d,q)", with orders up to 5, 2 and
// 5; "arima" is "arima(5,1,0)".
func Names() []string {
	names := make([]string, 0, len(fitters))
	for name := range fitters {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// FitterOf returns the fitter of a model by name; ok is false if there is none.
func FitterOf(name string) (f Fitter, ok bool) {
	if f, ok := fitters[name]; ok {
		return f, true
	}
	if order, ok := parseARIMA(name); ok {
		return Fitter{order.fit, true}, true
	}
	return Fitter{}, false
}

// follow advances m over values.
func follow(m Model, values []float64) Model {
	for _, y := range values {
		m.Advance(y)
	}
	return m
}

func average(y []float64) float64 {
	sum := 0.0
	for _, v := range y {
		sum += v
	}
	return sum / float64(len(y))
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

// push puts v at the front of s, and drops the last of it.
func push(s []float64, v float64) {
	if len(s) > 0 {
		copy(s[1:], s)
		s[0] = v
	}
}
