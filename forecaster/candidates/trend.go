package candidates

import (
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rolling"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// Lengths of the straight line through the newest cells of the day: minutes at fine steps, else steps. Chosen, not
// tuned.
const (
	valueTrend  = 60
	coarseTrend = 6
)

// newTrend returns that line; cell is the length of a cell in minutes.
func newTrend(w *window.Window, cell float64) rolling.Line {
	cells := coarseTrend
	if w.Fine() {
		cells = max(3, int(valueTrend/cell))
	}
	return rolling.NewLine(cells, cell/w.Minutes)
}
