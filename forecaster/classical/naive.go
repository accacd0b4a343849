package classical

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// The simple methods that every other one should beat (Hyndman and Athanasopoulos, "Forecasting: Principles and
// Practice", 3rd edition, section 5.2).

// seasonalNaive forecasts the value of the day before at the same local time.
type seasonalNaive struct {
	grid window.Grid
	now  int
	last float64
	day  []float32 // by slot; NaN where nothing is known yet
}

func fitSeasonalNaive(w *window.Window, end, _ int) Model {
	p := &seasonalNaive{grid: w.Grid, now: -1, day: make([]float32, w.Grid.DaySlots())}
	for i := range p.day {
		p.day[i] = float32(math.NaN())
	}
	return follow(p, w.Values[:end])
}

func (p *seasonalNaive) Advance(y float64) {
	p.now++
	p.last = y
	p.day[p.grid.Slot(p.now, calendar.Day, p.grid.Step)] = float32(y)
}

func (p *seasonalNaive) Predict(steps int) float64 {
	v := p.day[p.grid.Slot(p.now+steps, calendar.Day, p.grid.Step)]
	if v != v {
		return p.last
	}
	return float64(v)
}

// drift forecasts the last value, moved by the mean change of the whole window.
type drift struct {
	first, last float64
	changes     float64 // how many
}

func fitDrift(w *window.Window, end, _ int) Model {
	return follow(&drift{first: w.Values[0], last: w.Values[0]}, w.Values[1:end])
}

func (p *drift) Advance(y float64) {
	p.last = y
	p.changes++
}

func (p *drift) Predict(steps int) float64 {
	return p.last + float64(steps)*(p.last-p.first)/max(p.changes, 1)
}

// mean forecasts the mean of the window and of what came since.
type mean struct{ value, count float64 }

func fitMean(w *window.Window, end, _ int) Model { return follow(&mean{}, w.Values[:end]) }

func (p *mean) Advance(y float64) {
	p.count++
	p.value += (y - p.value) / p.count
}

func (p *mean) Predict(int) float64 { return p.value }
