package intervals

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQuantileTable_ExceedingInvertsAt(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 0))
	s := make(Sample, 200)
	for i := range s {
		s[i] = WeightedError{rng.NormFloat64(), 1 + rng.Float64()}
	}
	s.sort()
	table := s.quantiles()
	for p := 0.01; p < 0.99; p += 0.01 {
		require.InDelta(t, 1-p, table.Exceeding(2*table.At(p)+3*(2*p-1), 2, 3), 0.01)
	}
	require.Zero(t, table.Exceeding(100, 1, 0))
	require.Equal(t, 1.0, table.Exceeding(-100, 1, 0))
}

// The table of single steps is a blend of signed and symmetric quantiles, inflated, by the hours ahead.
func TestOffsets_BlendAndInflateByTheHoursAhead(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 0))
	s := make(Sample, 300)
	for i := range s {
		s[i] = WeightedError{rng.ExpFloat64() - 0.4, 1 + rng.Float64()} // skewed
	}
	s.sort()
	signed, even := s.quantiles(), s.symmetric()
	require.Greater(t, signed.At(0.9), 1.2*even.At(0.9), "else a blend shows nothing")
	for _, tc := range []struct{ hours, symmetric, inflation float64 }{
		{0.1, 0, 1},
		{0.25, 0, 1},
		{0.5, 0.25, 1}, // half the way in the logarithm from 15 minutes to 1 hour
		{1, 0.5, 1},
		{math.Sqrt(6), 0.65, 1.02},
		{6, 0.8, 1.04},
		{12, 0.8, 1.06},
		{24, 0.8, 1.08},
		{240, 0.8, 1.08},
	} {
		off := NewOffsets([]float64{math.Log(tc.hours * 12)}, 5)
		table := off.Add(s, math.Inf(1), Exponent{})
		for _, p := range []float64{0.025, 0.1, 0.9, 0.975} {
			want := tc.inflation * ((1-tc.symmetric)*signed.At(p) + tc.symmetric*even.At(p))
			require.InDelta(t, want, table.At(p), 1e-6, "%v hours, quantile %v", tc.hours, p)
			require.Equal(t, table.At(p), off.At(0, p, Scale{}))
		}
	}
}

// The fewer errors are independent, the wider an interval is. The references are qt(0.9, n-1)/qnorm(0.9) of R.
func TestOffsets_WidenWithFewIndependentErrors(t *testing.T) {
	t.Parallel()
	for independent, want := range map[float64]float64{0: 2.401, 2: 2.401, 4: 1.278, 8: 1.104, 21: 1.034} {
		require.InEpsilon(t, want, widening(independent), 0.13/max(independent-1, 1))
	}
	require.InDelta(t, 1, widening(math.Inf(1)), 0)
}

// Errors that change their sign each time are independent. Those that keep it are worth those that do not overlap.
func TestSample_IndependentErrorsChangeTheirSign(t *testing.T) {
	t.Parallel()
	const n = 400
	rng, walk := rand.New(rand.NewPCG(6, 0)), 0.0
	white, slow, same := make(Sample, n), make(Sample, n), make(Sample, n)
	for i := range n {
		walk = 0.99*walk + rng.NormFloat64()
		white[i].Value, slow[i].Value, same[i].Value = rng.NormFloat64(), walk, 1
	}
	require.InDelta(t, n, white.independent(4), n/5)
	require.InDelta(t, 4, slow.independent(4), 1)
	require.InDelta(t, 4, same.independent(4), 0)
	require.InDelta(t, n, same.independent(2*n), n) // none overlap
	require.Zero(t, Sample{}.independent(0))
}

func TestOffsets_InterpolateBetweenKnots(t *testing.T) {
	t.Parallel()
	off := NewOffsets([]float64{0, 2, 4}, 1)
	first := off.Add(Sample{{-1, 1}, {1, 1}}, math.Inf(1), Exponent{})
	second := off.Add(Sample{{-3, 1}, {3, 1}}, math.Inf(1), Exponent{Recent: 1})
	off.Repeat()
	quiet, volatile := Scale{}, Scale{Recent: math.Log(2)}
	require.Equal(t, first.At(0.9), off.At(-1, 0.9, quiet))
	require.InDelta(t, (first.At(0.9)+second.At(0.9))/2, off.At(1, 0.9, quiet), 1e-6)
	require.InDelta(t, (first.At(0.9)+2*second.At(0.9))/2, off.At(1, 0.9, volatile), 1e-6)
	require.InDelta(t, 2*second.At(0.1), off.At(3, 0.1, volatile), 1e-6)
	require.InDelta(t, 2*second.At(0.1), off.At(9, 0.1, volatile), 1e-6)
	require.Zero(t, off.At(1, 0.5, volatile))
	require.Zero(t, (&Offsets{}).At(1, 0.9, quiet))
}

