package combination

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/candidates"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/lines"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rolling"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// A run follows how far a series is from what is usual for it, and for how long it has been away on one side.
type run struct {
	minutes float64 // of a step
	perDay  int     // steps

	hours   hours   // how large departures are by the time of day
	unit    float64 // of sizes: how large departures are at the time of the last value
	typical float64 // mean size of departures from the usual, over days
	rate    float64 // of it
	known   int     // departures that it was made from
	seen    int     // all departures

	firstDay bool // the last departure was from the mean of the first day

	sign  float64            // of the departure: +1 or -1; 0 if the series is not away
	steps int                // since it left
	back  int                // newest steps that were near the usual again
	last  [3]float64         // newest departures, in the direction of sign, newest first
	trend rolling.FadingLine // through the departures, from the last one before it on

	newest, before float64 // departures
	lead           int     // steps for which the trend begins before the run, near the usual

	peak, held   float64    // the largest departure of a step, and the largest that as many steps as last kept to
	peaks, helds [2]float64 // the same of runs that passed, by side
}

// newRun returns the run of a series at steps of so many minutes.
func newRun(w *window.Window, minutes float64) run {
	return run{
		minutes: minutes, perDay: int(float64(w.StepsPerDay) * w.Minutes / minutes),
		rate: window.Rate(minutes, typicalHalfLife), hours: newHours(minutes),
	}
}

// Where a step leaves a run.
const (
	near = iota // there is none
	leaves
	away
	turns   // leaves to the other side of the usual, without a step near it
	returns // it is near the usual again, which may not last
	ended
)

// measure divides the size of a departure by how large departures are at its time.
func (r *run) measure(d *candidates.Departure) {
	if r.firstDay && !d.FirstDay {
		r.known = r.perDay / 24 // departures are from another usual value now
	}
	r.firstDay = d.FirstDay
	r.before, r.newest = r.newest, d.Value-d.Usual
	if r.unit = 1; !d.FirstDay {
		r.unit = r.hours.relative(d.Hour)
		r.hours.learn(d.Hour, min(math.Abs(d.Size), r.limit()*r.unit))
	}
	d.Size /= r.unit
}

// follow takes in a departure that was measured, and tells where that leaves the run.
func (r *run) follow(d *candidates.Departure) int {
	limit, now, begins := r.limit(), away, leaves
	if r.sign*d.Size < -limit {
		r.end()
		begins = turns
	}
	if r.sign == 0 {
		if !(math.Abs(d.Size) > limit && r.seen >= r.perDay/4) {
			return near
		}
		now = begins
		r.sign, r.steps, r.back = math.Copysign(1, d.Size), 0, 0
		r.peak, r.held, r.last, r.trend = 0, 0, [3]float64{}, rolling.FadingLine{}
		if r.lead > 0 { // what grows did so from there on
			r.trend.Add(r.before)
		}
	}
	r.steps++
	r.trend.Fade(lines.Fade(r.steps, r.minutes))
	size := r.sign * d.Size
	if size < limit/2 {
		if r.back++; r.back < backSteps {
			return returns
		}
		r.end()
		return ended
	}
	r.back = 0
	copy(r.last[1:], r.last[:])
	r.last[0] = size
	r.peak, r.held = max(r.peak, size), max(r.held, r.steady())
	r.trend.Add(r.newest)
	return now
}

// end files the run, which has passed.
func (r *run) end() {
	k := r.side()
	r.peaks[k], r.helds[k] = max(r.peaks[k], r.peak), max(r.helds[k], r.held)
	r.sign = 0
}

// learnTypical takes in the size of a departure.
func (r *run) learnTypical(size float64) {
	r.known++
	r.seen++
	rate := r.rate
	if r.known < r.perDay {
		rate = max(rate, 1/float64(r.known))
	} else {
		size = min(size, r.limit())
	}
	r.typical += rate * (size - r.typical)
}

// isOut tells whether the last value is far from the usual.
func (r *run) isOut() bool { return r.sign != 0 && r.back == 0 }

// resolution of departures, in the unit of the window: that of single precision. Guard: what is constant has no noise,
// and whatever is more than this is away from it.
const resolution = 1.0 / (1 << 23)

// limit is how large a departure begins a run. What is within half of it is near the usual.
func (r *run) limit() float64 { return excursionSize * max(r.typical, resolution) }

// side is 0 above the usual, 1 below it.
func (r *run) side() int {
	if r.sign < 0 {
		return 1
	}
	return 0
}

// steady is what the last departures kept to.
func (r *run) steady() float64 { return min(r.last[0], r.last[1], r.last[2]) }

// news is how surely a departure that held is more than the series has come back from, 0 to 1.
func (r *run) news(held float64) float64 {
	past := r.helds[r.side()]
	if held <= past {
		return 0
	}
	return lines.Ramp(held, past, newsSize*past)
}

// surprise is how surely nothing as far as the last values has passed before, 0 to 1.
func (r *run) surprise() float64 {
	if r.last[0] > r.peaks[r.side()] {
		return 1
	}
	return r.news(r.steady())
}
