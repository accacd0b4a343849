// Package profile says what a season is at the steps to come: at its slots, and between these.
package profile

import (
	"github.com/anomaly-exporter/anomaly-exporter/scorer/composition"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/edge"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/grid"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

// A Profile is the season of the slots to come, a day or a week around.
type Profile struct {
	Values   []float32 // by slot from First on; NaN: not known; nil: there is no season
	First    int64
	StandIns []bool // slots of Values for which those around them stand in; nil: none

	slots    *grid.LocalSlots
	stride   float32
	composed *composition.Composition
	jump     float32 // in units, see jumpBetween
}

// New returns a profile without a season, from a slot on. The composition says how large a deviation counts as 1.
func New(slots *grid.LocalSlots, stride int, first int64, c *composition.Composition) Profile {
	return Profile{First: first, slots: slots, stride: float32(stride), composed: c}
}

// StandIn says that others stand in for a slot of Values.
func (p *Profile) StandIn(i int) {
	if p.StandIns == nil {
		p.StandIns = make([]bool, len(p.Values))
	}
	p.StandIns[i] = true
}

// FindEdges finds from which difference on there is an edge between neighbouring slots. Where noise grows with the
// expected value, a night has an edge that is no larger than what neighbours differ by at noon.
func (p *Profile) FindEdges(scratch *orderstat.Scratch) {
	differences := make([]float32, 0, len(p.Values))
	for i, v := range p.Values[1:] {
		if d := v - p.Values[i]; d == d {
			differences = append(differences, max(d, -d)/p.unit(v, p.Values[i]))
		}
	}
	scratch.Sort(differences)
	p.jump = edge.Jump(differences)
}

// jumpBetween returns from which difference on there is an edge between two slots.
func (p *Profile) jumpBetween(slots *edge.Slots) float32 {
	return p.jump * p.unit(slots.From, slots.To)
}

func (p *Profile) unit(from, to float32) float32 { return p.composed.Unit((from + to) / 2) }

// At returns the season at a slot, 0 if there is none.
func (p *Profile) At(slot int64) float32 {
	if len(p.Values) == 0 {
		return 0
	}
	return p.Values[p.Index(slot)]
}

// Index returns the place of a slot in the season, or in the day if there is none.
func (p *Profile) Index(slot int64) int64 {
	n := p.slots.PerDay
	if len(p.Values) > 0 {
		n = int64(len(p.Values))
	}
	i := (p.slots.Season(slot) - p.First) % n
	if i < 0 {
		i += n
	}
	return i
}

// Share returns the share of the way from a slot to the next at which a phase is.
func (p *Profile) Share(phase int) float32 { return float32(phase) / p.stride }

// Between returns the season at a phase between two slots: it lies on the line from one to the next. But at an edge of
// the season the value may change at any of the steps between, see package edge. There, x is the value less the level.
func (p *Profile) Between(slot int64, phase int, x float32) float32 {
	slots := p.Slots(slot)
	return p.between(&slots, phase, x)
}

// BetweenSlots is Between for other slots than those of the season, such as what was expected of a window.
func (p *Profile) BetweenSlots(slots *edge.Slots, phase int, x float32) float32 {
	slots.Jump = p.jumpBetween(slots)
	return p.between(slots, phase, x)
}

func (p *Profile) between(slots *edge.Slots, phase int, x float32) float32 {
	share := p.Share(phase)
	if slots.IsEdge() {
		return slots.Between(share, x)
	}
	return slots.Line(share)
}

// Slots returns the season of a slot and of the next, at an edge also of those beside them.
func (p *Profile) Slots(slot int64) edge.Slots {
	slots := edge.Slots{From: p.At(slot), To: p.At(slot + 1)}
	if p.StandIns != nil {
		slots.Prefer(p.StandIns[p.Index(slot)], p.StandIns[p.Index(slot+1)])
	}
	if slots.Jump = p.jumpBetween(&slots); slots.IsEdge() {
		slots.Before, slots.After = p.At(slot-1), p.At(slot+2)
	}
	return slots
}
