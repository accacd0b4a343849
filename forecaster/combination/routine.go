package combination

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/candidates"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/recurring"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// A routine keeps what recurs by the clock within what it did on other days, some minutes earlier or later.
//
// A job that begins early is not usual for its minute, but it is nothing new. If it counted as a departure, the job
// would be expected a second time on top. And a series that rises in a straight line while the job runs does not
// continue to rise when the job is done.
type routine struct {
	profile *recurring.Profile // nil: nothing recurs
	now     int                // the step of the last value
	last    float64            // value
	beyond  float64            // by how much it is out of the range of what recurs; infinite if nothing does now
	perDay  float64            // steps
	fade    float64            // what is left of lift and drop after a step

	// By how much the series is above and below what it was on other days: beyond the range of what recurs, or else
	// beyond the usual.
	lift, drop float64
	ratio      float64 // of the last half day to the usual, at least 1
	zero       float64 // what 0 is
}

// routineHalfLife is for how many minutes a departure is remembered while something that recurs hides it. Chosen, not
// tuned.
const routineHalfLife = 120

func newRoutine(w *window.Window, profile *recurring.Profile) routine {
	return routine{
		profile: profile, now: -1, ratio: 1, beyond: math.Inf(1),
		perDay: float64(w.StepsPerDay), fade: math.Exp2(-w.Minutes / routineHalfLife),
	}
}

// advance takes in the last value. known tells whether there is a usual value to compare it with.
func (r *routine) advance(s *candidates.State, d *candidates.Departure, known bool) {
	r.now++
	if r.profile == nil {
		return
	}
	r.last = d.Value
	r.lift, r.drop, r.beyond = r.fade*r.lift, r.fade*r.drop, math.Inf(1)
	beyond := d.Value - d.Usual
	if other, ok := r.profile.RangeAt(r.now); ok {
		beyond = d.Value - min(max(d.Value, other.Low), other.High)
		r.beyond = beyond
	} else if !known {
		return
	}
	lasting, ratio := s.Lasting()
	r.lift, r.drop = max(r.lift, beyond, lasting), max(r.drop, -beyond, -lasting)
	r.zero, r.ratio = d.Zero, 1
	if d.HasZero {
		r.ratio = max(ratio, 1)
	}
}

// apply keeps p, which is expected at t, within what other days held at that time, moved by how far today is from them.
func (r *routine) apply(t *candidates.Target, p *Prediction) {
	if r.profile == nil {
		return
	}
	other, ok := r.profile.RangeAt(r.now + t.Steps)
	if !ok {
		return
	}
	// A series that changes from day to day, such as a countdown, leaves the range of the days before.
	drift := math.Abs(t.Drift()) * (1 + math.Ceil(float64(t.Steps)/r.perDay))
	high := max(other.High+r.lift+drift, r.zero+(other.High-r.zero)*r.ratio, r.last)
	low := min(other.Low-r.drop-drift, r.last)
	p.Median = min(max(p.Median, low), high)
	p.ExtremeBase = min(max(p.ExtremeBase, low), high)
}
