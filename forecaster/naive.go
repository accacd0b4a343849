package forecaster

// The honest floor (Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", section 5.2).

// seasonalNaive forecasts the value of the day before at the same local time.
type seasonalNaive struct {
	flat
	clock clock
	now   int
	last  float64
	day   []float32 // by slot; NaN where nothing is known yet
}

func fitSeasonalNaive(w *window, end int, _ *Options) predictor {
	p := &seasonalNaive{clock: w.clock, now: -1, day: newSlots(&w.clock)}
	return follow(p, w.y[:end])
}

// newSlots has a NaN for each step of a day.
func newSlots(c *clock) []float32 {
	slots := make([]float32, (dayMillis+c.step-1)/c.step)
	for i := range slots {
		slots[i] = nan32
	}
	return slots
}

// follow advances p over values.
func follow(p predictor, values []float64) predictor {
	for _, y := range values {
		p.advance(y)
	}
	return p
}

func (p *seasonalNaive) advance(y float64) {
	p.now++
	p.last = y
	p.day[p.clock.slot(p.now, dayMillis, p.clock.step)] = float32(y)
}

func (p *seasonalNaive) predict(l *lead) outlook {
	return expected(known(p.day[p.clock.slot(p.now+l.h, dayMillis, p.clock.step)], p.last))
}

// drift forecasts the last value, moved by the mean change of the whole window.
type drift struct {
	flat
	first, last float64
	changes     float64 // how many
}

func fitDrift(w *window, end int, _ *Options) predictor {
	return follow(&drift{first: w.y[0], last: w.y[0]}, w.y[1:end])
}

func (p *drift) advance(y float64) {
	p.last = y
	p.changes++
}

func (p *drift) predict(l *lead) outlook {
	return expected(p.last + float64(l.h)*(p.last-p.first)/max(p.changes, 1))
}

// mean forecasts the mean of the window and of what came since.
type mean struct {
	flat
	value, count float64
}

func fitMean(w *window, end int, _ *Options) predictor { return follow(&mean{}, w.y[:end]) }

func (p *mean) advance(y float64) {
	p.count++
	p.value += (y - p.value) / p.count
}

func (p *mean) predict(*lead) outlook { return expected(p.value) }
