package forecaster

import "math"

// smoothing is additive exponential smoothing in its error-correction form: level, damped trend and daily season, each
// moved by a share of the last error (Hyndman, Koehler, Ord and Snyder, "Forecasting with Exponential Smoothing",
// 2008, section 2.5). The share of the trend here is alpha times the beta of Holt's own form.
type smoothing struct {
	flat
	clock              clock
	now                int
	alpha, beta, gamma float64
	phi                float64 // damping of the trend
	level, trend       float64
	season             []float64 // by slot; nil if there is none
}

func (p *smoothing) advance(y float64) { p.step(y) }

// step returns the error of the forecast of y one step before.
func (p *smoothing) step(y float64) float64 {
	p.now++
	e := y - p.level - p.phi*p.trend
	if p.season != nil {
		season := &p.season[p.clock.slot(p.now, dayMillis, p.clock.step)]
		e -= *season
		*season += p.gamma * e
	}
	p.level += p.phi*p.trend + p.alpha*e
	p.trend = p.phi*p.trend + p.beta*e
	return e
}

func (p *smoothing) predict(l *lead) outlook {
	v, steps := p.level, float64(l.h)
	if p.phi < 1 {
		steps = p.phi * (1 - math.Pow(p.phi, steps)) / (1 - p.phi)
	}
	v += steps * p.trend
	if p.season != nil {
		v += p.season[p.clock.slot(p.now+l.h, dayMillis, p.clock.step)]
	}
	return expected(v)
}

// fitSmoothing minimises the squared error one step ahead. start makes the model before the first value from numbers
// between 0 and 1, of which initial are tried first.
func fitSmoothing(y []float64, initial []float64, start func(x []float64) *smoothing) *smoothing {
	squares := func(x []float64) float64 {
		p, sum := start(x), 0.0
		for _, v := range y {
			e := p.step(v)
			sum += e * e
		}
		if !finite(sum) {
			return math.MaxFloat64
		}
		return sum
	}
	p := start(minimize(squares, initial))
	for _, v := range y {
		p.step(v)
	}
	return p
}
