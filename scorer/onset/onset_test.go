package onset_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/onset"
)

// After n anomalous steps, the onset is lower by 0.6*log10(1+max(0, n-1)): the first one costs nothing.
func TestOnset_FallsByTheLogarithmOfTheCount(t *testing.T) {
	o := onset.New(5 * time.Minute)
	for before := range 20 {
		want := max(0, 0.9-0.6*math.Log10(1+float64(max(0, before-1))))
		require.InDelta(t, want, o.Next(0.9), 1e-12, "after %d", before)
	}
}

func TestOnset_FallsWithTheAnomalousStepsOfTheLastDay(t *testing.T) {
	o := onset.New(5 * time.Minute)
	require.InDelta(t, 0.9, o.Next(0.9), 1e-12, "the first of its day")
	require.InDelta(t, 0.9, o.Next(0.9), 1e-12, "an alert may want two in a row")
	last := 0.9
	for range 20 {
		v := o.Next(0.9)
		require.Less(t, v, last)
		last = v
	}
	for range 288 {
		require.InDelta(t, 0, o.Next(0), 1e-12)
	}
	require.InDelta(t, 0.9, o.Next(0.9), 0.2, "a day later it is all but news again")
	for range 290 {
		o.Next(0)
	}
	require.InDelta(t, 0.9, o.Next(0.9), 1e-12, "and then quite")
	require.True(t, math.IsNaN(o.Next(math.NaN())))
}
