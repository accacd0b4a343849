package feedback_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
)

func TestAssess_ComparesPredictionsWithValues(t *testing.T) {
	for _, tc := range []struct {
		name                 string
		horizon              int
		median, lower, upper float32
		mase, bias, coverage float64
	}{
		{"right", 3, 10, 9, 11, (0 + 0.1) / (2 + 0.1), 0, 1},
		{"too high by 1", 3, 11, 10.5, 12, (1 + 0.1) / (2 + 0.1), 0.1, 0},
		{"too low by 4, at a horizon of which not all are kept", 100, 6, 4, 10, (4 + 0.1) / (2 + 0.1), -0.4, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tracker, tally := feedback.NewTracker(tc.horizon, 32), &feedback.Tally{}
			_, ok := feedback.Assess([]*feedback.Tally{tally})
			require.False(t, ok, "nothing was compared yet")
			compared := 0
			for at := int64(1_000_000); at < 1_000_400; at++ {
				if p, ok := tracker.Due(at); ok {
					tally.Add(p, 10, 12, 0.999) // a day before it was 12
					compared++
				}
				tracker.Record(at, feedback.Prediction{Median: tc.median, Lower: tc.lower, Upper: tc.upper})
			}
			require.Equal(t, (400-tc.horizon)/int(tracker.Every()), compared)
			q, ok := feedback.Assess([]*feedback.Tally{tally, {}})
			require.True(t, ok)
			require.InDelta(t, tc.mase, q.MASE, 1e-9)
			require.InDelta(t, tc.bias, q.Bias, 1e-9)
			require.InDelta(t, tc.coverage, q.Coverage, 1e-9)
		})
	}
}

func TestTally_HalvesTheWeightOfOldComparisons(t *testing.T) {
	quality := func(days int) feedback.Quality {
		decay := math.Exp2(-1.0 / 24) // by half in a day of steps of an hour
		tracker, tally := feedback.NewTracker(1, 32), &feedback.Tally{}
		for at := int64(500_000); at < 500_000+24*7+24*int64(days); at++ {
			median := float32(10)
			if at < 500_000+24*7 {
				median = 1000 // for a week all forecasts were wrong by far
			}
			if p, ok := tracker.Due(at); ok {
				tally.Add(p, 10, 12, decay)
			}
			tracker.Record(at, feedback.Prediction{Median: median})
		}
		q, ok := feedback.Assess([]*feedback.Tally{tally})
		require.True(t, ok)
		return q
	}
	// What is left of the error of that week halves each day: 990 is 471 times what 2.1 is, as errors and scales are
	// raised by 0.1.
	require.InDelta(t, 471.5/2, quality(1).MASE, 10)
	require.InDelta(t, 471.5/128, quality(7).MASE, 0.3)
}

func TestTracker_KeepsEveryPredictionOfAShortHorizonAndSomeOfALongOne(t *testing.T) {
	for _, tc := range []struct {
		horizon, atMost int
		every           int64
	}{
		{1, 32, 1},
		{31, 32, 1},
		{32, 32, 1},
		{33, 32, 2},
		{360, 32, 12},
		{5, 1, 5},
	} {
		tracker := feedback.NewTracker(tc.horizon, tc.atMost)
		require.Equal(t, tc.every, tracker.Every(), "horizon %d", tc.horizon)
		for at := int64(100_000); at < 102_000; at++ {
			made := at - int64(tc.horizon)
			p, ok := tracker.Due(at)
			require.Equal(t, made >= 100_000 && made%tc.every == 0, ok, "horizon %d, made at %d", tc.horizon, made)
			if ok {
				require.Equal(t, feedback.Prediction{Median: float32(made)}, p)
			}
			tracker.Record(at, feedback.Prediction{Median: float32(at)})
		}
	}
}

func TestTracker_ForgetsPredictionsOfStepsThatWereSkipped(t *testing.T) {
	tracker := feedback.NewTracker(3, 32)
	tracker.Record(1000, feedback.Prediction{Median: 1})
	_, ok := tracker.Due(1002)
	require.False(t, ok, "not due yet")
	_, ok = tracker.Due(1003 + 4)
	require.False(t, ok, "its place in the ring belongs to another step")
	p, ok := tracker.Due(1003)
	require.True(t, ok)
	require.Equal(t, float32(1), p.Median)
}

func TestTally_CountsOnlyTheIntervalWithoutANaivePrediction(t *testing.T) {
	var tally feedback.Tally
	tally.Add(feedback.Prediction{Median: 5, Lower: 4, Upper: 6}, 6, math.NaN(), 1)
	tally.Add(feedback.Prediction{Median: 5, Lower: 4, Upper: 6}, 7, math.NaN(), 1)
	require.Equal(t, feedback.Tally{Weight: 2, Covered: 1}, tally)
	_, ok := tally.RelativeBias()
	require.False(t, ok)
	require.True(t, math.IsNaN(tally.RelativeError()))
}

func TestTally_RaisesErrorsByAHundredthOfTheMeanSize(t *testing.T) {
	var tally feedback.Tally
	tally.Add(feedback.Prediction{Median: 101}, 100, 102, 1)
	tally.Add(feedback.Prediction{Median: -97}, -100, -100, 1)
	require.Equal(t, (4.0+2)/(2+2), tally.RelativeError())
	bias, ok := tally.RelativeBias()
	require.True(t, ok)
	require.Equal(t, 4.0/200, bias)
}

func TestAssess_IsTheMedianOverTheSeriesAndLeavesOutWhatIsNotFinite(t *testing.T) {
	q, ok := feedback.Assess([]*feedback.Tally{
		{Weight: 1, Covered: 1, Error: 1, Naive: 2, Bias: 1, Size: 0}, // no size: no bias
		{Weight: 1, Covered: 0, Error: 3, Naive: 2, Bias: 50, Size: 100},
		{Weight: 2, Covered: 1, Error: 8, Naive: 2, Bias: 10, Size: 100},
		{Weight: 1, Error: 1},                                // infinite
		{Weight: 1, Covered: 1},                              // not a number
		{Error: 100, Naive: 1, Covered: 1, Bias: 7, Size: 7}, // of no weight
	})
	require.True(t, ok)
	require.Equal(t, feedback.Quality{MASE: (3.0 + 1) / (2 + 1), Bias: 0.3, Coverage: 3.0 / 6}, q)
}

func TestMedian_OfNoneIsNaN(t *testing.T) {
	require.True(t, math.IsNaN(feedback.Median(nil)))
	require.Equal(t, 2.0, feedback.Median([]float64{3, 1, 2}))
	require.Equal(t, 2.5, feedback.Median([]float64{4, 1, 3, 2}))
}
