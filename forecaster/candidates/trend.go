package candidates

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rolling"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// A trend is the straight line through the newest cells of the day, and through their departures from the usual day.
type trend struct {
	values  rolling.Line // through the cells
	excess  rolling.Line // through the departures
	typical float64      // exponential mean of the size of departures, over days
	rate    float64      // of it; 0 at coarse steps, where a few values make no trend

	cellSteps float64 // steps of a cell
	cells     int     // points of excess

	breakout float64 // how surely this is a steady trend that the series has not known, 0 to 1
	slope    float64 // of excess, per step
}

// Lengths of the lines: minutes at fine steps, else steps. Chosen, not tuned.
const (
	valueTrend  = 60
	excessTrend = 120
	coarseTrend = 6
)

func newTrend(w *window.Window, cell float64) trend {
	values, excess := coarseTrend, coarseTrend
	if w.Fine() {
		values, excess = max(3, int(valueTrend/cell)), max(3, int(excessTrend/cell))
	}
	t := trend{
		values:    rolling.NewLine(values, cell/w.Minutes),
		excess:    rolling.NewLine(excess, cell/w.Minutes),
		cellSteps: cell / w.Minutes, cells: excess,
	}
	if w.Fine() {
		t.rate = -math.Expm1(-math.Ln2 * cell / typicalHalfLife)
	}
	return t
}

// A trend that no candidate has learned, such as a leak that began hours ago, is told by how straight it is, and by a
// size that departures from the usual day do not have in this series. Between the two limits of each sign the trend is
// followed in part. Chosen so that a leak of hours is followed and a usual day is not (TestFit_CarriesALeakOn), not
// tuned.
const (
	typicalHalfLife  = 2 * 24 * 60 // minutes
	bentShare        = 0.8         // of the variance explained by a line: no trend
	straightShare    = 0.92        // a trend
	usualSize        = 2           // rise over the line in typical departures: no trend
	unusualSize      = 4           // a trend
	trendHours       = 48          // in which it fades
	trendUncertainty = 0.4         // of the growth foreseen is added to the uncertainty
)

// add takes a closed cell, and its departure from the usual day.
func (t *trend) add(cell, departure float64) {
	t.values.Add(cell)
	t.excess.Add(departure)
	slope, explained := t.excess.Slope()
	t.breakout = 0
	if explained > bentShare && t.typical > 0 {
		rise := math.Abs(slope) * t.cellSteps * float64(t.cells) / t.typical
		t.breakout = breakoutShare(explained, rise)
	}
	t.slope = slope
	t.typical += t.rate * (math.Abs(departure) - t.typical)
}

// breakoutShare is how surely a line is a breakout, 0 to 1. explained is the share of the variance that it explains,
// over bentShare; rise is how far it rises, in typical departures.
func breakoutShare(explained, rise float64) float64 {
	straight := (explained - bentShare) / (straightShare - bentShare)
	return min(straight, 1) * min(max((rise-usualSize)/(unusualSize-usualSize), 0), 1)
}

// A Breakout is a straight line that the series has taken to, and that no candidate knows.
type Breakout struct {
	Share       float64 // of the way from the forecast of the candidates to Value, 0 to 1; 0: there is none
	Value       float64 // what the line will have come to
	Uncertainty float64 // of Value: what it adds to the distance of the quantile p from the centre, times 2p-1
}

// ExtrapolateTrend carries the line on to t.
func (s *State) ExtrapolateTrend(t *Target) Breakout {
	if !(s.trend.breakout > 0) || math.IsNaN(s.day.robust) {
		return Breakout{}
	}
	hours := float64(t.Steps) * 24 / s.perDay
	growth := s.trend.slope * trendHours * -math.Expm1(-hours/trendHours) * s.perDay / 24
	return Breakout{
		Share:       s.trend.breakout,
		Value:       s.levels[0] + t.usual - s.day.robust + growth,
		Uncertainty: s.trend.breakout * trendUncertainty * math.Abs(growth),
	}
}
