package calibration_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/calibration"
)

func TestUsual_LeavesOneIncidentOut(t *testing.T) {
	for _, tc := range []struct {
		name      string
		values    []float32
		low, high float32
	}{
		{"one value", []float32{5}, 5, 5},
		{"all alike", []float32{5, 5, 5, 5}, 5, 5},
		{"an outage", []float32{5, 6, 4, 5, 0, 0, 5, 0, 5, 6, 5, 4, 6, 5}, 4, 6},
		{"two outages", []float32{5, 6, 0, 0, 5, 6, 5, 1, 1, 4, 6, 5}, 1, 6},
		{"at both ends", []float32{0, 0, 5, 6, 4, 5, 6, 9, 9}, 4, 6},
	} {
		t.Run(tc.name, func(t *testing.T) {
			low, high := calibration.Usual(tc.values, 2)
			require.Equal(t, []float32{tc.low, tc.high}, []float32{low, high})
		})
	}
}
