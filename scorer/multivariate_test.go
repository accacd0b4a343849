package scorer_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// shop is the life of a service by step: requests by the time of day, and what hit ratio and latency make of how busy
// it is.
func shop(seed uint64, n int, step time.Duration) [3][]float64 {
	r := rand.New(rand.NewPCG(seed, 3))
	load := 0.0
	var y [3][]float64
	for i := range n {
		load += 0.3 * (r.NormFloat64() - load)
		day := math.Sin(2 * math.Pi * float64(i) * step.Hours() / 24)
		busy := load + 0.1*r.NormFloat64()
		for d, v := range [3]float64{
			100 + 40*day + 8*busy,
			0.9 + 0.02*busy + 0.006*r.NormFloat64(),
			0.2 + 0.02*day + 0.03*busy + 0.01*r.NormFloat64(),
		} {
			y[d] = append(y[d], v)
		}
	}
	return y
}

// noise is three signals that have nothing to do with each other, one of them heavy-tailed, one mostly zero.
func noise(seed uint64, n int, _ time.Duration) [3][]float64 {
	r := rand.New(rand.NewPCG(seed, 4))
	var y [3][]float64
	for range n {
		count := 0.0
		for r.Float64() < 0.05 {
			count++
		}
		a, b, c := r.NormFloat64(), r.NormFloat64(), r.NormFloat64()
		y[0] = append(y[0], r.NormFloat64())
		y[1] = append(y[1], r.NormFloat64()/math.Sqrt((a*a+b*b+c*c)/3))
		y[2] = append(y[2], count)
	}
	return y
}

func signals(y [3][]float64, from, to int) []scorer.Input {
	return []scorer.Input{
		{Name: "requests", Values: y[0][from:to]},
		{Name: "hit_ratio", Values: y[1][from:to]},
		{Name: "latency", Values: y[2][from:to]},
	}
}

func fitMultivariate(t testing.TB, o scorer.Options, inputs []scorer.Input) *scorer.Multivariate {
	t.Helper()
	j, err := scorer.FitMultivariate(o, 0, inputs)
	require.NoError(t, err)
	return j
}

// An anomaly that no signal shows alone is found within a quarter of an hour, and the contributions name the signals.
func TestMultivariate_FindsWhatNoSignalShowsAlone(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change [3]float64
		named  []string
	}{
		{
			"requests up, hit ratio down, latency up",
			[3]float64{7, -0.023, 0.029},
			[]string{"requests", "hit_ratio", "latency"},
		},
		{"requests up, hit ratio down", [3]float64{7, -0.024, 0}, []string{"requests", "hit_ratio"}},
		{"latency up without requests", [3]float64{-5, 0, 0.038}, []string{"requests", "latency"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			y := shop(101, 15*288, 5*time.Minute)
			j := fitMultivariate(t, options(), signals(y, 0, fitted))
			var alone [3]*scorer.Model
			for d := range alone {
				alone[d] = fit(t, options(), y[d][:fitted])
			}
			const begin = fitted + 97
			var s scorer.Score
			for i := fitted; i < begin+3; i++ {
				v := []float64{y[0][i], y[1][i], y[2][i]}
				if i >= begin {
					day := math.Sin(2 * math.Pi * float64(i) / 288)
					v = []float64{100 + 40*day + tc.change[0], 0.9 + tc.change[1], 0.2 + 0.02*day + tc.change[2]}
					v[1] += 1e-4 * float64(i-begin) // it is not stuck
				}
				s = j.Score(v, true)
				require.True(t, i >= begin || s.Value < 0.8)
				for d, m := range alone {
					single := m.Score(v[d], true).Value
					require.True(t, i < begin || single < 0.6, "%d: %f", d, single)
				}
			}
			require.Greater(t, s.Value, 0.8)
			total := 0.0
			for k, c := range s.Contributions {
				total += c.Share
				if k < len(tc.named) {
					require.Contains(t, tc.named, c.Feature)
				}
				require.True(t, k == 0 || c.Share <= s.Contributions[k-1].Share)
			}
			require.InDelta(t, 1, total, 1e-9)
		})
	}
}

// An incident in the window, of an hour at most, does not hide the next one of its kind.
func TestMultivariate_FindsTheSecondIncidentOfAKind(t *testing.T) {
	for _, length := range []int{1, 12} {
		y := shop(101, 15*288, 5*time.Minute)
		disturb := func(i int, by float64) {
			y[0][i], y[1][i], y[2][i] = y[0][i]+by*6, y[1][i]-by*0.02, y[2][i]+by*0.025
		}
		for i := range length {
			disturb(fitted-3*288+i, 2)
		}
		for i := range 6 {
			disturb(fitted+i, 2)
		}
		j := fitMultivariate(t, options(), signals(y, 0, fitted))
		highest := 0.0
		for i := fitted; i < fitted+6; i++ {
			highest = max(highest, j.Score([]float64{y[0][i], y[1][i], y[2][i]}, true).Value)
		}
		require.Greater(t, highest, 0.8, "%d steps of it", length)
	}
}

