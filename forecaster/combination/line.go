package combination

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/candidates"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/lines"
)

// lineThrough continues the straight line through the departures of r, to the degree to which there is one that goes
// beyond the departures that the series has come back from. perPart are steps of r; the trend is late by lag parts, and
// the newest part was ago parts ago.
func (h *hourly) lineThrough(r *run, perPart, lag, ago float64) (l lines.Extrapolation) {
	news := r.news(r.steady())
	if news == 0 {
		return l
	}
	s := lines.Fit(&r.trend, r.lead+r.steps, perPart, lag)
	slope := s.Slope
	h.recent.AdjustSlope(&s, ago)
	if s.RSquared > lines.BentRSquared {
		l = s.Extrapolate(perPart)
		// A line is a run from began on. One that has become flatter was a line until then.
		began := math.Copysign(r.limit()*r.unit, slope)
		grown := math.Copysign(max(math.Abs(slope), math.Abs(s.Slope)), slope) * (s.Lasted + lag)
		l.Share = s.Straight() * lines.FromUsual((grown+began)/s.Level)
		// It has not grown by more than it is away, though a median that passes the middle of a jump looks so.
		grown = math.Copysign(min(math.Abs(grown), math.Abs(r.newest)+math.Abs(began)), grown)
		l.Share *= h.ofValues(grown, s.Lasted+2*lag)
	}
	if jumped := h.recent.ExtrapolateFromJump(r.steps, r.sign, perPart, ago); jumped.Share > l.Share {
		l = jumped
	}
	l.Share *= news
	return l
}

// ofValues is how surely departures that have grown by so much did so because the values did, 0 to 1, and not because
// the usual moved away from them: in as many parts as the line has lasted, at least an hour and at most two.
func (h *hourly) ofValues(grown, lasted float64) float64 {
	if grown == 0 {
		return 0
	}
	n := len(h.parts)
	return lines.OfValues(1 + h.recent.UsualChange(min(max(int(lasted), n), 2*n))/grown)
}

// applyLine moves p, which is expected at t, along l.
func applyLine(l *lines.Extrapolation, t *candidates.Target, p *Prediction) {
	if l.Share == 0 {
		return
	}
	growth := l.Slope * min(float64(t.Steps), l.Steps)
	v := t.Usual() + l.Level
	if l.OfValues {
		v = l.Level
	}
	p.Median += l.Share * (v - p.Median)
	p.ExtremeBase += l.Share * (v - p.ExtremeBase)
	p.Growth = l.Share * growth
	p.Uncertainty += l.Share * (lines.Uncertainty*math.Abs(growth) - p.Uncertainty)
}
