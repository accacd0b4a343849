package history

import (
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
)

// A saved series is, in this order:
//
//	version      1 byte
//	layout       varints: step, length, overhang; missing, and 16 if the window is kept whole
//	newest       1 byte: whether there has been a value; then varint: its time; 4 bytes: the value
//	fine, coarse uvarint: number of blocks; then each block
//	checksum     4 bytes: CRC-32C of all before it
//
// A block is a varint of its start, in blocks (the first one absolute, each other one relative to the one before), 8
// bytes that tell by bits which steps have a value, 8 bytes that tell which are masked, and 4 bytes for each value. All
// numbers of fixed size are little-endian.
const (
	binaryVersion = 1
	leastBlock    = 1 + 8 + 8 + 4 // bytes of a block with one value
	// farthest bounds times, so that no sum of a time and a duration overflows. It is more than a hundred million years
	// from 1970.
	farthest = math.MaxInt64 / 2
)

var (
	_ encoding.BinaryAppender = (*Series)(nil)
	_ encoding.BinaryAppender = (*View)(nil)

	errShort = errors.New("saved series: unexpected end")
)

// AppendBinary appends what Restore makes the same series of. A View is saved as the series was when it was taken. The
// error is always nil.
func (c *contents) AppendBinary(b []byte) ([]byte, error) {
	begin := len(b)
	b = append(b, binaryVersion)
	l := c.layout
	for _, v := range []int64{l.Step, l.Length, l.Overhang, l.flags()} {
		b = binary.AppendVarint(b, v)
	}
	if c.nonEmpty {
		b = binary.AppendVarint(append(b, 1), c.last)
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(c.lastValue))
	} else {
		b = append(b, 0)
	}
	b = c.fine.appendBinary(b, c.last)
	b = c.coarse.appendBinary(b, c.last)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[begin:], castagnoli())), nil
}

// wholeFlag tells in a saved layout that the window is kept whole. It leaves room for other meanings of a gap.
const wholeFlag = 16

func (l Layout) flags() int64 {
	if l.Whole {
		return int64(l.Missing) | wholeFlag
	}
	return int64(l.Missing)
}

func (l *Layout) setFlags(flags int64) {
	l.Missing, l.Whole = Missing(flags&^wholeFlag), flags&wholeFlag != 0
}

// castagnoli is the table of CRC-32C, which the library makes once.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func (r *resolution) appendBinary(b []byte, last int64) []byte {
	b = binary.AppendUvarint(b, uint64(len(r.blocks)))
	before := int64(0)
	for _, block := range r.blocks {
		index := block.start / (r.step * blockLen)
		b = binary.AppendVarint(b, index-before)
		before = index
		var present uint64
		shown := min(blockLen, (last-block.start)/r.step+1)
		for i := range shown {
			if v := block.values[i]; v == v {
				present |= 1 << i
			}
		}
		b = binary.LittleEndian.AppendUint64(b, present)
		b = binary.LittleEndian.AppendUint64(b, block.masked.Load()&present)
		for i := range shown {
			if present>>i&1 == 1 {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(block.values[i]))
			}
		}
	}
	return b
}

// Restore returns the series that AppendBinary has saved. It shows the same values, to the bit, and continues in the
// same way. Bytes that AppendBinary has not written, of another version, or of a series with another layout are an
// error.
func Restore(l Layout, b []byte) (*Series, error) {
	if l.Step <= 0 {
		return nil, fmt.Errorf("step of %d ms: must be at least 1", l.Step)
	}
	if len(b) < 1+4 {
		return nil, errShort
	}
	if b[0] != binaryVersion {
		return nil, fmt.Errorf("saved series: version %d is not %d", b[0], binaryVersion)
	}
	b, sum := b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(b, castagnoli()) != sum {
		return nil, errors.New("saved series: checksum mismatch")
	}
	d := decoder{b: b[1:]}
	saved := Layout{Step: d.varint(), Length: d.varint(), Overhang: d.varint()}
	saved.setFlags(d.varint())
	if d.err == nil && saved != l {
		return nil, fmt.Errorf("saved series: layout %+v is not %+v", saved, l)
	}
	s := New(l)
	switch nonEmpty := d.byte(); {
	case nonEmpty == 1:
		s.nonEmpty, s.last, s.lastValue = true, d.varint(), math.Float32frombits(d.uint32())
		if d.err == nil && (!isFinite(s.lastValue) || s.last < -farthest || s.last > farthest) {
			return nil, fmt.Errorf("saved series: newest value %v at %d", s.lastValue, s.last)
		}
	case nonEmpty != 0 && d.err == nil:
		return nil, fmt.Errorf("saved series: %d instead of 0 or 1", nonEmpty)
	}
	for _, r := range []*resolution{&s.fine, &s.coarse} {
		d.blocks(r, s.last)
	}
	switch {
	case d.err != nil:
		return nil, d.err
	case len(d.b) > 0:
		return nil, fmt.Errorf("saved series: %d bytes too many", len(d.b))
	case !s.nonEmpty && !s.Empty():
		return nil, errors.New("saved series: values, but no newest one")
	case s.coarse.step == s.fine.step && len(s.coarse.blocks) > 0:
		return nil, errors.New("saved series: a coarse part that its layout does not have")
	}
	return s, nil
}

// decoder reads numbers from b. After the first error it reads zeros.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.b, d.err = nil, err
	}
}

// blocks reads those of a resolution, whose newest value may be at last.
func (d *decoder) blocks(r *resolution, last int64) {
	n := d.uvarint()
	if n > uint64(len(d.b)/leastBlock) {
		d.fail(errShort)
	}
	if d.err != nil || n == 0 {
		return
	}
	span := r.step * blockLen
	r.blocks = make([]*block, 0, n)
	index := int64(0)
	for k := range n {
		ahead := d.varint()
		if k > 0 && ahead <= 0 || ahead < -farthest/span || ahead > farthest/span || index+ahead > last/span {
			d.fail(fmt.Errorf("saved series: block %d is %d blocks after the one before", k, ahead))
			return
		}
		index += ahead
		b := newBlock(index*span, 0)
		present, masked := d.uint64(), d.uint64()
		if present == 0 || masked&^present != 0 || b.start+int64(bits.Len64(present)-1)*r.step > last {
			d.fail(fmt.Errorf("saved series: block at %d: steps %x and masked steps %x do not fit", b.start, present, masked))
			return
		}
		b.masked.Store(masked)
		for ; present != 0; present &= present - 1 {
			v := math.Float32frombits(d.uint32())
			if !isFinite(v) {
				d.fail(fmt.Errorf("saved series: block at %d: value %v", b.start, v))
				return
			}
			b.values[bits.TrailingZeros64(present)] = v
		}
		r.blocks = append(r.blocks, b)
	}
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	d.next(n)
	return v
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	d.next(n)
	return v
}

func (d *decoder) byte() (v byte) {
	if len(d.b) > 0 {
		v = d.b[0]
	}
	d.next(1)
	return v
}

func (d *decoder) uint32() (v uint32) {
	if len(d.b) >= 4 {
		v = binary.LittleEndian.Uint32(d.b)
	}
	d.next(4)
	return v
}

func (d *decoder) uint64() (v uint64) {
	if len(d.b) >= 8 {
		v = binary.LittleEndian.Uint64(d.b)
	}
	d.next(8)
	return v
}

// next passes n bytes, which must be there. Varints that do not end or overflow have an n of at most 0.
func (d *decoder) next(n int) {
	if n <= 0 || n > len(d.b) {
		d.fail(errShort)
		return
	}
	d.b = d.b[n:]
}

func isFinite(v float32) bool { return !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) }
