// Package ewma follows deviations from what was expected: their exponentially weighted mean, and how much they change.
package ewma

import (
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

var nan32 = float32(math.NaN())

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

// TrendGain returns the part that the newest slot, of that length (ms), has in the trend.
func TrendGain(slot int64) float64 { return gain(trendHalfLife, slot) }

// A State follows one series of deviations.
type State struct {
	mean   float64 // of the deviations
	change float64 // variance of their changes
	raw    float64 // variance of the changes of the values
	last   float32 // deviation of the slot before; NaN if unknown
	value  float32 // of the slot before; NaN if unknown
	before float32 // size of the deviation of the slot before, as it was; NaN if unknown
}

// next takes the value x of the next slot, for which b was expected. NaN keeps the state, but forgets the last values.
func (s *State) next(x, b, unit float32, within *Bounds) {
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

// forget forgets the last values.
func (s *State) forget() { s.last, s.value = nan32, nan32 }

// Trend returns the size of the mean deviation.
func (s *State) Trend() float32 { return float32(math.Abs(s.mean)) }

// Volatility returns how much deviations change. A series is volatile if both its deviations and its values are: an
// incident that the season remembers makes only the deviations jump.
func (s *State) Volatility() float32 { return float32(math.Sqrt(min(s.change, s.raw))) }

const (
	// ordinaryShare is the share of deviations that are ordinary, and ordinaryFactor how many times larger one may be: of
	// normal noise it is 8 standard deviations. Chosen after smaller bounds on what a deviation does had cost recall on
	// the developing series (test/accuracy anomaly).
	ordinaryShare, ordinaryFactor = 0.99, 3
	// corrupt is how many times larger than the largest ordinary deviation one must be to count as a corrupt value, if
	// the one before it was ordinary. Chosen, not tuned: of normal noise it is 80 standard deviations.
	corrupt = 10
	// fewCorrupt is how many values of a window may be corrupt, and at most one in fewPart. Chosen, not tuned: as many as
	// a tail leaves aside incidents. At steps of an hour, six are more than 1 % of two weeks.
	fewCorrupt, fewPart = 6, 10
)

// Ordinary returns the largest ordinary one of deviations, which are given in order of size; +Inf if all are 0.
func Ordinary(all []float32) float32 {
	zeros, _ := slices.BinarySearch(all, math.SmallestNonzeroFloat32)
	if zeros == len(all) {
		return float32(math.Inf(1))
	}
	most := min(orderstat.Quantile(all, ordinaryShare), largestNotCorrupt(all))
	return ordinaryFactor * max(most, orderstat.Quantile(all[zeros:], 0.5))
}

// largestNotCorrupt returns the largest one of deviations that is not that of a corrupt value, as seen from those that
// remain when the few largest are left aside.
func largestNotCorrupt(all []float32) float32 {
	n := len(all)
	i := n - 1
	if usual := all[n-1-min(fewCorrupt, n/fewPart)]; usual > 0 {
		for all[i] > corrupt*ordinaryFactor*usual {
			i--
		}
	}
	return all[i]
}

// Bounds bound what a deviation does to trend and volatility. After one corrupt value, the state is as if that had been
// an ordinary large one. If only one side can be anomalous, deviations on the other side count as 0; otherwise the way
// back from there would be anomalous.
type Bounds struct {
	ordinary                  float32
	far                       float32 // beyond which a deviation may be that of a blip
	low, high                 float32 // 0 or infinite: by side
	trendGain, volatilityGain float64
	// OnlyCorrupt tells whether slots are so long that only a corrupt value is a blip.
	OnlyCorrupt bool
}

// NewBounds returns the bounds of deviations the largest ordinary one of which is given, of slots of that length (ms).
// The side that matters is 1 above what was expected, -1 below it, 0 both.
func NewBounds(ordinary float32, side int, slot int64) Bounds {
	infinite := float32(math.Inf(1))
	b := Bounds{
		ordinary: ordinary, far: ordinary, low: -infinite, high: infinite,
		trendGain: TrendGain(slot), volatilityGain: gain(volatilityHalfLife, slot),
		OnlyCorrupt: slot > longest.Milliseconds(),
	}
	if b.OnlyCorrupt {
		b.far *= corrupt
	}
	switch {
	case side > 0:
		b.low = 0
	case side < 0:
		b.high = 0
	}
	return b
}

// Blip tells whether a deviation is larger than ordinary ones, and so large that it may be that of a blip.
func (b *Bounds) Blip(d float32) (isLarge, isFar bool) {
	return b.isLarge(b.side(d)), b.isFar(b.side(d))
}

// isLarge tells whether a deviation is larger than ordinary ones.
func (b *Bounds) isLarge(d float32) bool { return d > b.ordinary || d < -b.ordinary }

// isFar tells whether a deviation is so large that it may be that of a blip.
func (b *Bounds) isFar(d float32) bool { return d > b.far || d < -b.far }

// isBack tells whether a series that was far from what was expected is back there.
func (b *Bounds) isBack(d float32) bool { return d <= back*b.ordinary && d >= -back*b.ordinary }

// side returns what counts of a deviation by its side.
func (b *Bounds) side(d float32) float32 { return min(max(d, b.low), b.high) }

// clip returns what counts of a deviation, where the one before it had the size before, NaN if that is unknown.
func (b *Bounds) clip(e, before float32) float32 {
	limit := corrupt * b.ordinary
	if (e > limit || e < -limit) && !(before > b.ordinary) {
		limit = b.ordinary
	}
	return min(max(b.side(e), -limit), limit)
}

// clipChange returns what counts of the change of a value, which may be that of an edge of the season.
func (b *Bounds) clipChange(c float32) float32 {
	limit := 2 * corrupt * b.ordinary
	return min(max(c, -limit), limit)
}
