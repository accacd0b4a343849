// Package peergroup says which value is normal for a member of a group at a step: what the median of the members is at
// this very step, moved by the member's own offset from it.
package peergroup

import (
	"math"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/datarange"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/grid"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/standardize"
)

const (
	// offsetWindow is how far back the offset of a member looks. Its median follows a lasting change after half of it, 8
	// hours. Chosen, not tuned.
	offsetWindow = 16 * time.Hour
	// minMembers is how many members need a value at a step for the median to be that of a group. Guard: of two, nobody
	// can tell which one is odd.
	minMembers = 3
	// minOffsets is how many slots a member needs to count in the tolerance radius (guard).
	minOffsets = 3
	// minOwnOffsets is how many slots a new member needs to be measured from its own offset: two hours at 5 minutes.
	// Chosen, not tuned.
	minOwnOffsets = 24
)

var nan32 = float32(math.NaN())

// A Group is the baseline of members that do the same at the same time, step by step from the end of the window that
// it was fitted on. The value of a step is the group's median: the median of the values of all members, each less its
// own offset. All values are transformed (see transform) unless a comment says otherwise. It is not safe for
// concurrent use.
//
// For each step, call Next, then Add for each value, then Locate.
type Group struct {
	Grid    grid.Grid
	Learned grid.Span // the steps of the window that were learned from

	possible  datarange.Range
	now       int64 // ms, the next step
	transform transform
	tolerance float64 // how far from the median a new member may well be

	samples      []sample
	median       float64
	medianOffset float64 // of the members, from which offsets are counted
	scratch      []float64
}

// An Offset remembers how far a member was recently from the median of its group, by slot.
type Offset struct{ distances orderstat.RollingMedian }

// sample is the value of a member at a step.
type sample struct {
	x      float64
	offset float64 // NaN of a new member
	learn  bool
}

// NewOffset returns the Offset of a member that has just begun.
func (g *Group) NewOffset() Offset {
	return Offset{orderstat.NewRollingMedian(g.Grid.Slots(offsetWindow))}
}

// Next begins the next step, of which it returns the phase.
func (g *Group) Next() (phase int) {
	phase = g.Grid.Phase(g.now)
	g.now += g.Grid.Step()
	g.samples = g.samples[:0]
	return phase
}

// Add adds a value of the step, in the unit of the series, of the member whose offset is o. It reports false, and does
// nothing, if the value is missing or impossible. A value whose learn is false does not move the median, if there are
// enough others.
func (g *Group) Add(o *Offset, y float64, learn bool) bool {
	if !g.possible.Contains(y) {
		return false
	}
	g.samples = append(g.samples, o.sample(g.transform.forward(y), learn))
	return true
}

// Locate finds the median of the values added. It reports false if there are too few.
func (g *Group) Locate() bool {
	g.medianOffset = 0
	if m, n := g.medianOf(func(v sample) (float64, bool) { return v.offset, v.offset == v.offset }); n > 0 {
		g.medianOffset = m
	}
	// Members with an offset decide if there are enough; with fewer, those that may be learned from; else all.
	for _, counts := range []func(v sample) bool{
		func(v sample) bool { return v.learn && v.offset == v.offset },
		func(v sample) bool { return v.learn },
		func(sample) bool { return true },
	} {
		m, n := g.medianOf(func(v sample) (float64, bool) {
			x := v.x
			if v.offset == v.offset {
				x -= v.offset - g.medianOffset
			}
			return x, counts(v)
		})
		if n >= minMembers {
			g.median = m
			return true
		}
	}
	return false
}

// medianOf returns the median of what value returns for the samples that count, and how many do.
func (g *Group) medianOf(value func(sample) (x float64, counts bool)) (m float64, n int) {
	g.scratch = g.scratch[:0]
	for _, v := range g.samples {
		if x, counts := value(v); counts {
			g.scratch = append(g.scratch, x)
		}
	}
	if n = len(g.scratch); n == 0 {
		return 0, 0
	}
	slices.Sort(g.scratch)
	return (g.scratch[(n-1)/2] + g.scratch[n/2]) / 2, n
}

// Distance returns how far the i-th value added is from the median.
func (g *Group) Distance(i int) float32 { return float32(g.samples[i].x - g.median) }

// OffsetOf returns where a member is expected to be, from the median; NaN if nothing is known of it yet. A new member
// may have started in an abnormal state, so its offset is clamped to the tolerance.
func (g *Group) OffsetOf(o *Offset) float64 {
	offset, isNew := o.own()
	offset -= g.medianOffset
	if isNew {
		offset = min(max(offset, -g.tolerance), g.tolerance)
	}
	return offset
}

// Deviation returns how far from its offset a member is that is at a distance from the median. One without an offset
// gets the benefit of the doubt: of all offsets within the tolerance, the one that fits best.
func (g *Group) Deviation(distance, offset float32) float32 {
	if offset == offset {
		return distance - offset
	}
	tolerance := float32(g.tolerance)
	return distance - min(max(distance, -tolerance), tolerance)
}

// Expected returns the value that is expected of a member with this offset, and how far around it values are normal
// only because the offset is not known.
func (g *Group) Expected(offset float64) (value, width float64) {
	if offset == offset {
		return g.median + offset, 0
	}
	return g.median, g.tolerance
}

// Value returns a value in the unit of the series.
func (g *Group) Value(x float64) float64 { return g.transform.inverse(x) }

// Push takes the distance of the next slot; NaN: there is none to learn from.
func (o *Offset) Push(distance float32) { o.distances.Push(distance) }

// median returns where the member was of late. There has to be a slot.
func (o *Offset) median() float64 {
	low, high := o.distances.Middle()
	return (float64(low) + float64(high)) / 2
}

// own returns where the member usually is; NaN if nothing is known of it yet. It is new as long as it is known for less
// than half of the time that offsets look back.
func (o *Offset) own() (offset float64, isNew bool) {
	n := o.distances.Len()
	isNew = 2*n < o.distances.Size()
	if isNew && n < minOwnOffsets {
		return math.NaN(), true
	}
	return o.median(), isNew
}

// sample returns a value of the member. A new member has no say in what is usual.
func (o *Offset) sample(x float64, learn bool) sample {
	v := sample{x: x, learn: learn, offset: math.NaN()}
	if offset, isNew := o.own(); !isNew {
		v.offset = offset
	}
	return v
}

// transform makes the distances of members comparable at all levels of the group: values are divided by a scale or, if
// members are farther apart where the level is higher, their logarithm is taken.
type transform struct {
	log           bool
	center, scale float64
}

func (t transform) forward(y float64) float64 {
	if t.log {
		return math.Asinh(y / t.scale) // linear around 0
	}
	return min(max(y/t.scale-t.center/t.scale, -standardize.Max), standardize.Max)
}

func (t transform) inverse(x float64) float64 {
	if t.log {
		return t.scale * math.Sinh(min(max(x, -maxSinh), maxSinh))
	}
	return t.center + t.scale*x
}

// maxSinh keeps sinh finite (guard).
const maxSinh = 300
