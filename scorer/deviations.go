package scorer

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/calibration"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/isolationforest"
)

var nan32 = float32(math.NaN())

// The statistics of a deviation from what was expected.
const (
	size       = iota // of the deviation
	trend             // exponentially weighted mean of the deviations
	volatility        // exponentially weighted deviation of their changes
	pattern           // how isolated it is in a forest, with its recent past
)

// Half-lives in slots: a quarter of an hour or a little more at 5 minutes. That of the trend was chosen on the
// developing series (test/accuracy anomaly). That of volatility was 5, and was tuned to 4.5 on TestModel_IsCalibrated.
// For slots of an hour both are 2: with 3 and 4.5, an incident of an hour counted for most of a day. Volatility was
// tuned to it on the developing series, the trend on these and on incidents put into hourly series of M4.
const (
	trendHalfLife      = 3
	volatilityHalfLife = 4.5
	hourHalfLife       = 2
)

// gain returns the part that the newest slot has in an exponentially weighted mean, by the length of a slot (ms). The
// half-life is that of slots of 5 minutes; between these and an hour it is a power of the length.
func gain(halfLife float64, slot int64) float64 {
	const short, long = 5 * 60_000, 60 * 60_000
	share := math.Log(float64(min(max(slot, short), long))/short) / math.Log(long/short)
	return 1 - math.Exp2(-1/(halfLife*math.Pow(hourHalfLife/halfLife, share)))
}

// ewmaState is the state behind trend and volatility. At steps under 5 minutes every phase has one, so that each sees a
// series at 5 minutes: the older history is known at no finer resolution.
type ewmaState struct {
	mean   float64 // of the deviations
	change float64 // variance of their changes
	raw    float64 // variance of the changes of the values
	last   float32 // deviation of the slot before; NaN if unknown
	value  float32 // of the slot before; NaN if unknown
	before float32 // size of the deviation of the slot before, as it was; NaN if unknown
}

// next takes the value x of the next slot, for which b was expected. NaN keeps the state, but forgets the last values.
func (s *ewmaState) next(x, b, unit float32, within *bounds) {
	d := (x - b) / unit
	e := within.clip(d, s.before)
	s.before = max(d, -d)
	if e == e {
		s.mean += within.trendGain * (float64(e) - s.mean)
		if c := float64(e - s.last); c == c {
			s.change += within.volatilityGain * (c*c - s.change)
		}
		if c := float64(within.clipChange((x - s.value) / unit)); c == c {
			s.raw += within.volatilityGain * (c*c - s.raw)
		}
	}
	s.last, s.value = e, x
}

// corrupt is how many times larger than the largest ordinary deviation one must be to count as a corrupt value, if the
// one before it was ordinary. Chosen, not tuned: of normal noise it is 80 standard deviations.
const corrupt = 10

// bounds bound what a deviation does to trend and volatility. After one corrupt value, the state is as if that had been
// an ordinary large one. If only one side can be anomalous, deviations on the other side count as 0; otherwise the way
// back from there would be anomalous.
type bounds struct {
	ordinary                  float32
	low, high                 float32 // 0 or infinite: by side
	trendGain, volatilityGain float64
}

func newBounds(ordinary float32, side int, slot int64) bounds {
	infinite := float32(math.Inf(1))
	b := bounds{
		ordinary: ordinary, low: -infinite, high: infinite,
		trendGain: gain(trendHalfLife, slot), volatilityGain: gain(volatilityHalfLife, slot),
	}
	switch {
	case side > 0:
		b.low = 0
	case side < 0:
		b.high = 0
	}
	return b
}

// clip returns what counts of a deviation, where the one before it had the size before, NaN if that is unknown.
func (b *bounds) clip(e, before float32) float32 {
	limit := corrupt * b.ordinary
	if (e > limit || e < -limit) && !(before > b.ordinary) {
		limit = b.ordinary
	}
	return min(max(e, b.low, -limit), b.high, limit)
}

// clipChange returns what counts of the change of a value, which may be that of an edge of the season.
func (b *bounds) clipChange(c float32) float32 {
	limit := 2 * corrupt * b.ordinary
	return min(max(c, -limit), limit)
}

// measure returns the statistics after the deviation e, without the pattern. A series is volatile if both its
// deviations and its values are: an incident that the season remembers makes only the deviations jump.
func (s *ewmaState) measure(e float32) calibration.Statistics {
	return calibration.Statistics{
		size: float32(math.Abs(float64(e))), trend: float32(math.Abs(s.mean)),
		volatility: float32(math.Sqrt(min(s.change, s.raw))),
	}
}

// average returns what the phases see together.
func average(states []ewmaState) ewmaState {
	var s ewmaState
	n := float64(len(states))
	for i := range states {
		s.mean += states[i].mean / n
		s.change += states[i].change / n
		s.raw += states[i].raw / n
	}
	return s
}

// deviations follows the deviations of one series from its baseline.
type deviations struct {
	states []ewmaState                // by phase
	recent []*isolationforest.Rolling // by phase, for the forest; nil without one
	within bounds
}

func newDeviations(stride int, forest bool, within bounds) deviations {
	d := deviations{states: make([]ewmaState, stride), within: within}
	for i := range d.states {
		d.states[i].last, d.states[i].value = nan32, nan32
	}
	if forest {
		for range stride {
			d.recent = append(d.recent, isolationforest.NewRolling())
		}
	}
	return d
}

// next takes the value x of a phase, for which b was expected; a deviation of unit counts as 1.
func (d *deviations) next(phase int, x, b, unit float32) { d.states[phase].next(x, b, unit, &d.within) }

// replay takes the value x of the training window, for which b was expected, and returns its point for the forest.
func (d *deviations) replay(phase int, x, b, unit float32) (point isolationforest.Point) {
	d.next(phase, x, b, unit)
	switch {
	case d.recent == nil:
	case x != x:
		d.recent[phase].Add(x)
	default:
		point = d.recent[phase].Point(x)
	}
	return point
}

// measureIf returns the statistics of a phase after the deviation e; all 0 if it does not count. They are those of this
// phase alone: so every phase is as the first one was in the older history, from which the tails are. What one minute
// has seen the next does not forget all the same, see maxOverSlot.
func (d *deviations) measureIf(counts bool, phase int, e float32) (st calibration.Statistics) {
	if counts {
		st = d.states[phase].measure(e)
	}
	return st
}
