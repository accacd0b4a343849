package forecaster

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// fourier is a regression on Fourier terms of day and week and a linear trend, with autoregressive errors (Hyndman and
// Athanasopoulos, "Forecasting: Principles and Practice", section 10.5).
type fourier struct {
	flat
	clock     clock
	now       int
	daily     int // pairs of terms of the day
	weekly    int // of the week
	length    float64
	b         []float64
	errors    autoregression
	past      []float64
	row, ends []float64 // terms now, and at a lead
}

const (
	dailyTerms   = 6
	weeklyTerms  = 3
	fourierOrder = 3
)

func fitFourier(w *window, end int, o *Options) predictor {
	p := &fourier{clock: w.clock, now: end - 1, daily: min(dailyTerms, (w.day-1)/2), length: float64(end)}
	if w.day < 3 {
		p.daily = 0
	}
	if end >= weeklyDays*w.day && w.day > 1 {
		p.weekly = weeklyTerms
	}
	n := 2 + 2*p.daily + 2*p.weekly
	p.row, p.ends, p.past = make([]float64, n), make([]float64, n), make([]float64, fourierOrder)
	xx, xy := mat.NewSymDense(n, nil), mat.NewVecDense(n, nil)
	for t, y := range w.y[:end] {
		if w.ok[t] {
			p.terms(p.row, t)
			v := mat.NewVecDense(n, p.row)
			xx.SymRankOne(xx, 1, v)
			xy.AddScaledVec(xy, y, v)
		}
	}
	p.b = solve(xx, xy)
	e := make([]float64, end)
	for t, y := range w.y[:end] {
		p.terms(p.row, t)
		e[t] = y - dot(p.b, p.row)
	}
	p.errors = fitAR(e, w.ok[:end], 0, fourierOrder, o.Horizons[len(o.Horizons)-1], false)
	for i := range min(fourierOrder, end) {
		p.past[i] = e[end-1-i]
	}
	return p
}

// terms fills in those of step t.
func (p *fourier) terms(row []float64, t int) {
	local := p.clock.local(t)
	row[0], row[1] = 1, float64(t)/p.length-0.5
	i := 2
	for _, s := range [...]struct {
		period int64
		terms  int
	}{{dayMillis, p.daily}, {weekMillis, p.weekly}} {
		sin, cos := math.Sincos(2 * math.Pi * float64(local%s.period) / float64(s.period))
		a, b := sin, cos
		for range s.terms {
			row[i], row[i+1] = a, b
			a, b = a*cos+b*sin, b*cos-a*sin
			i += 2
		}
	}
}

func (p *fourier) advance(y float64) {
	p.now++
	p.terms(p.row, p.now)
	push(p.past, y-dot(p.b, p.row))
}

func (p *fourier) predict(l *lead) outlook {
	p.terms(p.ends, p.now+l.h)
	return expected(dot(p.b, p.ends) + dot(p.errors.at(l.h), p.past))
}
