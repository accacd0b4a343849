package replicas_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

// fleetSamples are two days of a fleet. Its replicas reach a utilization of 0.7 at a load of 100 each, and idle without
// any.
func fleetSamples(idle, noise float64, seed uint64) []replicas.UtilizationSample {
	r := rand.New(rand.NewPCG(seed, 1))
	var samples []replicas.UtilizationSample
	for i := range 576 {
		load := 1000 + 600*math.Sin(2*math.Pi*float64(i)/288)
		n := math.Ceil(load / 80)
		utilization := idle + (0.7-idle)*load/n/100
		utilization *= 1 + noise*r.NormFloat64()
		samples = append(samples, replicas.UtilizationSample{Load: load, Replicas: n, Utilization: utilization})
	}
	return samples
}

func TestCapacity_IsMedianAtTarget(t *testing.T) {
	c, ok := replicas.Capacity(fleetSamples(0, 0, 1), 0.7)
	require.True(t, ok)
	require.InDelta(t, 100, c, 1e-9)

	c, _ = replicas.Capacity(fleetSamples(0, 0.1, 2), 0.7)
	require.InDelta(t, 100, c, 2, "noise")

	c, _ = replicas.Capacity(fleetSamples(0.1, 0.02, 3), 0.7)
	require.Less(t, c, 100.0, "what is used without a load makes it smaller, which is the safe side")
	require.Greater(t, c, 95.0)

	var idle []replicas.UtilizationSample // a static fleet that has nothing to do for most of the day
	for i, u := range fleetSamples(0.1, 0.02, 5) {
		u.Replicas = 10
		if i%24 < 16 {
			u.Load = 1
		}
		u.Utilization = 0.1 + 0.6*u.Load/1000
		idle = append(idle, u)
	}
	c, _ = replicas.Capacity(idle, 0.7)
	require.InDelta(t, 100, c, 6)

	c, _ = replicas.Capacity(fleetSamples(0, 0, 1), 0.35)
	require.InDelta(t, 50, c, 1e-9, "half the target, half the load")

	broken := fleetSamples(0, 0.02, 4)
	for i := range broken {
		switch {
		case i%5 == 0: // while replicas start they burn CPU and get no load
			broken[i].Utilization *= 3
		case i%7 == 0:
			broken[i].Replicas = nan
		case i%11 == 0:
			broken[i].Utilization = 0
		case i%13 == 0:
			broken[i].Load = math.Inf(1)
		}
	}
	c, ok = replicas.Capacity(broken, 0.7)
	require.True(t, ok)
	require.InDelta(t, 100, c, 5, "outliers")

	_, ok = replicas.Capacity(fleetSamples(0, 0, 1)[:9], 0.7)
	require.False(t, ok, "too few")
	c, ok = replicas.Capacity(fleetSamples(0, 0, 1)[:10], 0.7)
	require.True(t, ok)
	require.InDelta(t, 100, c, 1e-9)
	_, ok = replicas.Capacity(nil, 0.7)
	require.False(t, ok)
}

// With a load of 100 at busy times, samples count from 50 on.
func TestCapacity_IgnoresReplicasWithLessThanHalfTheBusyLoad(t *testing.T) {
	of := func(load, utilization float64, n int) []replicas.UtilizationSample {
		return slices.Repeat([]replicas.UtilizationSample{{Load: load, Utilization: utilization, Replicas: 1}}, n)
	}
	c, ok := replicas.Capacity(slices.Concat(of(100, 0.5, 6), of(49, 0.49, 10)), 1)
	require.True(t, ok)
	require.InDelta(t, 200, c, 1e-9)
	c, _ = replicas.Capacity(slices.Concat(of(100, 0.5, 6), of(51, 0.51, 10)), 1)
	require.InDelta(t, 100, c, 1e-9)
}

func TestStartupSteps_CoverNineTenthsOfStarts(t *testing.T) {
	var seconds []float64
	for i := range 100 {
		seconds = append(seconds, float64(i+1)) // 1 s to 100 s
	}
	require.Equal(t, 90.0, replicas.UpperQuantile(append([]float64{nan}, seconds...)))
	steps, ok := replicas.StartupSteps(append([]float64{nan}, seconds...), time.Minute, 60)
	require.True(t, ok)
	require.Equal(t, 2, steps, "90 s are two minutes")
	for _, tc := range []struct {
		seconds []float64
		steps   int
		ok      bool
	}{
		{nil, 0, false},
		{[]float64{nan, math.Inf(1)}, 0, false},
		{[]float64{0}, 1, true},
		{[]float64{-3}, 1, true},
		{[]float64{60}, 1, true},
		{[]float64{1.7e9}, 60, true}, // a timestamp by mistake
	} {
		steps, ok := replicas.StartupSteps(tc.seconds, time.Minute, 60)
		require.Equal(t, tc.ok, ok)
		require.Equal(t, tc.steps, steps)
	}
}
