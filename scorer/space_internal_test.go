package scorer

import (
	"encoding/csv"
	"math"
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

// TestSpace compares with scikit-learn's PCA: testdata/space.py.
func TestSpace(t *testing.T) {
	s := space{width: 5}
	rows := reference(t, "testdata/space.csv", s.width+2)
	vectors := make([]features, len(rows))
	want := make([][2]float64, len(rows))
	for i, row := range rows {
		for d, v := range row[:s.width] {
			vectors[i][d] = float32(v)
		}
		want[i] = [2]float64(row[s.width:])
	}
	require.NoError(t, s.relate(vectors))
	require.Equal(t, 2, s.kept)
	for i := range vectors {
		all, beyond := s.away(&vectors[i])
		require.InDelta(t, want[i][0], all, 1e-5)
		require.InDelta(t, want[i][1], beyond, 1e-5)
	}
}

// TestDeviate compares with scipy.stats.norm.isf.
func TestDeviate(t *testing.T) {
	for p, want := range map[float64]float64{0.9: 0, 0.5: 0, 0.3: 0.524401, 0.1: 1.281552, 0.01: 2.326348, 1e-4: 3.719016, 1e-10: 6.361341, 1e-100: 21.273453} {
		require.InDelta(t, want, deviate(-math.Log(p)), 4.5e-4)
	}
}

// Of two inputs that go together and one that stands alone, a breach between the two is shared by them.
func TestSurprises(t *testing.T) {
	r := random(1)
	vectors := make([]features, 500)
	for i := range vectors {
		x := r.share()
		vectors[i] = features{x, 5 * x, r.share()}
	}
	s, err := newSpace(vectors, 3, 2)
	require.NoError(t, err)
	v := features{0.8, 5 * 0.2, 0.5}
	s.scale(&v)
	var parts [MaxInputs]float64
	s.surprises(&v, 1, &parts)
	total := parts[0] + parts[1] + parts[2]
	require.InDelta(t, 0.5, parts[0]/total, 0.02)
	require.InDelta(t, 0.5, parts[1]/total, 0.02)
	require.InDelta(t, 0, parts[2]/total, 0.01)
}

func TestSpaceOfValuesThatAreMostlyAlike(t *testing.T) {
	r := random(1)
	vectors := make([]features, 500)
	for i := range vectors {
		vectors[i] = features{r.share(), 3, 0}
		if i%50 == 0 {
			vectors[i][2] = 1
		}
	}
	s, err := newSpace(vectors, 3, 2)
	require.NoError(t, err)
	for _, tc := range []struct {
		v            features
		least, about float64
	}{
		{features{0.5, 3, 0}, 0, 0.2},
		{features{0.5, 3.001, 0}, 2.5, 3.5},
		{features{0.5, 2, 0}, 2.5, 3.5},
		{features{0.5, 3, 1}, 1.8, 2.6},
	} {
		s.scale(&tc.v)
		all, _ := s.away(&tc.v)
		require.GreaterOrEqual(t, all, tc.least, tc.v)
		require.LessOrEqual(t, all, tc.about, tc.v)
	}
}