// A shift that is too small to be found in one step is found if it lasts.
func TestMultivariate_FindsSmallShiftsThatLast(t *testing.T) {
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		hour, day := int(time.Hour/step), int(24*time.Hour/step)
		y := shop(200, 15*day, step)
		inputs := signals(y, 0, 14*day)
		for d := range inputs {
			inputs[d].Values, inputs[d].Learn = thin(inputs[d].Values, step)
		}
		j := fitMultivariate(t, scorer.Options{Step: step, Contamination: 0.05}, inputs)
		high := 0
		for i := 14 * day; i < 14*day+12*hour; i++ {
			v := []float64{y[0][i], y[1][i], y[2][i]}
			if i >= 14*day+11*hour {
				v[0], v[1] = v[0]+7, v[1]-0.023
			}
			if s := j.Score(v, true); s.Value >= 0.8 {
				require.GreaterOrEqual(t, i, 14*day+11*hour)
				high++
			}
		}
		require.Greater(t, high, hour/2)
	}
}

// Normal life crosses 0.8 about 0.2 times a week, and 0.6 twice, within a factor of three. Crossings of 0.8 are too
// rare here for a lower limit.
func TestMultivariate_IsCalibrated(t *testing.T) {
	skipStatistical(t)
	for _, tc := range []struct {
		name   string
		life   func(seed uint64, n int, step time.Duration) [3][]float64
		step   time.Duration
		series int
	}{
		{"shop, 1m", shop, time.Minute, 3},
		{"shop, 5m", shop, 5 * time.Minute, 8},
		{"shop, 1h", shop, time.Hour, 40},
		{"noise, 1m", noise, time.Minute, 3},
		{"noise, 5m", noise, 5 * time.Minute, 8},
		{"noise, 1h", noise, time.Hour, 40},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			day := int(24 * time.Hour / tc.step)
			var elevated, high crossings
			for seed := range tc.series {
				y := tc.life(uint64(seed), 26*day, tc.step)
				for i := 14 * day; i < 26*day; i += 3 * day {
					inputs := signals(y, i-14*day, i)
					for d := range inputs {
						inputs[d].Values, inputs[d].Learn = thin(inputs[d].Values, tc.step)
					}
					o := scorer.Options{Step: tc.step, Contamination: 0.05, ExplainThreshold: 2, Seed: uint64(seed)}
					j, err := scorer.FitMultivariate(o, int64(i-14*day)*tc.step.Milliseconds(), inputs)
					require.NoError(t, err)
					for k := i; k < i+3*day; k++ {
						v := j.Score([]float64{y[0][k], y[1][k], y[2][k]}, true).Value
						elevated.observe(v >= 0.6)
						high.observe(v >= 0.8)
					}
				}
			}
			weeks := 12 * float64(tc.series) / 7
			over6, over8 := float64(elevated.count)/weeks, float64(high.count)/weeks
			t.Logf("a week: %.2f over 0.6, %.2f over 0.8; %.0f weeks", over6, over8, weeks)
			require.InDelta(t, 0, math.Log(over6/2), math.Log(3))
			require.LessOrEqual(t, over8, 0.6)
		})
	}
}

// crossings counts how often something begins.
type crossings struct {
	count int
	above bool
}

func (c *crossings) observe(above bool) {
	if above && !c.above {
		c.count++
	}
	c.above = above
}

func TestMultivariate_HasNoScoreForIncompleteVectors(t *testing.T) {
	y := shop(1, 3000, 5*time.Minute)
	j := fitMultivariate(t, options(), signals(y, 0, fitted/2))
	for _, gone := range []float64{nan, math.Inf(1)} {
		require.True(t, math.IsNaN(j.Score([]float64{100, gone, 0.2}, true).Value))
	}
	require.False(t, math.IsNaN(j.Score([]float64{100, 0.9, 0.2}, true).Value))
}

