package backtest

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
