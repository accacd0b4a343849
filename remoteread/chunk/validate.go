package chunk

import (
	"errors"

	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// headerSize is the size of the header of all chunks but XOR: the number of samples in 2 bytes, and a byte of flags.
const headerSize = 3

// validate checks what the decoders of chunkenc trust, because this data comes from the network. There must be a
// header. In the layout of a histogram chunk, spans must not go backwards: chunkenc would panic when it reduces the
// resolution of such a histogram. And there must not be more buckets than bits, because each bucket takes at least
// one: chunkenc allocates memory for all buckets before it reads the first.
func validate(encoding chunkenc.Encoding, data []byte) error {
	if len(data) < headerSize {
		return errChunkShort
	}
	if encoding == chunkenc.EncXOR2 || NumSamples(data) == 0 {
		return nil
	}
	// The layout, see chunkenc/histogram_meta.go: the zero threshold in a byte or, after 255, in 64 bits; the schema;
	// then, for positive and for negative buckets, the number of spans, and the length and offset of each.
	r := bitReader{data: data[headerSize:]}
	if r.read(8) == 255 {
		r.read(64)
	}
	r.readInt()
	var buckets, limit uint64 = 0, uint64(8 * len(data))
	for range 2 {
		spans := r.readUint()
		for i := uint64(0); i < spans && !r.short; i++ {
			length, offset := uint32(r.readUint()), int32(r.readInt())
			if i > 0 && offset < 0 {
				return errors.New("spans of buckets go backwards")
			}
			if buckets += uint64(length); buckets > limit {
				return errors.New("more buckets than bits")
			}
		}
	}
	if r.short {
		return errChunkShort
	}
	return nil
}

// bitReader reads single bits. It is slow, but it only reads the layout of a chunk.
type bitReader struct {
	data  []byte
	pos   int  // in bits
	short bool // whether there were fewer bits than asked for
}

func (r *bitReader) read(n int) (v uint64) {
	for range n {
		if r.pos >= 8*len(r.data) {
			r.short = true
			return 0
		}
		v = v<<1 | uint64(r.data[r.pos/8]>>(7-r.pos%8)&1)
		r.pos++
	}
	return v
}

// readVarbit reads a number of variable size and returns that size in bits. The size is encoded before the number by
// up to eight ones; a zero follows if there are fewer than eight.
func (r *bitReader) readVarbit() (v uint64, size int) {
	ones := 0
	for ones < 8 && r.read(1) == 1 {
		ones++
	}
	size = [...]int{0, 3, 6, 9, 12, 18, 25, 56, 64}[ones]
	return r.read(size), size
}

// readUint reads what chunkenc's putVarbitUint wrote.
func (r *bitReader) readUint() uint64 {
	v, _ := r.readVarbit()
	return v
}

// readInt reads what chunkenc's putVarbitInt wrote: a size of n bits holds -2^(n-1)+1 to 2^(n-1).
func (r *bitReader) readInt() int64 {
	v, size := r.readVarbit()
	if size > 0 && size < 64 && v > 1<<(size-1) {
		v -= 1 << size
	}
	return int64(v)
}
