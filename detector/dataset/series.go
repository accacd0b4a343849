package dataset

import (
	"hash/fnv"
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector/join"
	"github.com/anomaly-exporter/anomaly-exporter/history"
)

// Series is one series of a Dataset: the history of its inputs, and the expressions joined to it. Times are in
// milliseconds. Its methods are safe for concurrent use as long as the Dataset does not change.
type Series struct {
	Labels labels.Labels
	ID     uint64 // hash of the labels, the same in every build; unique in a Dataset

	inputs      []*history.Series
	resolutions []resolution // by input
	auxiliaries []*history.Series

	marks []history.Mark // of its inputs

	live      bool // any input has a value at the newest step
	histogram bool // the newest step is a native histogram
	unjoined  bool // a mask or other joined expression shares no label with it

	mask, mute, lower, upper []join.Series // joined in the newest slice
	conflict                 []join.Series // steps of the newest slice at which an input had several values
}

// ID returns a hash of labels that is the same in every build, so that all exporters agree.
func ID(l labels.Labels) uint64 {
	h := fnv.New64a()
	l.Range(func(l labels.Label) {
		h.Write([]byte(l.Name))
		h.Write([]byte{0xff})
		h.Write([]byte(l.Value))
		h.Write([]byte{0xff})
	})
	return h.Sum64()
}

func newSeries(l labels.Labels, id uint64, o *Options) *Series {
	s := &Series{
		Labels: l, ID: id,
		inputs:      make([]*history.Series, len(o.Inputs)),
		resolutions: make([]resolution, len(o.Inputs)),
		auxiliaries: make([]*history.Series, len(o.Auxiliaries)),
	}
	for i := range s.inputs {
		s.inputs[i] = history.New(o.Layout)
	}
	for i, a := range o.Auxiliaries {
		l := o.Layout
		l.Missing = history.Drop
		l.Length = min(l.Length, floor(a.Length.Milliseconds(), l.Step))
		s.auxiliaries[i] = history.New(l)
	}
	s.setMarks(o)
	return s
}

// setMarks sets where the series is masked, and reports whether that has changed.
func (s *Series) setMarks(o *Options) bool {
	var marks []history.Mark
	if o.Marks != nil {
		marks = o.Marks(s.Labels)
	}
	if slices.Equal(marks, s.marks) {
		return false
	}
	s.marks = marks
	for _, h := range s.inputs {
		h.SetMarks(marks)
	}
	return true
}

// Normal returns a function that reports whether the series is known to be normal at a time (ms), because a mark says
// that it is not masked; nil: it never is.
func (s *Series) Normal() func(ts int64) bool {
	normal := slices.DeleteFunc(slices.Clone(s.marks), func(m history.Mark) bool { return m.Masked })
	if len(normal) == 0 {
		return nil
	}
	return func(ts int64) bool {
		return slices.ContainsFunc(normal, func(m history.Mark) bool { return m.From <= ts && ts <= m.To })
	}
}

// Value returns the value of an input at a step, with gaps filled as the layout says; NaN if there is none. masked
// reports whether it is masked.
func (s *Series) Value(input int, ts int64) (v float64, masked bool) {
	return s.inputs[input].Value(ts)
}

// At returns the value of an input at a step as it was read; NaN in a gap.
func (s *Series) At(input int, ts int64) float64 {
	v, _ := s.inputs[input].At(ts)
	return v
}

// Unmasked returns the value of an input at a step, with gaps filled according to the layout; NaN if there is none or
// if it is masked.
func (s *Series) Unmasked(input int, ts int64) float64 {
	if v, masked := s.inputs[input].Value(ts); !masked {
		return v
	}
	return math.NaN()
}

// Window fills w with the window of an input that ends at a step.
func (s *Series) Window(input int, end int64, w *history.Window) { s.inputs[input].Window(end, w) }

// Auxiliary returns the value of an auxiliary expression at a step; NaN if there is none.
func (s *Series) Auxiliary(i int, ts int64) float64 {
	v, _ := s.auxiliaries[i].At(ts)
	return v
}

