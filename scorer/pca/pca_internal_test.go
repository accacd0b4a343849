package pca

import (
	"encoding/csv"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
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

// The reference is scikit-learn's PCA (testdata/pca.py).
func TestFit_AgreesWithScikitLearn(t *testing.T) {
	const width = 5
	rows := reference(t, "testdata/pca.csv", width+2)
	vectors := make([]Vector, len(rows))
	for i, row := range rows {
		for d, v := range row[:width] {
			vectors[i][d] = float32(v)
		}
	}
	m, err := Fit(vectors, width)
	require.NoError(t, err)
	require.Equal(t, 2, m.components)
	require.True(t, m.Reduces())
	for i, row := range rows {
		distance, spe := m.Statistics(&vectors[i])
		require.InDelta(t, row[width], distance, 1e-5)
		require.InDelta(t, row[width+1], spe, 1e-5)
	}
}

// Of two signals that vary together and one that varies alone, a breach between the two is shared by them.
func TestAddContributions_SharesABreachOfACorrelation(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	vectors := make([]Vector, 500)
	for i := range vectors {
		x := float32(r.NormFloat64())
		vectors[i] = Vector{x, x, float32(r.NormFloat64())}
	}
	m, err := Fit(vectors, 3)
	require.NoError(t, err)
	var parts [MaxInputs]float64
	m.AddContributions(&parts, &Vector{1, -1, 0}, 1)
	total := parts[0] + parts[1] + parts[2]
	require.InDelta(t, 0.5, parts[0]/total, 0.02)
	require.InDelta(t, 0.5, parts[1]/total, 0.02)
	require.InDelta(t, 0, parts[2]/total, 0.01)

	twice := parts
	m.AddContributions(&twice, &Vector{1, -1, 0}, 2)
	require.InEpsilon(t, 3*parts[0], twice[0], 1e-12)
}
