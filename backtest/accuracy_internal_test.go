package backtest

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
)

func prediction(median, lower, upper float64) feedback.Prediction {
	return feedback.Prediction{Median: float32(median), Lower: float32(lower), Upper: float32(upper)}
}

func TestForecastTracker_ComparesWithTheDayBefore(t *testing.T) {
	const (
		step  = 3600_000
		begin = 24 * 20000 // of the first day
	)
	value := func(at int64) float64 { // a day's shape, 1 higher each day
		if at < 0 || at >= 72 {
			return math.NaN()
		}
		return float64(at%24 + at/24)
	}
	tracker := newForecastTracker(step, step)
	require.Equal(t, 23*time.Hour, tracker.sinceSeason)
	for at := range int64(74) {
		tracker.resolve((begin+at)*step, value(at))
		v := value(at + 1)
		f := prediction(v+0.5, v-1, v+1)
		switch {
		case at < 24:
			f = prediction(math.NaN(), math.NaN(), math.NaN())
		case at == 70:
			f = prediction(0, 100, 200)
		case at >= 71:
			f = prediction(0, 0, 0) // has no outcome
		}
		f.Naive = float32(value(at - 23))
		tracker.record((begin+at)*step, f)
	}
	require.InDelta(t, 47, tracker.Weight, 0)
	require.InDelta(t, 46, tracker.Covered, 0)
	size := value(71)
	for at := int64(25); at < 71; at++ {
		size += value(at)
	}
	require.InDelta(t, (46*0.5+value(71)+0.01*size)/(47+0.01*size), tracker.RelativeError(), 1e-12)
	require.True(t, math.IsNaN(newForecastTracker(step, step).RelativeError()))
}

// A countdown is forecast exactly, and its intervals allow for rounding: all values are inside, which is no fault.
func TestHorizon_IntervalsOfAStraightLineAreNotTooWide(t *testing.T) {
	line, loose := newForecastTracker(60_000, 60_000), newForecastTracker(60_000, 60_000)
	for at := int64(1); at < 100; at++ {
		v := float64(4e6 - 60*at)
		for tracker, width := range map[*forecastTracker]float64{line: 10, loose: 1e5} {
			tracker.resolve(at*60_000, v)
			tracker.record(at*60_000, prediction(v-60, v-60-width, v-60+width))
		}
	}
	detector := config.Detector{Forecaster: config.Forecaster{Level: 0.8}}
	r := &replay{plan: &plan{config: &config.Config{Detectors: []config.Detector{detector}}}}
	for _, tc := range []struct {
		tracker *forecastTracker
		why     []string
	}{{line, nil}, {loose, []string{"interval too wide"}}} {
		r.order = []*inputSeries{{forecasts: []*forecastTracker{tc.tracker}}}
		h := r.reportHorizon(0, 60_000)
		require.InDelta(t, 1, h.Coverage, 0)
		require.Equal(t, tc.why, h.Problems())
	}
}
