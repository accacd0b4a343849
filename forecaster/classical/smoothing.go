package classical

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// smoothing is additive exponential smoothing in its error-correction form: level, damped trend and daily season, each
// moved by a share of the last error (Hyndman, Koehler, Ord and Snyder, "Forecasting with Exponential Smoothing",
// 2008, section 2.5). The share of the trend here is alpha times the beta of Holt's own form.
type smoothing struct {
	grid               window.Grid
	now                int
	alpha, beta, gamma float64
	phi                float64 // damping of the trend
	level, trend       float64
	season             []float64 // by slot; nil if there is none
}

func (p *smoothing) Advance(y float64) { p.step(y) }

// step returns the error of the forecast of y one step before.
func (p *smoothing) step(y float64) float64 {
	p.now++
	e := y - p.level - p.phi*p.trend
	if p.season != nil {
		season := &p.season[p.grid.Slot(p.now, calendar.Day, p.grid.Step)]
		e -= *season
		*season += p.gamma * e
	}
	p.level += p.phi*p.trend + p.alpha*e
	p.trend = p.phi*p.trend + p.beta*e
	return e
}

func (p *smoothing) Predict(steps int) float64 {
	v, trends := p.level, float64(steps)
	if p.phi < 1 {
		trends = p.phi * (1 - math.Pow(p.phi, trends)) / (1 - p.phi)
	}
	v += trends * p.trend
	if p.season != nil {
		v += p.season[p.grid.Slot(p.now+steps, calendar.Day, p.grid.Step)]
	}
	return v
}

// fitSmoothing minimises the squared error one step ahead. start makes the model before the first value from numbers
// between 0 and 1, of which initial are tried first.
func fitSmoothing(y, initial []float64, start func(x []float64) *smoothing) *smoothing {
	squares := func(x []float64) float64 {
		p, sum := start(x), 0.0
		for _, v := range y {
			e := p.step(v)
			sum += e * e
		}
		if !window.IsFinite(sum) {
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