func TestFitMultivariate_SaysWhyItCannotBeFitted(t *testing.T) {
	y := shop(1, 3000, 5*time.Minute)
	gaps := signals(y, 0, fitted/2)
	gaps[1].Values = slices.Repeat([]float64{nan}, fitted/2)
	_, err := scorer.FitMultivariate(options(), 0, gaps)
	require.ErrorIs(t, err, scorer.ErrGaps)
	require.EqualError(t, err, `input "hit_ratio": gaps`)

	alternating := signals(y, 0, 2016)
	for d := range alternating {
		alternating[d].Learn = make([]bool, 2016)
		for i := range 2016 {
			alternating[d].Learn[i] = i%3 == d
		}
	}
	_, err = scorer.FitMultivariate(options(), 0, alternating)
	require.ErrorIs(t, err, scorer.ErrGaps, "no step has all of them")

	_, err = scorer.FitMultivariate(options(), 0, signals(y, 0, 10))
	require.ErrorIs(t, err, scorer.ErrShortHistory)

	constant := signals(y, 0, 2016)
	for d := range constant {
		constant[d].Values = slices.Repeat([]float64{1}, 2016)
	}
	_, err = scorer.FitMultivariate(options(), 0, constant)
	require.ErrorIs(t, err, scorer.ErrConstant)
}

// The first change of a constant signal counts as a value that occurs once in the window's length.
func TestMultivariate_CountsAConstantInputOnceItMoves(t *testing.T) {
	y := shop(5, fitted+20, 5*time.Minute)
	for i := range y[1] {
		y[1][i] = 1
	}
	j := fitMultivariate(t, options(), signals(y, 0, fitted))
	for i := fitted; i < fitted+10; i++ {
		require.Less(t, j.Score([]float64{y[0][i], 1, y[2][i]}, true).Value, 0.6)
	}
	s := j.Score([]float64{y[0][fitted+10], 0.9, y[2][fitted+10]}, true)
	require.Greater(t, s.Value, 0.5)
}

func TestMultivariate_IsDeterministic(t *testing.T) {
	y := shop(1, 3000, 5*time.Minute)
	a, b := fitMultivariate(t, options(), signals(y, 0, 2016)), fitMultivariate(t, options(), signals(y, 0, 2016))
	for i := 2016; i < 3000; i++ {
		v := []float64{y[0][i], y[1][i], y[2][i]}
		want, got := a.Score(v, i%3 == 0), b.Score(v, i%3 == 0)
		require.Equal(t, math.Float64bits(want.Value), math.Float64bits(got.Value))
		require.Equal(t, want.Contributions, got.Contributions)
	}
}

func TestFitMultivariate_RejectsBadInputs(t *testing.T) {
	y := shop(1, 2016, 5*time.Minute)
	for _, tc := range []struct {
		want   string
		inputs []scorer.Input
	}{
		{"scorer: 1 inputs, not 2 to 8", signals(y, 0, 2016)[:1]},
		{"scorer: 9 inputs, not 2 to 8", slices.Repeat(signals(y, 0, 2016), 3)},
		{`scorer: input "b": 2 values, another has 1`, []scorer.Input{
			{Name: "a", Values: []float64{1}}, {Name: "b", Values: []float64{1, 2}},
		}},
		{`scorer: input "b": 1 values, 2 learn marks`, []scorer.Input{
			{Name: "a", Values: []float64{1}}, {Name: "b", Values: []float64{1}, Learn: []bool{true, true}},
		}},
	} {
		_, err := scorer.FitMultivariate(options(), 0, tc.inputs)
		require.EqualError(t, err, tc.want)
	}
	_, err := scorer.FitMultivariate(scorer.Options{}, 0, signals(y, 0, 2016))
	require.EqualError(t, err, "scorer: step 0s is below 1ms")
}

func TestMultivariate_ScoreDoesNotAllocate(t *testing.T) {
	y := shop(1, 2100, 5*time.Minute)
	o := options()
	o.ExplainThreshold = 2
	j := fitMultivariate(t, o, signals(y, 0, 2016))
	v := []float64{y[0][2050], y[1][2050], y[2][2050]}
	require.Zero(t, testing.AllocsPerRun(100, func() { j.Score(v, true) }))
}

func BenchmarkFitMultivariate(b *testing.B) {
	inputs := signals(shop(1, 2016, 5*time.Minute), 0, 2016)
	b.ReportAllocs()
	for b.Loop() {
		fitMultivariate(b, options(), inputs)
	}
}

func BenchmarkScoreMultivariate(b *testing.B) {
	y := shop(1, 3000, 5*time.Minute)
	o := options()
	o.ExplainThreshold = 2
	j := fitMultivariate(b, o, signals(y, 0, 2016))
	v := make([]float64, 3)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for d := range v {
			v[d] = y[d][2016+i%900]
		}
		j.Score(v, true)
	}
}
