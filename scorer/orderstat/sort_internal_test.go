package orderstat

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestScratch_SortIsThatOfPackageSlices(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var scratch Scratch
	infinite := float32(math.Inf(1))
	for _, n := range []int{0, 1, 2, radixFrom - 1, radixFrom, radixFrom + 1, 5000} {
		values := make([]float32, n)
		for i := range values {
			switch r.IntN(4) {
			case 0:
				values[i] = float32(r.IntN(5) - 2)
			case 1:
				values[i] = math.Float32frombits(r.Uint32() &^ (1 << 30)) // any size up to 2
			case 2:
				values[i] = 100 * float32(r.NormFloat64())
			default:
				values[i] = []float32{infinite, -infinite, math.MaxFloat32, math.SmallestNonzeroFloat32}[r.IntN(4)]
			}
		}
		doubles := make([]float64, n)
		for i, x := range values {
			doubles[i] = float64(x) * []float64{1, 1 + 1e-12, 1e300}[r.IntN(3)]
		}
		want, want64 := slices.Clone(values), slices.Clone(doubles)
		slices.Sort(want)
		slices.Sort(want64)
		scratch.Sort(values)
		scratch.Sort64(doubles)
		require.Equal(t, want, values, n)
		require.Equal(t, want64, doubles, n)
	}
}

func BenchmarkSort(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	values, sorted := make([]float32, 2016), make([]float32, 2016)
	for i := range values {
		values[i] = float32(math.Abs(r.NormFloat64()))
	}
	for b.Loop() {
		copy(sorted, values)
		Sort(sorted)
	}
}