// The quantile rule of split conformal prediction, by hand: the error to come weighs as much as the heaviest one.
func TestSample_QuantilesAreConformal(t *testing.T) {
	t.Parallel()
	s := make(Sample, 99)
	for i := range s {
		s[i] = WeightedError{float64(i + 1), 1}
	}
	table := s.quantiles()
	require.Equal(t, 90.0, table.At(0.9), "of 100 errors, with the one to come, 90 are at most that")
	require.Equal(t, 9.0, table.At(0.1))
	require.Equal(t, 99.0, table.At(0.995), "beyond all of them")
	require.Equal(t, 1.0, table.At(0.005))
	s[98].Weight = 100
	table = s.quantiles()
	require.Greater(t, table.At(0.9), 98.0, "half of the weight is in the last one")
	require.Equal(t, QuantileTable{}, Sample(nil).quantiles())
	require.Equal(t, QuantileTable{}, Sample(nil).symmetric())
}

// Errors are divided by the power of their scale that they were made with, unless that gains less than MinImprovement.
func TestScaledErrors_NormalizeFindsTheExponent(t *testing.T) {
	t.Parallel()
	for _, want := range exponents {
		rng := rand.New(rand.NewPCG(6, 0))
		errors := make(ScaledErrors, 4000)
		for i := range errors {
			s := Scale{Recent: rng.NormFloat64(), Daily: rng.NormFloat64(), Level: rng.NormFloat64()}
			e := rng.ExpFloat64() * want.Factor(s)
			if rng.IntN(2) == 0 {
				e = -e
			}
			errors[i] = ScaledError{WeightedError: WeightedError{e, 1 + rng.Float64()}, Scale: s}
		}
		before := errors[0].Value
		require.Equal(t, want, errors.Normalize())
		require.InDelta(t, before, errors[0].Value*want.Factor(errors[0].Scale), 1e-9)
	}
	for size, want := range map[float64]Exponent{0.24: {}, 0.25: {Recent: 1}} {
		// Half of the errors are expected to be larger, and are. Dividing them gains ln cosh(size): 2.9 or 3.1 percent.
		errors := ScaledErrors{
			{WeightedError: WeightedError{math.Exp(2 * size), 1}, Scale: Scale{Recent: 2 * size}},
			{WeightedError: WeightedError{1, 1}},
		}
		require.Equal(t, want, errors.Normalize(), "size %v", size)
	}
}

func TestSample_SortsWhatSpreadsEvenlyAndWhatDoesNot(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 0))
	for name, value := range map[string]func(i int) float64{
		"normal":             func(int) float64 { return rng.NormFloat64() },
		"heavy tails":        func(int) float64 { return math.Exp(5 * rng.NormFloat64()) },
		"one far away":       func(i int) float64 { return rng.Float64() + 1e9*float64(i/50%2) },
		"few values":         func(int) float64 { return float64(rng.IntN(3)) },
		"all the same":       func(int) float64 { return -1 },
		"descending":         func(i int) float64 { return float64(-i) },
		"next to each other": func(i int) float64 { return math.Float64frombits(uint64(i * 7919 % 512)) },
		"huge":               func(i int) float64 { return math.MaxFloat64 * float64(i%3-1) },
		"infinite":           func(i int) float64 { return math.Inf(i%2*2 - 1) },
	} {
		for _, n := range []int{0, 1, 2, 3, 60, 400, longestSpread, longestSpread + 1} {
			s := make(Sample, n)
			for i := range s {
				s[i] = WeightedError{value(i), float64(i)}
			}
			want := slices.Clone(s)
			slices.SortFunc(want, func(a, b WeightedError) int { return cmp.Compare(a.Value, b.Value) })
			s.sort()
			for i := range s {
				require.Equal(t, want[i].Value, s[i].Value, "%s, %d", name, n)
			}
			byWeight := func(a, b WeightedError) int { return cmp.Compare(a.Weight, b.Weight) }
			slices.SortFunc(want, byWeight)
			slices.SortFunc(s, byWeight)
			require.Equal(t, want, s, "%s, %d", name, n)
		}
	}
	even := make(Sample, 100)
	for i := range even {
		even[i].Value = rng.NormFloat64()
	}
	require.True(t, even.spread())
	require.False(t, append(even, WeightedError{Value: 1e9}).spread())
	require.False(t, append(even, WeightedError{Value: math.NaN()}).spread())
}
