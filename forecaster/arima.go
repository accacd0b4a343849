package forecaster

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// arimaOrder is that of an ARIMA model: autoregressive terms, differences, moving-average terms.
type arimaOrder struct{ p, d, q int }

func parseARIMA(name string) (o arimaOrder, ok bool) {
	if _, err := fmt.Sscanf(name, "arima(%d,%d,%d)", &o.p, &o.d, &o.q); err != nil {
		return o, false
	}
	canonical := fmt.Sprintf("arima(%d,%d,%d)", o.p, o.d, o.q) == name
	return o, canonical && o.p >= 0 && o.p <= 5 && o.d >= 0 && o.d <= 2 && o.q >= 0 && o.q <= 5
}

// arima is an ARIMA model (Box and Jenkins, 1970); without differences it has a mean.
type arima struct {
	flat
	order      arimaOrder
	mean       float64
	phi, theta []float64
	last       [2]float64 // the last value, and the last difference, to be added up again
	seen       int
	past       []float64 // differenced values less the mean, newest first
	errors     []float64 // of their forecasts, likewise

	path  []float64 // the forecasts from here on
	fresh bool
}

// longAR is the order of the autoregression whose errors stand in for those of the model.
const longAR = 20

// meanRounds is how often the mean is estimated anew, given the terms, and they given the mean.
const meanRounds = 5

// fit estimates by least squares on the values' own past, for moving averages on the errors of a long autoregression
// too (Hannan and Rissanen, "Recursive Estimation of Mixed Autoregressive-Moving Average Order", 1982).
func (order arimaOrder) fit(w *window, end int, o *Options) predictor {
	a := &arima{order: order, past: make([]float64, order.p), errors: make([]float64, order.q)}
	a.path = make([]float64, o.Horizons[len(o.Horizons)-1])
	x := append([]float64(nil), w.y[:end]...)
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
	ok := w.ok[end-len(x) : end]
	var e []float64
	from := 0
	if order.q > 0 {
		phi, _ := regress(x, nil, ok, min(longAR, len(x)/4), 0, 0)
		e, from = residuals(x, phi), len(phi)
	}
	a.phi, a.theta = regress(x, e, ok, order.p, order.q, from)
	for i := 0; i < meanRounds && order.d == 0; i++ {
		left := 1.0
		for _, c := range a.phi {
			left -= c
		}
		if math.Abs(left) < 1-largestRoot {
			break
		}
		shift := average(residuals(x, a.phi)) / left
		for t := range x {
			x[t] -= shift
		}
		a.mean += shift
		a.phi, a.theta = regress(x, e, ok, order.p, order.q, from)
	}
	if order.p > 0 {
		a.phi = stabilized(a.phi)
	}
	if order.q > 0 {
		a.theta = stabilized(a.theta)
	}
	return follow(a, w.y[:end])
}

// residuals of the autoregression phi, 0 at the start.
func residuals(x, phi []float64) []float64 {
	e := make([]float64, len(x))
	for t := len(phi); t < len(x); t++ {
		e[t] = x[t]
		for i, c := range phi {
			e[t] -= c * x[t-1-i]
		}
	}
	return e
}

// regress fits x[t] to the p values and the q errors before it, over all observed t with as many after from.
func regress(x, e []float64, ok []bool, p, q, from int) (phi, theta []float64) {
	n := p + q
	if n == 0 {
		return nil, nil
	}
	xx, xy, row := mat.NewSymDense(n, nil), mat.NewVecDense(n, nil), make([]float64, n)
	run := 0
	for t := from; t < len(x); t++ {
		if !ok[t] {
			run = 0
			continue
		}
		if run++; run <= max(p, q) {
			continue
		}
		for i := range p {
			row[i] = x[t-1-i]
		}
		for i := range q {
			row[p+i] = e[t-1-i]
		}
		v := mat.NewVecDense(n, row)
		xx.SymRankOne(xx, 1, v)
		xy.AddScaledVec(xy, x[t], v)
	}
	b := solve(xx, xy)
	return b[:p], b[p:]
}

// solve returns the solution of xx b = xy, zeros if there is none.
func solve(xx *mat.SymDense, xy *mat.VecDense) []float64 {
	n := xy.Len()
	least := 1e-12 * mat.Trace(xx) / float64(n)
	for i := range n {
		xx.SetSym(i, i, xx.At(i, i)+least)
	}
	var c mat.Cholesky
	var b mat.VecDense
	if !c.Factorize(xx) || c.SolveVecTo(&b, xy) != nil && !finite(mat.Sum(&b)) {
		return make([]float64, n)
	}
	return b.RawVector().Data
}

func (a *arima) advance(y float64) {
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

// push puts v at the front.
func push(s []float64, v float64) {
	if len(s) > 0 {
		copy(s[1:], s)
		s[0] = v
	}
}

func (a *arima) predict(l *lead) outlook {
	if !a.fresh {
		a.run()
	}
	return expected(a.path[l.h-1])
}

// run computes the path.
func (a *arima) run() {
	var buffer [10]float64
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
