package rollingorigin

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/intervals"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// setOf has one row per origin, in buckets of so many rows.
func setOf(sizes ...int) *EvaluationSet {
	s := &EvaluationSet{bucket: []int32{0}}
	for k, n := range sizes {
		for range n {
			s.Origin, s.Steps = append(s.Origin, int32(len(s.Origin))), append(s.Steps, int32(k+1))
		}
		s.bucket = append(s.bucket, int32(len(s.Origin)))
	}
	s.linkOrigins(len(s.Origin) + len(sizes))
	return s
}

func windowOf(n int) *window.Window {
	y := make([]float64, n)
	for i := range y {
		y[i] = float64(i % 3)
	}
	return window.New(window.Options{Step: time.Hour}, 0, y, nil)
}

func TestErrors_OffsetsOfABucketWithFewRowsAreThoseBefore(t *testing.T) {
	t.Parallel()
	set := setOf(50, 12, 11)
	w := windowOf(set.Len() + 3)
	e := NewErrors(set)
	for k, size := range []float64{1, 2, 3} {
		from, to := set.Bucket(k)
		for i := from; i < to; i++ {
			e.errs[i] = size * math.Cos(float64(i)*math.Pi)
		}
	}
	ends := []int{1, 2, 3}
	off, knots := e.Offsets(w, ends), Knots(ends)
	upper := func(k int) float64 { return off.At(knots[k], 0.975, intervals.Scale{}) }
	require.InDelta(t, 1, upper(0), 0.1)
	const wider = 1.13 // 12 forecasts of 2 steps each, of which 6.5 do not overlap
	require.InDelta(t, 2*wider, upper(1), 0.1)
	require.Equal(t, upper(1), upper(2))
}

func TestErrors_EvaluateTheRowsOfTheirOrigin(t *testing.T) {
	t.Parallel()
	set := setOf(2, 2)
	w := windowOf(set.Len() + 2)
	e := NewErrors(set)
	for origin := range 4 {
		e.Evaluate(w, origin, func(steps int) float64 { return float64(10 * steps) })
	}
	require.Equal(t, []float64{w.Values[1] - 10, w.Values[2] - 10, w.Values[4] - 20, w.Values[5] - 20}, e.errs)
}

func TestLoss_IsThePinballLossOfThreeQuantiles(t *testing.T) {
	t.Parallel()
	set := setOf(2)
	w := windowOf(4)
	var l Loss
	require.Zero(t, l.Mean())
	for origin := range 2 {
		target := w.Values[origin+1]
		l.Evaluate(w, set, origin, func(int, float64) float64 { return target + []float64{2, -1}[origin] })
	}
	over, under := 2*(0.5+0.1+0.025), 1*(0.5+0.9+0.975)
	require.InDelta(t, (over+under)/2, l.Mean(), 1e-12)
}

func TestWindowOrigins_AreEvenlySpacedAndPreferWholeWindows(t *testing.T) {
	t.Parallel()
	w := windowOf(2001)
	w.Minutes = 5
	origins := WindowOrigins(w, 0, []int{10, 100})
	require.Len(t, origins, 200)
	require.Equal(t, int32(1990), origins[199], "the last one with a whole window")
	for i := 1; i < len(origins); i++ {
		require.Equal(t, int32(10), origins[i]-origins[i-1])
	}
	for i := range w.Learn { // three of ten are missing, but for the first quarter
		w.Learn[i] = i < 500 || i%10 > 2
	}
	for _, origin := range WindowOrigins(w, 0, []int{10, 100}) {
		require.Less(t, origin, int32(500))
	}
	for i := range w.Learn {
		w.Learn[i] = i%10 > 2
	}
	require.NotEmpty(t, WindowOrigins(w, 0, []int{10, 100}), "there are no others")
	require.Empty(t, WindowOrigins(w, 1995, []int{10, 100}))
}

// Of 14 days at steps of 30 minutes every second origin would be taken, and so always the same half of the day.
func TestWindowOrigins_AreAllAtLongSteps(t *testing.T) {
	t.Parallel()
	w := windowOf(672)
	w.Minutes = 30
	origins := WindowOrigins(w, 336, []int{1})
	require.Len(t, origins, 335)
	require.Equal(t, int32(336), origins[0])
	require.Equal(t, int32(670), origins[334])
}

func TestBuckets_EndWithTheLongestHorizon(t *testing.T) {
	t.Parallel()
	w := windowOf(10)
	require.Equal(t, []int{1, 2, 3, 5, 6, 9, 12, 15, 18, 21, 24, 30, 36, 48, 100}, Buckets(w, 100))
	require.Equal(t, []int{1, 2, 3, 4}, Buckets(w, 4))
	require.Equal(t, []int{1}, Buckets(w, 1))
	require.InDeltaSlice(t, []float64{0, math.Log(2), math.Log(12) / 2}, Knots([]int{1, 2, 4}), 1e-12)
}
