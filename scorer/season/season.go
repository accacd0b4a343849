// Package season says which value a season makes normal at a slot, by the values of earlier days or weeks.
package season

import (
	"math"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

var nan32 = float32(math.NaN())

// A Season expects a value from those at the same time of earlier days or weeks.
type Season struct {
	Days    int  // the period; 0: no season
	Periods int  // how many periods back
	Min     int  // how many of these must be known
	Alone   bool // days do not stand in for weeks before the first value
	ByKind  bool // by days of the same kind, workdays or days off
}

// Candidates are the seasons that a series can have, from the plainest on. The periods are chosen, not tuned: the
// median of up to seven days passes over three odd ones. A week is tried twice, as last week alone and as the median of
// a month, which follows more slowly.
var Candidates = [...]Season{{}, daily(), {Days: 7, Periods: 1, Min: 1}, {Days: 7, Periods: 4, Min: 2}}

// ByKind returns the season by days of the same kind.
func ByKind() Season { return Season{Days: 7, ByKind: true} }

func daily() Season { return Season{Days: 1, Periods: 7, Min: 2} }

// WeeklyOnlyAfter is how long a series has to be known until a weekly season speaks for itself. Before that, slots of
// the first week are expected by days of the same kind, so that the tails know more than the last few days. Chosen,
// not tuned: a little less than two weeks, so that a window of two weeks qualifies though its first hours are empty.
const WeeklyOnlyAfter = 320 * time.Hour

// IsShownIn tells whether a series that has been known for so long (ms) shows the season, other than on holidays.
func (s Season) IsShownIn(knownFor int64) bool {
	const day, clockChange = 24 * time.Hour, time.Hour
	least := float64(s.Days) + minOwnDays
	if s.ByKind {
		least = WeeklyOnlyAfter.Hours() / 24
	}
	return s.Days == 0 || float64(knownFor) >= least*float64(day.Milliseconds())-float64(clockChange.Milliseconds())
}

// kindWithin is how many days back a day of the same kind may be. Chosen, not tuned: a week has only two days off, and
// the median of seven of them passes over an incident of a weekend.
const kindWithin = 28

// medianVariance is the variance of the median of n values in units of theirs, for a normal distribution (David and
// Nagaraja, "Order Statistics", 3rd edition, 2003).
var medianVariance = [...]float64{1: 1, 2: 0.5, 3: 0.4487, 4: 0.2982, 5: 0.2868, 6: 0.2147, 7: 0.2104}

// SampleSizeFactors returns by n how much smaller deviations are from a season of so many periods than from one of n.
func SampleSizeFactors(periods int) (factors [len(medianVariance)]float32) {
	for n := range factors {
		factors[n] = 1
		if n > 0 && periods > 0 {
			factors[n] = float32(math.Sqrt((1 + medianVariance[periods]) / (1 + medianVariance[n])))
		}
	}
	return factors
}

// Values are those of a window by slot of local time. NaN is no value.
type Values struct {
	First  int64 // slot of Values[0]
	Values []float32
	PerDay int
	Odd    float32 // how far from what was expected a value has to be to be odd, in the unit of deviations
	// DayOff tells whether a slot is on a day off; nil: none is. In a week, days off and workdays do not stand in for each
	// other.
	DayOff func(slot int64) bool

	firstKnown int       // index of the first value; negative: not known yet
	nearby     int64     // slots that stand in for one that is not known
	reach      int       // slots by which what happens again may be earlier or later
	off        []uint8   // by slot: whether it is on a day off, 1: no, 2: yes; 0: not asked for yet
	changed    []bool    // times of day at which something else may be expected since a value was odd; nil: none is
	moved      bool      // as the level moved, with it what is expected of all
	odd        []float32 // what was expected in place of values that are odd; NaN for the others; nil: none is
	scratch    [21]float32
}

// New returns room for the values of n slots. Where one is not known, those that are up to nearby slots earlier or
// later stand in for it. What happens again may do so up to reach slots earlier or later.
func New(first int64, n, perDay, nearby, reach int) *Values {
	return &Values{
		First: first, Values: slices.Repeat([]float32{nan32}, n), PerDay: perDay, firstKnown: -1, nearby: int64(nearby),
		reach: reach,
	}
}

// Clone returns a copy in which no value is odd.
func (v *Values) Clone() *Values {
	c := *v
	c.Values, c.odd, c.changed, c.moved = slices.Clone(v.Values), nil, nil, false
	return &c
}

// Changed tells whether something else may be expected of a slot than by the values as they were at first.
func (v *Values) Changed(slot int64) bool {
	return v.moved || v.changed != nil && v.changed[(slot-v.First)%int64(v.PerDay)]
}

// Move moves the values from one slot to before another with the level. What has come since is at the new level, and is
// odd no longer unless it is odd there too.
func (v *Values) Move(from, to int64, moved func(x float32) float32, isOdd func(x, expected float32) bool) {
	v.moved = true
	first, n := from-v.First, to-v.First
	for i, x := range v.Values[first:n] {
		v.Values[first+int64(i)] = moved(x)
	}
	for i, x := range v.odd {
		if int64(i) < first {
			continue
		}
		v.odd[i] = moved(x)
		if int64(i) >= n && !isOdd(v.Values[i], v.odd[i]) {
			v.odd[i] = nan32
		}
	}
}

// MarkOdd marks the value of a slot as one that the season did not expect. What has happened once does not make a
// season: the expected value replaces it. Otherwise last week's incident would be expected this week, and normal values
// would be anomalies. If the value of the period before was odd in the same way, both count. A value that the period
// before also had, a little earlier or later, is not odd. But what has gone on since a slot has not come again.
func (v *Values) MarkOdd(slot int64, s Season, expected float32, since int64) {
	if v.odd == nil {
		v.odd = slices.Repeat([]float32{nan32}, len(v.Values))
		v.changed = make([]bool, v.PerDay)
	}
	i := int(slot - v.First)
	near := v.reach + int(v.nearby) // up to which others stand in for those that are odd no longer
	for j := i - near; j <= i+near; j++ {
		v.changed[(j+near*v.PerDay)%v.PerDay] = true
	}
	x := v.Values[i]
	before := i - s.Days*v.PerDay
	again := false
	for j := max(before-v.reach, 0); j <= before+v.reach && before < int(since-v.First); j++ {
		switch {
		case v.odd[j] != v.odd[j]:
			again = again || math.Abs(float64(v.Values[j]-x)) < math.Abs(float64(x-expected))/2
		case (v.Values[j] > v.odd[j]) == (x > expected):
			v.odd[j], again = nan32, true
		}
	}
	if !again {
		v.odd[i] = expected
	}
}

// Accept makes the values from one slot to before another count, also those that were odd.
func (v *Values) Accept(from, to int64) {
	for i := from; v.odd != nil && i < to; i++ {
		v.odd[i-v.First] = nan32
	}
}

// at returns the value that a slot counts for.
func (v *Values) at(slot int64) float32 {
	i := slot - v.First
	switch {
	case i < 0 || i >= int64(len(v.Values)):
		return nan32
	case v.odd != nil && v.odd[i] == v.odd[i]:
		return v.odd[i]
	}
	return v.Values[i]
}

// Expected returns the median of the values at the same time of earlier periods, and how many of these are known. If
// too few weeks are known, those before them are used too, or days of the same kind instead, and if too few of these,
// what is known around this time of day. If nothing is known, the value is NaN. Without a season it is 0, the centre of
// all values. days is the period that the value comes from: 0 (none, or around this time of day), 1 or 7.
func (v *Values) Expected(s Season, slot int64) (value float32, days, known int) {
	if s.Days == 0 {
		return 0, 0, 0
	}
	if s.ByKind {
		return v.days(slot, kindWithin)
	}
	values := v.scratch[:0]
	period := int64(s.Days * v.PerDay)
	for k := int64(1); k <= int64(s.Periods) || s.Days == 7 && len(values) < s.Min && slot-k*period >= v.First; k++ {
		if x := v.at(slot - k*period); x == x {
			values = append(values, x)
		}
	}
	switch {
	case len(values) >= s.Min:
		return orderstat.Median(values), s.Days, len(values)
	case s.Alone && slot-int64(s.Min)*period < v.since():
		return nan32, 0, 0
	case s.Days == 7:
		return v.days(slot, 7)
	}
	value, known = v.around(slot, false)
	return value, 0, known
}

// since returns the slot of the first value.
func (v *Values) since() int64 {
	if v.firstKnown < 0 {
		v.firstKnown = slices.IndexFunc(v.Values, func(x float32) bool { return x == x })
	}
	return v.First + int64(v.firstKnown)
}

// days returns what the last days of the same kind make expected, as Expected does, of so many days back.
func (v *Values) days(slot, within int64) (value float32, days, known int) {
	values, off := v.scratch[:0], v.isDayOff(slot)
	for k := int64(1); k <= within && len(values) < daily().Periods; k++ {
		earlier := slot - k*int64(v.PerDay)
		if x := v.at(earlier); x == x && v.isDayOff(earlier) == off {
			values = append(values, x)
		}
	}
	if n := len(values); n >= daily().Min || n > 0 && off { // a week has only two of them
		return orderstat.Median(values), 1, n
	}
	value, known = v.around(slot, true)
	return value, 0, known
}

// isDayOff tells whether a slot is on a day off. It asks once for each.
func (v *Values) isDayOff(slot int64) bool {
	i := slot - v.First
	switch {
	case v.DayOff == nil:
		return false
	case i < 0 || i >= int64(len(v.Values)):
		return v.DayOff(slot)
	case v.off == nil:
		v.off = make([]uint8, len(v.Values))
	}
	if v.off[i] == 0 {
		v.off[i] = 1
		if v.DayOff(slot) {
			v.off[i] = 2
		}
	}
	return v.off[i] == 2
}

// OtherDays returns the values at the same time of the six days before a slot, from the last one on. For a workday,
// days off do not count.
func (v *Values) OtherDays(slot int64) []float32 {
	values, workday := v.scratch[:0], !v.isDayOff(slot)
	for k := int64(1); k < 7; k++ {
		earlier := slot - k*int64(v.PerDay)
		if x := v.at(earlier); x == x && !(workday && v.isDayOff(earlier)) {
			values = append(values, x)
		}
	}
	return values
}

// MedianIfOdd returns the median of the days since last week at the time of a slot, if last week's value is odd by each
// of them; else NaN. It is for slots where a season knows last week's value only.
func (v *Values) MedianIfOdd(slot int64, lastWeek float32, isOdd func(x, expected float32) bool) float32 {
	others := v.OtherDays(slot)
	for _, x := range others {
		if !isOdd(lastWeek, x) {
			return nan32
		}
	}
	if len(others) < daily().Min {
		return nan32
	}
	return orderstat.Median(others)
}

// ReplaceRuns puts others (NaN: none) into a profile, where there are some for at most so many slots in a row: an
// incident of last week is replaced, but a day that is unlike all others may be one of each week. It returns the values
// that were replaced, by their slot; nil if there are none.
func ReplaceRuns(profile, others []float32, most int) (replaced map[int]float32) {
	run := 0
	for i := range len(profile) + 1 {
		if i < len(profile) && others[i] == others[i] {
			run++
			continue
		}
		for k := i - run; k < i && run <= most; k++ {
			if replaced == nil {
				replaced = map[int]float32{}
			}
			replaced[k], profile[k] = profile[k], others[k]
		}
		run = 0
	}
	return replaced
}

// Jumped tells whether the values jumped around a slot, or those of the period before did, of so many days: by what
// other days do at this time. n values are compared before and after the jump. levelOf returns the level of x in a
// season.
func (v *Values) Jumped(slot int64, n, days int, levelOf func(x, season float32) float32) bool {
	now, before := 0.0, 0.0
	for at := slot - int64(n/2); at <= slot; at += int64(max(n/2, 1)) { // a level is away some slots after it was left
		step := func(slot int64) float32 {
			before, after := v.beforeAndAfter(slot, n)
			return levelOf(after, before)
		}
		var usual []float32 // of the six days before, at this time
		for k := 1; k < 7; k++ {
			if d := step(at - int64(k*v.PerDay)); d == d {
				usual = append(usual, d)
			}
		}
		if len(usual) == 0 {
			continue
		}
		median := orderstat.Median(usual)
		if d := math.Abs(float64(step(at) - median)); d > now {
			now = d
		}
		if d := math.Abs(float64(step(at-int64(days*v.PerDay)) - median)); d > before {
			before = d
		}
	}
	return now >= before
}

// beforeAndAfter returns the median of the n values before a slot, and that of the n values from it on; NaN: not known.
func (v *Values) beforeAndAfter(slot int64, n int) (before, after float32) {
	median := func(from, to int64) float32 {
		var values []float32
		for i := max(from-v.First, 0); i < min(to-v.First, int64(len(v.Values))); i++ {
			if x := v.Values[i]; x == x {
				values = append(values, x)
			}
		}
		if len(values) == 0 {
			return nan32
		}
		return orderstat.Median(values)
	}
	return median(slot-int64(n), slot), median(slot, slot+int64(n))
}

// around returns the median of the known values of earlier days that are nearest to a time of day, and of how many
// days' worth it is. They have to be of as many days as a daily season needs: one day says nothing of the others. Only
// days of the same kind count, or all.
func (v *Values) around(slot int64, sameKind bool) (value float32, known int) {
	s := daily()
	values := v.scratch[:0]
	var on [8]bool // by how many days ago
	periods := min(s.Periods, int((slot+v.nearby-v.First)/int64(v.PerDay))-1)
	var room [8]int
	days := room[:0]
	for k := 1; k <= periods; k++ {
		if !sameKind || v.isDayOff(slot-int64(k*v.PerDay)) == v.isDayOff(slot) {
			days = append(days, k)
		}
	}
	if len(days) < s.Min {
		return nan32, 0
	}
	for away := int64(1); away <= v.nearby && len(values) < s.Periods; away++ {
		for _, k := range days {
			for _, near := range [...]int64{slot - away, slot + away} {
				if x := v.at(near - int64(k*v.PerDay)); x == x {
					values = append(values, x)
					if !on[k] {
						on[k] = true
						known++
					}
				}
			}
		}
	}
	if known < s.Min {
		return nan32, 0
	}
	return orderstat.Median(values), known
}
