// Package autoregression regresses a series on the values before it, by least squares.
package autoregression

import (
	"math/cmplx"

	"gonum.org/v1/gonum/mat"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// Coefficients forecast from the newest values, with coefficients of their own for each horizon. The zero value has
// none, and must not be asked.
type Coefficients struct {
	order int
	by    []float64 // those of horizon h at [(h-1)*order, h*order)
}

// maxHorizon is up to where coefficients are kept; beyond, those of maxHorizon stand in. Forecasts have converged by
// then as far as it matters: 8 hours at 5 minutes. Chosen, not tuned.
const maxHorizon = 97

// At returns the coefficients of the values, newest first, h steps ahead.
func (c *Coefficients) At(h int) []float64 {
	end := min(h*c.order, len(c.by))
	return c.by[end-c.order : end]
}

// ridgeShare of the mean square is added to each square. Guard: so there is always a solution.
const ridgeShare = 1e-6

// Fit regresses x[t] on the order values before it, without a constant, for all t from first on at the end of order+1
// values in a row with ok. It returns coefficients for up to horizons steps. The roots are drawn into the unit circle.
// With cumulate, coefficients forecast the sum of the values up to the horizon.
func Fit(x []float64, ok []bool, first, order, horizons int, cumulate bool) Coefficients {
	xx, xy := make([]float64, order*order), make([]float64, order)
	for begin := max(first, 0); begin < len(x); begin++ {
		end := begin
		for end < len(x) && ok[end] {
			end++
		}
		if run := x[begin:end]; len(run) > order {
			addProducts(xy, run, order, 0, 1)
			for i := range order {
				addProducts(xx[i*order+i:(i+1)*order], run, order, i+1, i+1)
			}
		}
		begin = end
	}
	squares := mat.NewSymDense(order, xx)
	ridge := ridgeShare * mat.Trace(squares) / float64(order)
	for i := range order {
		squares.SetSym(i, i, squares.At(i, i)+ridge)
	}
	phi := Solve(squares, mat.NewVecDense(order, xy))
	return powers(Stabilize(phi), min(horizons, maxHorizon), cumulate)
}

// addProducts adds to sums[k] the products of the values by lag and by other+k before each one from first on. Four sums
// at a time stay in registers, and do not wait for each other.
func addProducts(sums, x []float64, first, lag, other int) {
	before := func(lag int) []float64 { return x[first-lag : len(x)-lag] }
	a := before(lag)
	for ; len(sums) >= 4; sums, other = sums[4:], other+4 {
		b0, b1 := before(other)[:len(a)], before(other + 1)[:len(a)]
		b2, b3 := before(other + 2)[:len(a)], before(other + 3)[:len(a)]
		s0, s1, s2, s3 := sums[0], sums[1], sums[2], sums[3]
		for t, v := range a {
			s0 += v * b0[t]
			s1 += v * b1[t]
			s2 += v * b2[t]
			s3 += v * b3[t]
		}
		sums[0], sums[1], sums[2], sums[3] = s0, s1, s2, s3
	}
	for k, s := range sums {
		b := before(other + k)[:len(a)]
		for t, v := range a {
			s += v * b[t]
		}
		sums[k] = s
	}
}

// FitMoving regresses x[t] on the p values and the q errors before it, for all t from first on at the end of
// max(p, q)+1 values in a row with ok. e are the errors; nil if q is 0.
func FitMoving(x, e []float64, ok []bool, p, q, first int) (phi, theta []float64) {
	n := p + q
	if n == 0 {
		return nil, nil
	}
	xx, xy, row := mat.NewSymDense(n, nil), mat.NewVecDense(n, nil), make([]float64, n)
	run := 0
	for t := first; t < len(x); t++ {
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
	b := Solve(xx, xy)
	return b[:p], b[p:]
}

// Residuals returns the errors one step ahead of an autoregression with coefficients phi, newest value first; 0 at the
// start, where there are too few values before.
func Residuals(x, phi []float64) []float64 {
	e := make([]float64, len(x))
	for t := len(phi); t < len(x); t++ {
		e[t] = x[t]
		for i, c := range phi {
			e[t] -= c * x[t-1-i]
		}
	}
	return e
}

// leastDiagonal of the mean square is added to each square. Guard: columns that are the same have no unique solution.
const leastDiagonal = 1e-12

// Solve returns the solution b of the normal equations xx b = xy; zeros if there is none. It changes xx.
func Solve(xx *mat.SymDense, xy *mat.VecDense) []float64 {
	n := xy.Len()
	least := leastDiagonal * mat.Trace(xx) / float64(n)
	for i := range n {
		xx.SetSym(i, i, xx.At(i, i)+least)
	}
	var c mat.Cholesky
	var b mat.VecDense
	if !c.Factorize(xx) || c.SolveVecTo(&b, xy) != nil && !window.IsFinite(mat.Sum(&b)) {
		return make([]float64, n)
	}
	return b.RawVector().Data
}

// LargestRoot is the modulus that larger roots of an autoregression are drawn to. Guard: forecasts of a root over 1
// grow without bound, and those of a root of 1 never return.
const LargestRoot = 0.999

// Stabilize returns phi, changed in place so that no root of its characteristic polynomial is over LargestRoot; zeros
// if roots cannot be computed.
func Stabilize(phi []float64) []float64 {
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
	if radius <= LargestRoot {
		return phi
	}
	shrink := 1.0
	for i := range phi {
		shrink *= LargestRoot / radius
		phi[i] *= shrink
	}
	return phi
}

// powers returns, for each horizon, the first row of that power of the companion matrix of phi; cumulated, the sum of
// those rows up to it.
func powers(phi []float64, horizons int, cumulate bool) Coefficients {
	n := len(phi)
	a := Coefficients{order: n, by: make([]float64, 0, horizons*n)}
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
