package classical

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/autoregression"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// fourier is a regression on Fourier terms of day and week and a linear trend, with autoregressive errors (Hyndman and
// Athanasopoulos, "Forecasting: Principles and Practice", 3rd edition, section 10.5).
type fourier struct {
	grid      window.Grid
	now       int
	daily     int // pairs of terms of the day
	weekly    int // of the week
	length    float64
	b         []float64
	errors    autoregression.Coefficients
	past      []float64 // the newest errors, newest first
	row, ends []float64 // room for the terms now, and at a horizon
}

// Six harmonics of the day and three errors, as in the regression that the prototype was compared with. Chosen, not
// tuned.
const (
	dailyTerms   = 6
	weeklyTerms  = 3
	fourierOrder = 3
)

func fitFourier(w *window.Window, end, longest int) Model {
	p := &fourier{grid: w.Grid, now: end - 1, daily: min(dailyTerms, (w.StepsPerDay-1)/2), length: float64(end)}
	if w.StepsPerDay < 3 {
		p.daily = 0
	}
	if w.KnowsWeek(end) {
		p.weekly = weeklyTerms
	}
	n := 2 + 2*p.daily + 2*p.weekly
	p.row, p.ends, p.past = make([]float64, n), make([]float64, n), make([]float64, fourierOrder)
	xx, xy := mat.NewSymDense(n, nil), mat.NewVecDense(n, nil)
	for t, y := range w.Values[:end] {
		if w.Learn[t] {
			p.terms(p.row, t)
			v := mat.NewVecDense(n, p.row)
			xx.SymRankOne(xx, 1, v)
			xy.AddScaledVec(xy, y, v)
		}
	}
	p.b = autoregression.Solve(xx, xy)
	e := make([]float64, end)
	for t, y := range w.Values[:end] {
		p.terms(p.row, t)
		e[t] = y - dot(p.b, p.row)
	}
	p.errors = autoregression.Fit(e, w.Learn[:end], 0, fourierOrder, longest, false)
	for i := range min(fourierOrder, end) {
		p.past[i] = e[end-1-i]
	}
	return p
}

// terms fills in those of step t.
func (p *fourier) terms(row []float64, t int) {
	local := p.grid.Local(t)
	row[0], row[1] = 1, float64(t)/p.length-0.5
	i := 2
	for _, s := range [...]struct {
		period int64
		terms  int
	}{{calendar.Day, p.daily}, {calendar.Week, p.weekly}} {
		sin, cos := math.Sincos(2 * math.Pi * float64(local%s.period) / float64(s.period))
		a, b := sin, cos
		for range s.terms {
			row[i], row[i+1] = a, b
			a, b = a*cos+b*sin, b*cos-a*sin
			i += 2
		}
	}
}

func (p *fourier) Advance(y float64) {
	p.now++
	p.terms(p.row, p.now)
	push(p.past, y-dot(p.b, p.row))
}

func (p *fourier) Predict(steps int) float64 {
	p.terms(p.ends, p.now+steps)
	return dot(p.b, p.ends) + dot(p.errors.At(steps), p.past)
}
