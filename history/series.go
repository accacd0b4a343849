package history

import (
	"math"
	"slices"
)

const (
	blockLen   = 64
	blockBytes = blockLen*4 + 8 + 8 + 8 // values, start, mask, pointer
)

// block holds blockLen consecutive values; its start is a multiple of blockLen steps. Blocks are allocated as values come, so that a pod that
// lived for an hour costs an hour's memory.
type block struct {
	start  int64
	masked uint64 // bit i: step i is not to be learned from
	values [blockLen]float32
}

// track is a list of blocks, ascending, at one step.
type track struct {
	step   int64
	blocks []*block
}

func (t *track) put(ts int64, v float32, masked bool) {
	span := t.step * blockLen
	start := ts - mod(ts, span)
	var b *block
	if n := len(t.blocks); n > 0 && t.blocks[n-1].start == start {
		b = t.blocks[n-1]
	} else {
		i, found := t.search(start)
		if found {
			b = t.blocks[i]
		} else {
			b = &block{start: start}
			for j := range b.values {
				b.values[j] = float32(math.NaN())
			}
			t.blocks = slices.Insert(t.blocks, i, b)
		}
	}
	i := (ts - start) / t.step
	b.values[i] = v
	if masked {
		b.masked |= 1 << i
	} else {
		b.masked &^= 1 << i
	}
}

func (t *track) search(start int64) (int, bool) {
	return slices.BinarySearchFunc(t.blocks, start, func(b *block, start int64) int {
		switch {
		case b.start < start:
			return -1
		case b.start > start:
			return 1
		}
		return 0
	})
}

func (t *track) at(ts int64) (v float32, masked bool) {
	span := t.step * blockLen
	if i, found := t.search(ts - mod(ts, span)); found {
		b := t.blocks[i]
		j := (ts - b.start) / t.step
		return b.values[j], b.masked>>j&1 == 1
	}
	return float32(math.NaN()), false
}

// each calls f for every value after mint and up to maxt, as long as f returns true, which each returns then too.
func (t *track) each(mint, maxt int64, f func(ts int64, v float32, masked bool) bool) bool {
	span := t.step * blockLen
	i, _ := t.search(mint + t.step - mod(mint+t.step, span))
	for ; i < len(t.blocks) && t.blocks[i].start <= maxt; i++ {
		b := t.blocks[i]
		for j, v := range b.values {
			ts := b.start + int64(j)*t.step
			if v == v && ts > mint && ts <= maxt && !f(ts, v, b.masked>>j&1 == 1) {
				return false
			}
		}
	}
	return true
}

func (t *track) trim(before int64) {
	n := 0
	for n < len(t.blocks) && t.blocks[n].start+t.step*blockLen <= before {
		n++
	}
	t.blocks = slices.Delete(t.blocks, 0, n)
}

// Series holds the values of one series. Values are kept as float32, that is to 7 significant digits; one that float32 cannot hold is a gap.
// The zero Series is not usable: see New. A Series is not safe for concurrent use.
type Series struct {
	layout       Layout
	fine, coarse track
	last         int64 // time of the newest value
	lastValue    float32
	any          bool
}

// New returns an empty series.
func New(l Layout) *Series {
	return &Series{layout: l, fine: track{step: l.Step}, coarse: track{step: l.Coarse()}}
}

// Append stores the value of a step; ts is a multiple of the step. NaN and infinities are gaps. Masked values are known, but models do not
// learn from them.
func (s *Series) Append(ts int64, v float64, masked bool) {
	f := float32(v)
	if f != f || math.IsInf(float64(f), 0) {
		return
	}
	s.fine.put(ts, f, masked)
	if s.coarse.step != s.fine.step && mod(ts, s.coarse.step) == 0 {
		s.coarse.put(ts, f, masked)
	}
	if !s.any || ts >= s.last {
		s.last, s.lastValue, s.any = ts, f, true
	}
}

// Trim forgets what no window ending within Layout.Extra before now can need.
func (s *Series) Trim(now int64) {
	l := s.layout
	s.fine.trim(now - l.Extra - l.Fine())
	s.coarse.trim(now - l.Extra - l.Length)
}

// Empty says whether nothing is left that a window could show.
func (s *Series) Empty() bool { return len(s.fine.blocks) == 0 && len(s.coarse.blocks) == 0 }

// At returns the value of a step as it was appended, NaN in a gap, and whether it is masked. Only steps that are still kept at full
// resolution have one.
func (s *Series) At(ts int64) (v float64, masked bool) {
	f, masked := s.fine.at(ts)
	return float64(f), masked
}

// Value returns the value of a step, with gaps filled as Layout.Missing says. A series that had no value within Layout.Length before is unknown
// under every rule: NaN.
func (s *Series) Value(ts int64) (v float64, masked bool) {
	if v, masked := s.At(ts); v == v || s.layout.Missing == Drop {
		return v, masked
	}
	last, value, found := s.before(ts)
	if !found || last <= ts-s.layout.Length {
		return math.NaN(), false
	}
	if s.layout.Missing == Zero {
		return 0, false
	}
	return value, false
}

// before returns time and value of the newest value at or before ts, as a window that ends there would show it.
func (s *Series) before(ts int64) (int64, float64, bool) {
	split := ts - s.layout.Fine()
	if s.any && s.last <= ts && s.last > split {
		return s.last, float64(s.lastValue), true
	}
	if at, v, ok := s.fine.before(ts); ok && at > split {
		return at, v, true
	}
	return s.coarse.before(min(ts, split))
}

func (t *track) before(ts int64) (int64, float64, bool) {
	for i := len(t.blocks) - 1; i >= 0; i-- {
		b := t.blocks[i]
		for j := blockLen - 1; j >= 0; j-- {
			if at := b.start + int64(j)*t.step; at <= ts && b.values[j] == b.values[j] {
				return at, float64(b.values[j]), true
			}
		}
	}
	return 0, 0, false
}

// First returns the time of the first value that a window ending at end shows; ok is false if there is none.
func (s *Series) First(end int64) (ts int64, ok bool) {
	s.each(end, func(at int64, _ float32, _ bool) bool {
		ts, ok = at, true
		return false
	})
	return ts, ok
}

// each calls f for the values of the window that ends at end, in order: the coarse ones, then the fine ones,
// as long as f returns true.
func (s *Series) each(end int64, f func(ts int64, v float32, masked bool) bool) {
	split := end - s.layout.Fine()
	if mint := end - s.layout.Length; mint < split && !s.coarse.each(mint, split, f) {
		return
	}
	s.fine.each(split, end, f)
}

// Last returns the time of the newest value, and false if there has never been one.
func (s *Series) Last() (int64, bool) { return s.last, s.any }

func mod(a, b int64) int64 { return (a%b + b) % b }
