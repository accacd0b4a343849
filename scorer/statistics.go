package scorer

import "math"

// The statistics of a step, each with a tail of its own.
const (
	size       = iota // distance from the expected value
	trend             // exponentially weighted mean of the deviations
	volatility        // exponentially weighted deviation of their changes
	pattern           // how isolated the features are in the forest
	statistics
)

var featureNames = [statistics]string{"level", "trend", "volatility", "pattern"}

type stats [statistics]float32

const (
	trendHalfLife      = 3   // slots
	volatilityHalfLife = 4.5 // slots
)

var (
	trendGain      = 1 - math.Exp2(-1.0/trendHalfLife)
	volatilityGain = 1 - math.Exp2(-1.0/volatilityHalfLife)
)

// phase is the state behind trend and volatility. At steps under 5 minutes every position within the 5 minutes has one, so
// that each sees a 5-minute series: the older history is known at no finer resolution.
type phase struct {
	mean   float64 // of the deviations
	change float64 // variance of their changes
	raw    float64 // variance of the changes of the values
	last   float32 // deviation of the slot before; NaN if unknown
	value  float32 // of the slot before; NaN if unknown
	held   float32 // the combined statistic of its step; 0 if unknown, and
	parts  stats   // the strangeness of each
}

func newPhases(n int) []phase {
	p := make([]phase, n)
	for i := range p {
		p[i].last, p[i].value = nan32, nan32
	}
	return p
}

// next takes the value x of the next slot, of which b was expected; NaN keeps the state but for the changes.
func (p *phase) next(x, b float32) {
	e := x - b
	if e == e {
		p.mean += trendGain * (float64(e) - p.mean)
		if c := float64(e - p.last); c == c {
			p.change += volatilityGain * (c*c - p.change)
		}
		if c := float64(x - p.value); c == c {
			p.raw += volatilityGain * (c*c - p.raw)
		}
	}
	p.last, p.value, p.held = e, x, 0
}

// measure returns the statistics after the deviation e, but for the pattern, each of the phase where it is largest: what one minute has seen the next
// does not forget. A series is volatile if both its deviations and its values are: an incident that the season remembers makes only the deviations jump.
func measure(phases []phase, e float32) stats {
	var mean, variance float64
	for i := range phases {
		mean = max(mean, math.Abs(phases[i].mean))
		variance = max(variance, min(phases[i].change, phases[i].raw))
	}
	return stats{size: abs32(e), trend: float32(mean), volatility: float32(math.Sqrt(variance))}
}

// average is what the phases see together.
func average(phases []phase) phase {
	var p phase
	n := float64(len(phases))
	for i := range phases {
		p.mean += phases[i].mean / n
		p.change += phases[i].change / n
		p.raw += phases[i].raw / n
	}
	return p
}

func abs32(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }
