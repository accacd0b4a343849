package season

import (
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/envelope"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

const (
	// firstPart is the part of what is expected that a first weekend may have. Chosen, not tuned.
	firstPart = 1.0 / 3
	// firstFew is how many days of a kind have to be known: a Saturday says little of a Sunday.
	firstFew = 2
	// shaped is the part of what is expected at noon that is expected at night, at most, where people make the load.
	// Chosen, not tuned: what is the same all day has no weekend.
	shaped = 3.0 / 4
)

// FirstDays are what is usual on the first days off of a series, or on its first workdays. Days off may have less: what
// there ever was before them, and a part of what is expected. Workdays may have more, if there ever was as much before.
// In the first week the level may be that of the days before: then this holds within two days of the other kind, too.
// Nothing is known of a load that is the same all day, or goes below 0. The zero value knows nothing.
type FirstDays struct {
	dayOff    func(slot int64) bool
	perDay    int
	zero      float32              // the value of 0
	firstWeek bool                 // nothing is older than a week
	slots     [2]int               // of workdays and of days off that are known
	before    [2]envelope.Interval // the values before the newest days of that kind
	learned   bool                 // what they make usual is learned, see LearnFirstDays
}

// NewFirstDays takes the values of the days and what is expected of the slots of a day. zero is the value of 0.
func NewFirstDays(v *Values, expected []float32, zero float32, firstWeek bool) FirstDays {
	day := slices.DeleteFunc(slices.Clone(expected), func(e float32) bool { return e != e })
	if orderstat.Sort(day); len(day) == 0 {
		return FirstDays{}
	}
	if night := orderstat.Quantile(day, 0.1) - zero; night < 0 || night > shaped*(orderstat.Quantile(day, 0.9)-zero) {
		return FirstDays{}
	}
	f := FirstDays{dayOff: v.DayOff, perDay: v.PerDay, zero: zero, firstWeek: firstWeek}
	all := envelope.None()
	for i, x := range v.Values {
		if x == x {
			k := f.kind(v.First + int64(i))
			f.slots[k]++
			all = all.Join(envelope.Interval{Low: x, High: x})
			f.before[1-k] = all
		}
	}
	return f
}

// Known tells whether anything is known.
func (f *FirstDays) Known() bool { return f.dayOff != nil }

// Widen returns the range of what is usual of a slot, from what is expected without that.
func (f *FirstDays) Widen(slot int64, low, high float32) (wideLow, wideHigh float32) {
	if !f.Known() {
		return low, high
	}
	k := f.kind(slot)
	yesterday, dayBefore := f.kind(slot-int64(f.perDay)), f.kind(slot-int64(2*f.perDay))
	isFirst := f.slots[k] < firstFew*f.perDay || f.firstWeek && (yesterday != k || dayBefore != k)
	switch {
	case !isFirst || f.slots[1-k] < f.perDay:
		return low, high
	case k == 0:
		return low, max(high, f.before[k].High)
	default:
		return min(low, f.before[k].Low, f.zero+firstPart*(low-f.zero)), high
	}
}

// nearest returns what is expected of the value x of a slot.
func (f *FirstDays) nearest(slot int64, x, expected float32) float32 {
	low, high := f.Widen(slot, expected, expected)
	return envelope.Interval{Low: low, High: high}.Nearest(expected, x)
}

// kind returns 1 for a day off, else 0.
func (f *FirstDays) kind(slot int64) int {
	if f.dayOff(slot) {
		return 1
	}
	return 0
}
