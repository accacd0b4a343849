package history

import "math"

// Series holds the values of one series. Values are kept as float32, that is to 7 significant digits; one that float32
// cannot hold is a gap. The zero Series is not usable: see New.
//
// One goroutine at a time uses a Series. Others read a View that it handed out.
type Series struct {
	contents
	epoch  uint64 // how many views were handed out
	viewed int64  // newest time that a view shows; the least int64 before the first
}

// New returns an empty series.
func New(l Layout) *Series {
	return &Series{
		contents: contents{layout: l, fine: resolution{step: l.Step}, coarse: resolution{step: l.Coarse()}},
		viewed:   math.MinInt64,
	}
}

// Append stores the value of a step; ts is a multiple of the step. NaN and infinities are gaps: they change nothing.
// Masked values are known, but models do not learn from them. Values usually come in order; an older one is inserted or
// replaces the one of its step.
func (s *Series) Append(ts int64, v float64, masked bool) {
	f := float32(v)
	if f != f || math.IsInf(float64(f), 0) {
		return
	}
	s.put(&s.fine, ts, f, masked)
	if s.coarse.step != s.fine.step && mod(ts, s.coarse.step) == 0 {
		s.put(&s.coarse, ts, f, masked)
	}
	if !s.nonEmpty || ts >= s.last {
		s.last, s.lastValue, s.nonEmpty = ts, f, true
	}
}

// SetMarks replaces the marks, which are in order and do not overlap. The caller must not change them any more. Views
// keep those that they have; marks are not saved.
func (s *Series) SetMarks(marks []Mark) {
	if s.marks = nil; len(marks) > 0 {
		s.marks = &marks
	}
}

func (s *Series) put(r *resolution, ts int64, v float32, masked bool) {
	start := ts - mod(ts, r.step*blockLen)
	i, found := r.search(start)
	slot := (ts - start) / r.step
	var b *block
	switch {
	case !found:
		b = r.insert(i, start, s.epoch)
	case start+slot*r.step <= s.viewed && r.blocks[i].epoch != s.epoch: // a view may show this step
		b = r.unshare(i, s.epoch)
	default:
		b = r.blocks[i]
	}
	b.set(slot, v, masked)
}

// Trim forgets what no window ending within Layout.Overhang before now can need. Views keep what they show.
func (s *Series) Trim(now int64) {
	l := s.layout
	s.fine.trim(now - l.Overhang - l.Fine())
	s.coarse.trim(now - l.Overhang - l.Length)
}

// View returns the series as it is now. It copies no values.
func (s *Series) View() View {
	s.epoch++
	if s.nonEmpty {
		s.viewed = s.last
	}
	return View{s.contents}
}