// AuxiliaryWindow fills w with the window of an auxiliary expression that ends at a step.
func (s *Series) AuxiliaryWindow(i int, end int64, w *history.Window) {
	s.auxiliaries[i].Window(end, w)
}

// Complete reports whether all inputs have a value at a step.
func (s *Series) Complete(ts int64) bool {
	return !slices.ContainsFunc(s.inputs, func(h *history.Series) bool {
		v, _ := h.Value(ts)
		return v != v
	})
}

// OldEnough reports whether the history of all inputs that ends at a step has the minimum length least (ms).
func (s *Series) OldEnough(end, least int64) bool {
	first, ok := s.first(end)
	return ok && end-first >= least
}

// Histogram reports whether the newest step is a native histogram.
func (s *Series) Histogram() bool { return s.histogram }

// Unresolved reports whether the values of an input are too large for what they vary by: float32, in which the history
// keeps them, cannot tell them apart. Or the newest one is beyond float32.
func (s *Series) Unresolved() bool {
	return slices.ContainsFunc(s.resolutions, func(r resolution) bool { return r.lost() })
}

// Overflows reports whether the newest value of an input is beyond float32, so that the history does not keep it.
func (s *Series) Overflows() bool {
	return slices.ContainsFunc(s.resolutions, func(r resolution) bool { return r.overflow })
}

// Unjoined reports whether a mask or other joined expression shares no label with the series.
func (s *Series) Unjoined() bool { return s.unjoined }

// Muted reports whether the series is muted at a step of the newest slice.
func (s *Series) Muted(ts int64) bool { return join.Any(s.mute, ts) }

// Conflict reports whether an input has several values at a step of the newest slice.
func (s *Series) Conflict(ts int64) bool { return join.Any(s.conflict, ts) }

// LowerBound returns the largest of the lower bounds at a step of the newest slice; NaN if there is none.
func (s *Series) LowerBound(ts int64) float64 { return tightest(s.lower, ts, false) }

// UpperBound returns the smallest of the upper bounds at a step of the newest slice; NaN if there is none.
func (s *Series) UpperBound(ts int64) float64 { return tightest(s.upper, ts, true) }

func tightest(bounds []join.Series, ts int64, upper bool) float64 {
	found := math.NaN()
	for _, b := range bounds {
		v, ok := b.At(ts)
		if ok && (found != found || upper == (v < found)) {
			found = v
		}
	}
	return found
}

// Views returns immutable views of the histories of all inputs, up to a step.
func (s *Series) Views(step int64) []history.View {
	views := make([]history.View, len(s.inputs))
	for i, h := range s.inputs {
		views[i] = h.View().Until(step)
	}
	return views
}

// has reports whether any input has a value at a step.
func (s *Series) has(ts int64) bool {
	return slices.ContainsFunc(s.inputs, func(h *history.Series) bool {
		v, _ := h.Value(ts)
		return v == v
	})
}

// first returns the time from which all inputs have values in the window that ends at end; ok is false if one has none.
func (s *Series) first(end int64) (ts int64, ok bool) {
	ts = math.MinInt64
	for _, h := range s.inputs {
		first, ok := h.First(end)
		if !ok {
			return 0, false
		}
		ts = max(ts, first)
	}
	return ts, true
}

// oldest returns the time from which all inputs have values, as far back as any is kept; ok is false if one has none.
func (s *Series) oldest() (ts int64, ok bool) {
	ts = math.MinInt64
	for _, h := range s.inputs {
		oldest, ok := h.Oldest()
		if !ok {
			return 0, false
		}
		ts = max(ts, oldest)
	}
	return ts, true
}

// empty reports whether no window can show a value any more.
func (s *Series) empty() bool {
	return !slices.ContainsFunc(s.inputs, func(h *history.Series) bool { return !h.Empty() })
}

// last returns the time of the newest value.
func (s *Series) last() int64 {
	newest := int64(math.MinInt64)
	for _, h := range s.inputs {
		if ts, ok := h.Last(); ok {
			newest = max(newest, ts)
		}
	}
	return newest
}

// floor returns the largest multiple of step at or below ts.
func floor(ts, step int64) int64 { return ts - ((ts%step)+step)%step }
