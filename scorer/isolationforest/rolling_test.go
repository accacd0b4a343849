package isolationforest_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/isolationforest"
)

// A value that is replaced leaves nothing behind, also if one is missing since.
func TestRolling_Replace(t *testing.T) {
	for name, since := range map[string][]float32{"": nil, "missing since": {float32(math.NaN())}} {
		t.Run(name, func(t *testing.T) {
			with, without := isolationforest.NewRolling(), isolationforest.NewRolling()
			for i := range 20 {
				with.Point(float32(i % 3))
				without.Point(float32(i % 3))
			}
			with.Point(1e9)
			without.Point(5)
			for _, x := range since {
				with.Add(x)
				without.Add(x)
			}
			with.Replace(5)
			got, want := with.Point(4), without.Point(4)
			const acceleration = 2 // begins anew
			got[acceleration], want[acceleration] = 0, 0
			require.Equal(t, want, got)
		})
	}
}
