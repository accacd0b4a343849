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

// FirstDays returns what is usual on the first days off of a series, or on its first workdays, besides what is expected
// of the slots from first on, of a day at most. Days off may have less: what there ever was before them, and a part of
// what is expected at that time. Workdays may have more, if there ever was as much before. In the first week the level
// may be that of the days before, so they also may if the day before was of the other kind. zero is the value of 0.
// Nothing is known of a load that is the same all day.
func (v *Values) FirstDays(first int64, expected []float32, zero float32, firstWeek bool) map[int]envelope.Interval {
	expected = expected[:min(len(expected), v.PerDay)]
	sorted := slices.DeleteFunc(slices.Clone(expected), func(e float32) bool { return e != e })
	if orderstat.Sort(sorted); len(sorted) == 0 ||
		orderstat.Quantile(sorted, 0.1)-zero > shaped*(orderstat.Quantile(sorted, 0.9)-zero) {
		return nil
	}
	var days [2]int                 // workdays, days off: how many slots are known
	var before [2]envelope.Interval // the values before the newest days of that kind
	all := envelope.None()
	for i, x := range v.Values {
		if x == x {
			k := v.kind(v.First + int64(i))
			days[k]++
			all = all.Join(envelope.Interval{Low: x, High: x})
			before[1-k] = all
		}
	}
	usual := map[int]envelope.Interval{}
	for i, e := range expected {
		slot := first + int64(i)
		k := v.kind(slot)
		isFirst := days[k] < firstFew*v.PerDay || firstWeek && v.kind(slot-int64(v.PerDay)) != k
		switch {
		case e != e || !isFirst || days[1-k] < v.PerDay:
		case k == 0:
			usual[i] = envelope.Interval{Low: e, High: max(e, before[k].High)}
		default:
			usual[i] = envelope.Interval{Low: min(before[k].Low, zero+firstPart*(e-zero)), High: e}
		}
	}
	return usual
}

// kind returns 1 for a day off, else 0.
func (v *Values) kind(slot int64) int {
	if v.DayOff(slot) {
		return 1
	}
	return 0
}
