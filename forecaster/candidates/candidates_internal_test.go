package candidates

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// windowOf makes a window of n steps with values from 0 to 2; the unit of the window is one less.
func windowOf(step time.Duration, n int) *window.Window {
	y := make([]float64, n)
	for i := range y {
		y[i] = float64(i % 3)
	}
	return window.New(window.Options{Step: step, DataRange: [2]float64{math.Inf(-1), math.Inf(1)}}, 0, y, nil)
}

func TestVolatility_HasTheMemoryOfItsHalfLives(t *testing.T) {
	t.Parallel()
	v := newVolatility(windowOf(5*time.Minute, 3), 288)
	add := func(n int, size float64) {
		for range n {
			v.change(size)
			v.depart(size)
		}
	}
	add(30*288, 0)
	add(24, 1) // two hours
	require.InDelta(t, 1-math.Exp2(-120.0/45), v.recentDeviation, 1e-9)
	require.InDelta(t, 0.5, v.recent, 1e-9)
	require.InDelta(t, 1-math.Exp2(-2.0/240), v.usual, 1e-9)
}

// Of old values every fifth one is kept, and the rest is on lines between them, where the series changes less than it
// does. That tells nothing of how much it changes.
func TestVolatility_TakesNoLineBetweenOldValuesForAQuietTime(t *testing.T) {
	t.Parallel()
	const day = 1440
	rng := rand.New(rand.NewPCG(1, 1))
	y, learn := make([]float64, 14*day), make([]bool, 14*day)
	for i := range y {
		y[i], learn[i] = 100+rng.NormFloat64(), i%5 == 0 || i >= 12*day
	}
	for i := range 12 * day {
		k := i % 5
		y[i] = y[i-k] + float64(k)/5*(y[i-k+5]-y[i-k])
	}
	w := window.New(window.Options{Step: time.Minute, DataRange: [2]float64{math.Inf(-1), math.Inf(1)}}, 0, y, learn)
	s := New(w)
	for i, v := range w.Values {
		if s.Advance(v); i >= 12*day+120 {
			require.InDelta(t, 0, s.volatility.ratio(), 0.5, i)
		}
	}
	require.Nil(t, s.observed)
}

// Departures around noon, every day: errors are expected to be largest around noon, not when the mean of them is.
func TestState_ScalesWithTheTimeOfDay(t *testing.T) {
	t.Parallel()
	const day = 288
	s := New(windowOf(5*time.Minute, 10*day))
	rng := rand.New(rand.NewPCG(1, 0))
	for i := range 10 * day {
		noise := 0.01 * rng.NormFloat64()
		if at := i % day; at >= 144 && at < 156 { // 12:00 to 13:00
			noise *= 30
		}
		s.Advance(noise)
	}
	peak, most := 0, 0.0
	for steps := 1; steps <= day; steps++ {
		h := NewHorizon(steps, 1.0/12)
		if scale := s.ScaleAt(&h); scale.Daily > most {
			peak, most = steps-1, scale.Daily // steps 1 is midnight
		}
	}
	require.InDelta(t, 150, peak, 4, "12:30, within 20 minutes")
	require.Greater(t, most, 1.0)
}

func TestState_LevelIsLargerWhereThereIsMoreRoom(t *testing.T) {
	t.Parallel()
	s := &State{scales: true, zero: -1, upperLimit: math.Inf(1)}
	require.Zero(t, s.Level(0, 0))
	require.InDelta(t, math.Log(2.05/1.05), s.Level(1, 0), 1e-9, "twice as far from zero")
	require.InDelta(t, math.Log(0.05/1.05), s.Level(-1, 0), 1e-9, "at zero")
	s.upperLimit = 1
	require.InDelta(t, math.Log(0.05/1.05), s.Level(1, 0), 1e-9, "at the upper end")
	s.scales = false
	require.Zero(t, s.Level(1, 0))
}

func TestLogRatio_ComparesWithTheMean(t *testing.T) {
	t.Parallel()
	require.InDelta(t, 0, logRatio(3, 3, volatilityFloor), 1e-12)
	require.InDelta(t, math.Log(2.2/1.2), logRatio(2, 1, volatilityFloor), 1e-12)
	require.Zero(t, logRatio(3, 0, volatilityFloor), "nothing to compare with")
}

func TestNewHorizon_FadesWithinHours(t *testing.T) {
	t.Parallel()
	h := NewHorizon(96, 1.0/12)
	require.InDeltaSlice(t, []float64{math.Exp(-4), math.Exp(-1), math.Exp(-1.0 / 6)}, h.fade[:], 1e-12)
	require.InDelta(t, math.Log(96), h.LogSteps, 1e-12)
}

// Every candidate has a name of its own, and forecasts a constant as such.
func TestState_ForecastsAConstantByEachCandidate(t *testing.T) {
	t.Parallel()
	for _, step := range []time.Duration{time.Minute, time.Hour} {
		n := int(14 * 24 * time.Hour / step)
		w := windowOf(step, n)
		s, departures := New(w), make([]float64, n)
		for i := range n {
			s.Advance(0.5)
			departures[i] = s.Departure()
		}
		ar := FitAutoregressions(w, departures, 24)
		seen := map[string]bool{}
		require.Equal(t, numCandidates, s.Count())
		for _, steps := range []int{1, 24} {
			h := NewHorizon(steps, step.Hours())
			var target Target
			var f Forecasts
			s.PrepareTarget(&target, &h)
			s.Forecast(&f, &target, ar)
			for j, v := range f {
				require.InDelta(t, 0.5, v, 1e-6, "%s, step %v", Name(j), step)
			}
		}
		for j := range s.Count() {
			require.False(t, seen[Name(j)], Name(j))
			seen[Name(j)] = true
		}
	}
}

// A network that sorts zeros and ones sorts anything (Knuth, 5.3.4, theorem Z).
func TestSort7_SortsZerosAndOnes(t *testing.T) {
	t.Parallel()
	for bits := range int32(1 << 7) {
		var v [7]int32
		for i := range v {
			v[i] = bits >> i & 1
		}
		got := sort7(v)
		slices.Sort(v[:])
		require.Equal(t, v, got)
	}
}

func TestOrderOf_IsThatOfTheValues(t *testing.T) {
	t.Parallel()
	infinite := float32(math.Inf(1))
	values := []float32{-infinite, -3e38, -1, -1e-45, 0, 1e-45, 1, 3e38, infinite}
	for i, v := range values {
		require.Equal(t, v, inOrder(orderOf(v)))
		require.Less(t, orderOf(v), int32(math.MaxInt32))
		if i > 0 {
			require.Less(t, orderOf(values[i-1]), orderOf(v))
		}
	}
}
