package scorer

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestForest compares with scikit-learn's isolation forest: testdata/forest.py. Both have 2,000 trees, so that chance has little say.
func TestForest(t *testing.T) {
	const width = 4
	rows := reference(t, "testdata/forest.csv", width+1)
	points := make([]features, len(rows))
	for i, row := range rows {
		for k, v := range row[:width] {
			points[i][k] = float32(v)
		}
	}
	f := forest{width: width}
	r := random(1)
	f.grow(points, 2000, 256, &r)
	var sum float64
	ours, theirs := make([]float64, len(rows)), make([]float64, len(rows))
	for i, row := range rows {
		ours[i], theirs[i] = float64(f.score(&points[i], 0, len(f.roots))), row[width]
		require.InDelta(t, theirs[i], ours[i], 0.02, "point %d", i)
		sum += math.Abs(ours[i] - theirs[i])
	}
	require.Less(t, sum/float64(len(rows)), 0.004)
	slices.Sort(ours)
	slices.Sort(theirs)
	for _, q := range []float64{0.05, 0.25, 0.5, 0.75, 0.95, 1} {
		require.InDelta(t, quantile(theirs, q), quantile(ours, q), 0.01, "quantile %g", q)
	}
}

func benchmarkPoints() []features {
	r := rand.New(rand.NewPCG(1, 2))
	points := make([]features, 2016)
	for i := range points {
		for k := range 4 {
			points[i][k] = float32(r.NormFloat64())
		}
	}
	return points
}

func BenchmarkForestGrow(b *testing.B) {
	points := benchmarkPoints()
	b.ReportAllocs()
	for b.Loop() {
		f, r := forest{width: 4}, random(1)
		f.grow(points, 100, 256, &r)
		b.ReportMetric(float64(8*len(f.nodes)), "B/forest")
	}
}

func BenchmarkForestScore(b *testing.B) {
	points := benchmarkPoints()
	f, r := forest{width: 4}, random(1)
	f.grow(points, 100, 256, &r)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		f.score(&points[i%len(points)], 0, len(f.roots))
		i++
	}
}
