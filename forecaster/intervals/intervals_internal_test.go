package intervals

import (
	"math/rand/v2"
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
