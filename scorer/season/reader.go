package season

import "github.com/anomaly-exporter/anomaly-exporter/scorer/grid"

// A Value is what a season expects at a slot.
type Value struct {
	Value   float32 // NaN: not known, or it says nothing of how far values stray
	Days    uint8   // the period that it comes from
	Periods uint8   // of how many it is the median; 0: others stand in for it
	Holiday bool    // the level does not learn from the slot
}

// A Reader returns what a season expects in a window, each by the values before it.
type Reader struct {
	Season
	Values *Values
	Slots  *grid.LocalSlots
}

// At returns what the season expects at a slot of local time.
func (r *Reader) At(now int64) Value {
	slot := now
	if r.Days == 7 {
		slot = r.Slots.Season(slot)
	}
	v, days, periods := r.Values.Expected(r.Season, slot)
	if days == 0 {
		periods = 0
	}
	return Value{v, uint8(days), uint8(periods), r.Slots.IsHoliday(now)}
}
