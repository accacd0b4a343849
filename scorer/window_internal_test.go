package scorer

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWindow compares with a sort of the last values.
func TestWindow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	w := newWindow(9)
	var all []float32
	for range 2000 {
		v := float32(r.IntN(12))
		if r.IntN(5) == 0 {
			v = nan32
		}
		w.push(v)
		all = append(all, v)
		want := slices.DeleteFunc(slices.Clone(all[max(0, len(all)-9):]), func(v float32) bool { return v != v })
		slices.Sort(want)
		require.Equal(t, want, append([]float32{}, w.sorted...))
	}
}
