// Package dataset maintains the series of an expression: it reads them in slices, joins other expressions to them,
// admits new series up to a limit, and removes expired ones.
//
// Reading and changing are separate: Next plans a slice, Plan.Read does the I/O without touching the Dataset, and Apply
// does no I/O. So the owner of a Dataset stays responsive while a read is in progress.
package dataset

import (
	"cmp"
	"math"
	"slices"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector/join"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// vanishedPerLive bounds how many series without a current value are kept in case they return, as a multiple of the
// limit of live ones. Guard: it bounds the memory under churn.
const vanishedPerLive = 4

// Dataset holds the series of one detector or scaler. It is not safe for concurrent use.
type Dataset struct {
	o      Options
	logged map[string]bool // warnings that have been logged

	read   int64 // newest step applied; 0: none
	coarse bool  // whether read is still in the part of the history that is kept at the coarse step
	chunks chunker

	byID    map[uint64]*Series
	series  []*Series // sorted by labels
	refused map[uint64]bool
	joins   []Join
}

// New returns an empty Dataset.
func New(o Options) *Dataset {
	d := &Dataset{logged: map[string]bool{}, byID: map[uint64]*Series{}, refused: map[uint64]bool{}}
	d.Configure(o)
	return d
}

// Configure changes the options from the next slice on. Inputs, By, Auxiliaries and Layout must not change. It returns
// the series whose training data has changed, even in the past.
func (d *Dataset) Configure(o Options) (changed []*Series) {
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	d.o = o
	for _, s := range d.series {
		if s.setMarks(&o) {
			changed = append(changed, s)
		}
	}
	return changed
}

// At returns the newest step (ms) applied; 0 before the first.
func (d *Dataset) At() int64 { return d.read }

// CatchingUp reports whether only the coarse part of the history has been applied so far.
func (d *Dataset) CatchingUp() bool { return d.coarse }

// All returns the series, sorted by labels, including those without a value now. The caller must not change the slice.
func (d *Dataset) All() []*Series { return d.series }

// Refused returns how many series the limit refused in the newest slice.
func (d *Dataset) Refused() int { return len(d.refused) }

// Joins returns how the series of several inputs were joined in the newest slice; nil if there is one input.
func (d *Dataset) Joins() []Join { return d.joins }

// Live returns the series that have a value at a step, sorted by labels. In the newest slice a native histogram counts
// as a value, and so does one beyond float32.
func (d *Dataset) Live(step int64) []*Series {
	var live []*Series
	for _, s := range d.series {
		if s.live = s.has(step) || s.live && (s.histogram || s.Overflows()); s.live {
			live = append(live, s)
		}
	}
	return live
}

// Gone returns the series without a value at the newest step of which values are still known, sorted by labels.
func (d *Dataset) Gone() (gone []result.Gone) {
	l := d.o.Layout
	for _, s := range d.series {
		last := s.last()
		if s.live || last == math.MinInt64 {
			continue
		}
		if last <= d.read-l.Fine() { // it may have had values that were thinned out
			last += l.Coarse() - l.Step
		}
		gone = append(gone, result.Gone{ID: s.ID, Input: s.Labels, Last: min(last, d.read)})
	}
	return gone
}

// Apply appends a slice to the histories and admits new series.
func (d *Dataset) Apply(slice *Slice) {
	for _, s := range d.series {
		s.live, s.conflict = false, nil
	}
	clear(d.refused)
	d.joins = nil
	if d.o.joined() {
		d.joins = make([]Join, len(d.o.Inputs))
		for i, in := range d.o.Inputs {
			d.joins[i].Input = in.Name
		}
	}
	var fresh []*rawSeries
	for i := range slice.raw {
		r := &slice.raw[i]
		if d.o.Owns != nil && !d.o.Owns(r.labels) {
			continue
		}
		if s := d.byID[ID(r.labels)]; s != nil && labels.Equal(s.Labels, r.labels) {
			d.add(s, r, slice)
		} else {
			fresh = append(fresh, r)
		}
	}
	d.admit(fresh, slice)
	for _, s := range d.series {
		d.addAuxiliaries(s, slice)
	}
	d.chunks.done(slice.span(), slice.read)
	d.read = slice.Last
}

// add appends the points of r to the history of s, and joins the other expressions of the slice to s.
func (d *Dataset) add(s *Series, r *rawSeries, slice *Slice) {
	s.unjoined = false
	s.mask, s.mute = d.join(s, "mask", slice.mask), d.join(s, "mute", slice.mute)
	s.lower, s.upper = d.join(s, "bounds.lower", slice.lower), d.join(s, "bounds.upper", slice.upper)
	for i, points := range r.points {
		for _, p := range points {
			masked := !d.o.learned(p.F) || join.Any(s.mask, p.T) || join.Any(s.mute, p.T)
			s.inputs[i].Append(p.T, p.F, masked)
			s.resolutions[i].add(p)
		}
	}
	s.live, s.histogram, s.conflict = true, r.histogram, r.conflict
	if d.joins != nil {
		r.count(d.joins, s, slice.Last)
	}
}

// join returns the series of a vector that match s, and records if they share no label with s. key is where its
// expression is in the configuration.
func (d *Dataset) join(s *Series, key string, v *join.Vector) []join.Series {
	if v == nil {
		return nil
	}
	found, joined := v.Match(s.Labels)
	if !joined {
		s.unjoined = true
		if unjoined := "unjoined " + key; !d.logged[unjoined] {
			d.logged[unjoined] = true
			level.Warn(d.o.Logger).Log("msg", "Expression shares no label with the series, name some in `on`", "key", key,
				"series", s.Labels, "remedy", "check-config shows the labels of both")
		}
	}
	return found
}

// admit admits new series, the oldest first, up to the limit of series that are live at the same time. A slice of many
// steps has room for as many as there would be if its steps had been read one by one.
func (d *Dataset) admit(fresh []*rawSeries, slice *Slice) {
	slices.SortFunc(fresh, func(a, b *rawSeries) int {
		return cmp.Or(cmp.Compare(a.begin(), b.begin()), labels.Compare(a.labels, b.labels))
	})
	known := len(d.series)
	places := newOccupancy(slice)
	crowded := len(d.series)+len(fresh) > d.o.Limit // else there is room for all
	for _, s := range d.series {
		switch last := s.last(); {
		case !crowded:
		case s.live && last < slice.First: // it has values that are not kept, such as native histograms
			places.take(slice.First, slice.Last)
		default:
			places.take(slice.First, last+d.o.Vacant)
		}
	}
	for _, r := range fresh {
		id := ID(r.labels)
		first, last := r.span(slice.Last)
		at, vacant := places.vacancy(first, last, d.o.Limit)
		if !vacant || d.byID[id] != nil {
			d.refused[id] = true
			if d.joins != nil {
				r.count(d.joins, nil, 0)
			}
			continue
		}
		if at > first { // it had to wait
			r.dropBefore(at)
		}
		s := newSeries(r.labels, id, &d.o)
		d.byID[id] = s
		d.series = append(d.series, s)
		d.add(s, r, slice)
		places.take(at, last+d.o.Vacant)
	}
	if len(d.series) > known {
		slices.SortFunc(d.series, func(a, b *Series) int { return labels.Compare(a.Labels, b.Labels) })
	}
	const refusal = "Series limit reached, refusing new series"
	if len(d.refused) > 0 {
		d.warnOnce(refusal, "series_limit", d.o.Limit, "refused", len(d.refused))
	} else {
		delete(d.logged, refusal)
	}
}

// addAuxiliaries appends the values of the auxiliary expressions that belong to a series. It takes the values since the
// first value of the series itself, whether that was read in this slice or long before. The window of the newest step
// may not show that one: models are also fitted on earlier windows.
func (d *Dataset) addAuxiliaries(s *Series, slice *Slice) {
	if len(d.o.Auxiliaries) == 0 {
		return
	}
	begin, ok := s.oldest()
	if !ok {
		return
	}
	for i, a := range d.o.Auxiliaries {
		v := slice.auxiliaries[i]
		if v == nil {
			continue
		}
		found := v.All()
		if !a.All {
			found = d.join(s, a.Key, v)
		}
		values := make([]float64, 0, len(found))
		for ts := max(slice.First, begin); ts <= slice.Last; ts += slice.step {
			values = values[:0]
			for _, match := range found {
				if v, ok := match.At(ts); ok {
					values = append(values, v)
				}
			}
			if len(values) > 0 {
				slices.Sort(values) // so that sums do not depend on the order of the series
				s.auxiliaries[i].Append(ts, a.Reduce(values), false)
			}
		}
	}
}

// Trim drops what no model can need any more, and returns the series that it removed for good.
func (d *Dataset) Trim() (gone []*Series) {
	var vanished []*Series
	for _, s := range d.series {
		for _, h := range s.inputs {
			h.Trim(d.read)
		}
		for _, h := range s.auxiliaries {
			h.Trim(d.read)
		}
		if !s.live {
			vanished = append(vanished, s)
		}
	}
	slices.SortFunc(vanished, func(a, b *Series) int {
		return cmp.Or(cmp.Compare(a.last(), b.last()), labels.Compare(a.Labels, b.Labels))
	})
	for i, s := range vanished {
		if s.empty() || i < len(vanished)-vanishedPerLive*d.o.Limit {
			gone = append(gone, s)
			delete(d.byID, s.ID)
		}
	}
	if len(gone) > 0 {
		d.series = slices.DeleteFunc(d.series, func(s *Series) bool { return d.byID[s.ID] != s })
	}
	return gone
}

// warnOnce logs a warning, unless one with the same message was logged before.
func (d *Dataset) warnOnce(msg string, keyvals ...any) {
	if !d.logged[msg] {
		d.logged[msg] = true
		level.Warn(d.o.Logger).Log(append([]any{"msg", msg}, keyvals...)...)
	}
}
