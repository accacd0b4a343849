package backtest

import (
	"math"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
)

// day is the season of the naive forecast that others are compared with, in ms.
const day = int64(24 * time.Hour / time.Millisecond)

// forecastTracker compares all forecasts of a series for one horizon with the values that followed, and with the naive
// forecast: the value at the same time of the newest day that was known when the forecast was made.
type forecastTracker struct {
	*feedback.Tracker
	feedback.Tally
	step        int64         // ms
	sinceSeason time.Duration // age of the value of the naive forecast when it is made
	width, size float64       // sums of the widths of intervals and of absolute values
}

func newForecastTracker(horizon, step int64) *forecastTracker {
	steps := int(horizon / step)
	return &forecastTracker{
		Tracker:     feedback.NewTracker(steps, steps),
		step:        step,
		sinceSeason: time.Duration((horizon+day-1)/day*day-horizon) * time.Millisecond,
	}
}

// record keeps the forecast made at a step (ms), unless it is NaN.
func (t *forecastTracker) record(at int64, p feedback.Prediction) {
	if !math.IsNaN(float64(p.Median)) {
		t.Record(at/t.step, p)
	}
}

// resolve compares the forecast for a step (ms), if there is one, with the value at that step; it ignores NaN.
func (t *forecastTracker) resolve(at int64, value float64) {
	if p, ok := t.Due(at / t.step); ok && !math.IsNaN(value) {
		t.Add(p, value, float64(p.Naive), 1)
		t.width, t.size = t.width+float64(p.Upper-p.Lower), t.size+math.Abs(value)
	}
}
