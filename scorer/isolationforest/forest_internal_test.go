package isolationforest

import (
	"encoding/csv"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

// reference reads rows of so many values.
func reference(t *testing.T, path string, columns int) [][]float64 {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	r := csv.NewReader(file)
	r.Comment, r.FieldsPerRecord = '#', columns
	rows, err := r.ReadAll()
	require.NoError(t, err)
	require.NotEmpty(t, rows)
	values := make([][]float64, len(rows))
	for i, row := range rows {
		for _, text := range row {
			v, err := strconv.ParseFloat(text, 64)
			require.NoError(t, err)
			values[i] = append(values[i], v)
		}
	}
	return values
}

// The reference is scikit-learn's isolation forest (testdata/forest.py). Both have 2,000 trees, so that chance plays
// a small part.
func TestForest_AgreesWithScikitLearn(t *testing.T) {
	const width = 4
	rows := reference(t, "testdata/forest.csv", width+1)
	points := make([]Point, len(rows))
	for i, row := range rows {
		for k, v := range row[:width] {
			points[i][k] = float32(v)
		}
	}
	f := New(width)
	r := Random(1)
	f.Grow(points, 2000, 256, &r)
	var sum float64
	ours, theirs := make([]float64, len(rows)), make([]float64, len(rows))
	for i, row := range rows {
		ours[i], theirs[i] = float64(f.Score(&points[i], 0, len(f.roots))), row[width]
		require.InDelta(t, theirs[i], ours[i], 0.02, "point %d", i)
		sum += math.Abs(ours[i] - theirs[i])
	}
	require.Less(t, sum/float64(len(rows)), 0.004)
	slices.Sort(ours)
	slices.Sort(theirs)
	for _, q := range []float64{0.05, 0.25, 0.5, 0.75, 0.95, 1} {
		require.InDelta(t, orderstat.Quantile(theirs, q), orderstat.Quantile(ours, q), 0.01, "quantile %g", q)
	}
}

func benchmarkPoints() []Point {
	r := rand.New(rand.NewPCG(1, 2))
	points := make([]Point, 2016)
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
		f, r := New(4), Random(1)
		f.Grow(points, 100, 256, &r)
		b.ReportMetric(float64(8*len(f.nodes)), "B/forest")
	}
}

func BenchmarkForestScore(b *testing.B) {
	points := benchmarkPoints()
	f, r := New(4), Random(1)
	f.Grow(points, 100, 256, &r)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		f.Score(&points[i%len(points)], 0, len(f.roots))
		i++
	}
}
