package scorer

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/history"
)

// The statistics of single steps are taken from the part of the window that keeps every step.
func TestFineWindow_IsThatOfHistory(t *testing.T) {
	for _, step := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute} {
		layout, err := history.NewLayout(step, 14*24*time.Hour, 0, history.Drop)
		require.NoError(t, err)
		require.Equal(t, layout.Fine(), fineWindow.Milliseconds(), step)
	}
}
