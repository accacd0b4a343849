package grid_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/grid"
)

func TestGrid_HasTheResolutionOfHistory(t *testing.T) {
	for _, step := range []time.Duration{
		10 * time.Second, 15 * time.Second, 20 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute,
		150 * time.Second, 3 * time.Minute, 5 * time.Minute, 10 * time.Minute, time.Hour,
	} {
		layout, err := history.NewLayout(step, 14*24*time.Hour, 0, history.Drop)
		require.NoError(t, err)
		require.Equal(t, layout.Coarse(), grid.New(step).Slot(), step)
	}
}
