package history

import (
	"math"
	"slices"
	"sync/atomic"
)

const (
	blockLen   = 64                     // one bit of block.masked for each value
	blockBytes = blockLen*4 + 8 + 8 + 8 // values, start, mask, pointer
)

// block holds blockLen consecutive values. Its start is a multiple of blockLen steps. Blocks are allocated as values
// come, so that a pod that lived for an hour costs an hour's memory.
//
// Views share blocks with the series that goes on writing them. The series writes the values of later steps in place,
// which views do not read. All bits of masked lie in one word, so they are read and written atomically.
type block struct {
	start  int64
	epoch  uint64        // Series.epoch when the block was made: later views may share it; for the writer alone
	masked atomic.Uint64 // bit i: step i is not to be learned from
	values [blockLen]float32
}

func newBlock(start int64, epoch uint64) *block {
	b := &block{start: start, epoch: epoch}
	for i := range b.values {
		b.values[i] = float32(math.NaN())
	}
	return b
}

func (b *block) clone(epoch uint64) *block {
	c := &block{start: b.start, epoch: epoch, values: b.values}
	c.masked.Store(b.masked.Load())
	return c
}

func (b *block) set(i int64, v float32, masked bool) {
	b.values[i] = v
	before := b.masked.Load()
	after := before &^ (1 << i)
	if masked {
		after |= 1 << i
	}
	if after != before {
		b.masked.Store(after)
	}
}

// resolution is a list of blocks at one step, ascending. Views share the array of blocks too: it is only ever appended
// to, and replaced for every other change.
type resolution struct {
	step   int64
	blocks []*block
}

// search returns the index of the block with this start, or where it belongs. Mostly the newest block is meant.
func (r *resolution) search(start int64) (int, bool) {
	if n := len(r.blocks); n > 0 && r.blocks[n-1].start == start {
		return n - 1, true
	}
	return slices.BinarySearchFunc(r.blocks, start, func(b *block, start int64) int {
		switch {
		case b.start < start:
			return -1
		case b.start > start:
			return 1
		}
		return 0
	})
}

// insert makes a block at index i, where search says it belongs.
func (r *resolution) insert(i int, start int64, epoch uint64) *block {
	b := newBlock(start, epoch)
	if i == len(r.blocks) {
		r.blocks = append(r.blocks, b)
	} else {
		r.blocks = slices.Concat(r.blocks[:i], []*block{b}, r.blocks[i:])
	}
	return b
}

// unshare replaces the block at index i by a copy that no view has.
func (r *resolution) unshare(i int, epoch uint64) *block {
	b := r.blocks[i].clone(epoch)
	r.blocks = slices.Clone(r.blocks)
	r.blocks[i] = b
	return b
}

// trim drops the blocks that end before a time.
func (r *resolution) trim(before int64) {
	n := 0
	for n < len(r.blocks) && r.blocks[n].start+r.step*blockLen <= before {
		n++
	}
	if n > 0 {
		rest := r.blocks[n:]
		r.blocks = append(make([]*block, 0, len(rest)+1), rest...)
	}
}

// at returns the value of a step, NaN in a gap and after last.
func (r *resolution) at(ts, last int64) (v float32, masked bool) {
	if len(r.blocks) == 0 {
		return float32(math.NaN()), false
	}
	if i, found := r.search(ts - mod(ts, r.step*blockLen)); found {
		b := r.blocks[i]
		if j := (ts - b.start) / r.step; b.start+j*r.step <= last {
			return b.values[j], b.masked.Load()>>j&1 == 1
		}
	}
	return float32(math.NaN()), false
}

// each calls f for every value after mint and up to maxt, as long as f returns true, which each returns then too.
func (r *resolution) each(mint, maxt int64, f func(ts int64, v float32, masked bool) bool) bool {
	if len(r.blocks) == 0 {
		return true
	}
	next := mint + r.step
	i, _ := r.search(next - mod(next, r.step*blockLen))
	for ; i < len(r.blocks) && r.blocks[i].start <= maxt; i++ {
		b := r.blocks[i]
		masked := b.masked.Load()
		from, to := int64(0), min(blockLen-1, (maxt-b.start)/r.step)
		if mint >= b.start {
			from = (mint-b.start)/r.step + 1
		}
		for j := from; j <= to; j++ {
			if v := b.values[j]; v == v && !f(b.start+j*r.step, v, masked>>j&1 == 1) {
				return false
			}
		}
	}
	return true
}

// before returns time and value of the newest value at or before ts.
func (r *resolution) before(ts int64) (int64, float64, bool) {
	if len(r.blocks) == 0 {
		return 0, 0, false
	}
	i, found := r.search(ts - mod(ts, r.step*blockLen))
	if !found {
		i--
	}
	for ; i >= 0; i-- {
		b := r.blocks[i]
		for j := min(blockLen-1, (ts-b.start)/r.step); j >= 0; j-- {
			if v := b.values[j]; v == v {
				return b.start + j*r.step, float64(v), true
			}
		}
	}
	return 0, 0, false
}

func mod(a, b int64) int64 { return (a%b + b) % b }
