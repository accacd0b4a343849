package forecaster

import (
	"math/cmplx"

	"gonum.org/v1/gonum/mat"
)

// An autoregression forecasts from the newest values by coefficients for each horizon.
type autoregression struct {
	order int
	by    []float64 // coefficients of horizon h at [(h-1)*order, h*order)
}

// autoregressions are those of "auto": of differences, and of departures from the day profile.
type autoregressions struct{ changes, departures autoregression }

// arHorizons is how far coefficients are kept; beyond, forecasts have converged as far as it matters.
const arHorizons = 97

// at returns the coefficients of the values, newest first, h steps ahead.
func (a *autoregression) at(h int) []float64 {
	i := (min(h*a.order, len(a.by)) / a.order) - 1
	return a.by[i*a.order : (i+1)*a.order]
}

// fitAR regresses x[t] on the order values before it, without a constant, for all t from first on that have order+1
// values in a row with ok. The roots are drawn into the unit circle. With cumulate, coefficients forecast the sum of
// the values up to the horizon.
func fitAR(x []float64, ok []bool, first, order, horizons int, cumulate bool) autoregression {
	xx, xy := make([]float64, order*order), make([]float64, order)
	run := 0
	for t := max(first, 0); t < len(x); t++ {
		if !ok[t] {
			run = 0
			continue
		}
		if run++; run <= order {
			continue
		}
		for i := range order {
			v := x[t-1-i]
			for j := i; j < order; j++ {
				xx[i*order+j] += v * x[t-1-j]
			}
			xy[i] += x[t] * v
		}
	}
	squares := mat.NewSymDense(order, xx)
	ridge := 1e-6 * mat.Trace(squares) / float64(order)
	for i := range order {
		squares.SetSym(i, i, squares.At(i, i)+ridge)
	}
	phi := solve(squares, mat.NewVecDense(order, xy))
	return powers(stabilized(phi), min(horizons, arHorizons), cumulate)
}

// largestRoot is the modulus that the roots of an autoregression are drawn to, if they are larger.
const largestRoot = 0.999

func stabilized(phi []float64) []float64 {
	n := len(phi)
	c := mat.NewDense(n, n, nil)
	c.SetRow(0, phi)
	for i := 1; i < n; i++ {
		c.Set(i, i-1, 1)
	}
	var eigen mat.Eigen
	if !eigen.Factorize(c, mat.EigenNone) {
		return make([]float64, n)
	}
	radius := 0.0
	for _, v := range eigen.Values(nil) {
		radius = max(radius, cmplx.Abs(v))
	}
	if radius <= largestRoot {
		return phi
	}
	shrink := 1.0
	for i := range phi {
		shrink *= largestRoot / radius
		phi[i] *= shrink
	}
	return phi
}

// powers returns, for each horizon, the first row of that power of the companion matrix of phi; cumulated, the sum of
// those rows up to it.
func powers(phi []float64, horizons int, cumulate bool) autoregression {
	n := len(phi)
	a := autoregression{order: n, by: make([]float64, 0, horizons*n)}
	row, sum := append([]float64(nil), phi...), make([]float64, n)
	for range horizons {
		for i := range sum {
			sum[i] += row[i]
		}
		if cumulate {
			a.by = append(a.by, sum...)
		} else {
			a.by = append(a.by, row...)
		}
		first := row[0]
		for i := range row {
			row[i] = first * phi[i]
			if i+1 < n {
				row[i] += row[i+1]
			}
		}
	}
	return a
}

// autoregressions fits both: to the changes of the window's values, and their departures from the day profile.
func (w *window) autoregressions(departures []float64, longest int) *autoregressions {
	changes := make([]float64, len(w.y))
	for t := 1; t < len(w.y); t++ {
		changes[t] = w.y[t] - w.y[t-1]
	}
	var s state
	return &autoregressions{
		changes:    fitAR(changes, w.ok, 1, len(s.changes), longest, true),
		departures: fitAR(departures, w.ok, min(w.day, len(w.y)/3), len(s.past), longest, false),
	}
}
