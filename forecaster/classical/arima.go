package classical

import (
	"fmt"
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/autoregression"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// arimaOrder is that of an ARIMA model: autoregressive terms, differences, moving-average terms.
type arimaOrder struct{ p, d, q int }

// parseARIMA reads "arima(p,d,q)". Orders are at most 5, 2 and 5, the largest that R's auto.arima tries.
func parseARIMA(name string) (o arimaOrder, ok bool) {
	if _, err := fmt.Sscanf(name, "arima(%d,%d,%d)", &o.p, &o.d, &o.q); err != nil {
		return o, false
	}
	canonical := fmt.Sprintf("arima(%d,%d,%d)", o.p, o.d, o.q) == name
	return o, canonical && o.p >= 0 && o.p <= 5 && o.d >= 0 && o.d <= 2 && o.q >= 0 && o.q <= 5
}

// arima is an ARIMA model (Box and Jenkins, 1970); without differences it has a mean.
type arima struct {
	order      arimaOrder
	mean       float64
	phi, theta []float64
	last       [2]float64 // the last value, and the last difference, to be added up again
	seen       int
	past       []float64 // differenced values less the mean, newest first
	errors     []float64 // of their forecasts, likewise

	path  []float64 // the forecasts from here on
	fresh bool      // path is that of the last value
}

const (
	// longAR is the order of the autoregression whose errors stand in for those of the model. Chosen, not tuned: it has to
	// be long beside orders of up to 5.
	longAR = 20
	// meanRounds is how often the mean is estimated anew, given the terms, and they given the mean. Chosen, not tuned.
	meanRounds = 5
)

// fit estimates by least squares on the values' own past, for moving averages on the errors of a long autoregression
// too (Hannan and Rissanen, "Recursive Estimation of Mixed Autoregressive-Moving Average Order", 1982).
func (order arimaOrder) fit(w *window.Window, end, longest int) Model {
	a := &arima{order: order, past: make([]float64, order.p), errors: make([]float64, order.q)}
	a.path = make([]float64, longest)
	x := append([]float64(nil), w.Values[:end]...)
	for range order.d {
		for i := len(x) - 1; i > 0; i-- {
			x[i] -= x[i-1]
		}
		x = x[min(1, len(x)):]
	}
	if order.d == 0 {
		a.mean = average(x)
		for i := range x {
			x[i] -= a.mean
		}
	}
	ok := w.Learn[end-len(x) : end]
	var e []float64
	first := 0
	if order.q > 0 {
		phi, _ := autoregression.FitMoving(x, nil, ok, min(longAR, len(x)/4), 0, 0)
		e, first = autoregression.Residuals(x, phi), len(phi)
	}
	a.phi, a.theta = autoregression.FitMoving(x, e, ok, order.p, order.q, first)
	if order.d == 0 {
		a.estimateMean(x, e, ok, first)
	}
	if order.p > 0 {
		a.phi = autoregression.Stabilize(a.phi)
	}
	if order.q > 0 {
		a.theta = autoregression.Stabilize(a.theta)
	}
	return follow(a, w.Values[:end])
}

// estimateMean moves the mean, and x with it, by what the model leaves of one, and fits the terms anew.
func (a *arima) estimateMean(x, e []float64, ok []bool, first int) {
	for range meanRounds {
		left := 1.0
		for _, c := range a.phi {
			left -= c
		}
		if math.Abs(left) < 1-autoregression.LargestRoot {
			break
		}
		shift := average(autoregression.Residuals(x, a.phi)) / left
		for t := range x {
			x[t] -= shift
		}
		a.mean += shift
		a.phi, a.theta = autoregression.FitMoving(x, e, ok, a.order.p, a.order.q, first)
	}
}

func (a *arima) Advance(y float64) {
	a.fresh = false
	x := y
	if a.order.d > 0 {
		x -= a.last[0]
	}
	change := x
	if a.order.d > 1 {
		x -= a.last[1]
	}
	a.last = [2]float64{y, change}
	if a.seen++; a.seen <= a.order.d {
		return
	}
	x -= a.mean
	e := x - dot(a.phi, a.past) - dot(a.theta, a.errors)
	push(a.past, x)
	push(a.errors, e)
}

func (a *arima) Predict(steps int) float64 {
	if !a.fresh {
		a.run()
	}
	return a.path[steps-1]
}

// run computes the path.
func (a *arima) run() {
	var buffer [10]float64 // as many as parseARIMA allows
	past, errors := buffer[:len(a.past)], buffer[len(a.past):len(a.past)+len(a.errors)]
	copy(past, a.past)
	copy(errors, a.errors)
	last := a.last
	for h := range a.path {
		x := dot(a.phi, past) + dot(a.theta, errors)
		push(past, x)
		push(errors, 0)
		x += a.mean
		if a.order.d > 1 {
			last[1] += x
			x = last[1]
		}
		if a.order.d > 0 {
			last[0] += x
			x = last[0]
		}
		a.path[h] = x
	}
	a.fresh = true
}
