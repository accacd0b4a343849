package share_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/share"
)

func TestScale_Log(t *testing.T) {
	load, counts := []float64{90, 95, 99.5, 100, 100.5, 101, 300}, []float64{0, 2, 3, 4, 4 + 1e-9, 5, 7}
	for _, tc := range []struct {
		name     string
		values   []float64
		y, usual float64
		want     float64
	}{
		{"a half", counts, 3, 7, math.Log(8. / 4)},
		{"nothing of four", counts, 0, 4, math.Log(5. / 1)},
		{"below nothing", counts, -3, 4, math.Log(5. / 1)},
		{"more", counts, 5, 4, 0},
		{"as much", counts, 4, 4, 0},
		{"a hundredth", load, 1, 100, math.Log(101. / 2)},
		{"values below 0", []float64{-1, 4, 5, 6}, 0, 4, 0},
		{"mostly 0", []float64{0, 0, 0, 6}, 0, 4, 0},
		{"all alike", []float64{5, 5, 5, 5}, 0, 5, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := share.New(tc.values)
			log := s.Log(tc.y, tc.usual)
			require.InDelta(t, tc.want, log, 1e-6)
			if tc.want > 0 {
				require.InDelta(t, tc.usual-max(tc.y, 0), s.Below(log, tc.usual), 1e-4, "and back")
			}
		})
	}
}
