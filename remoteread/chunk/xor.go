package chunk

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"
)

// padding is how many readable bytes appendXOR wants behind a chunk. The end of the chunk is checked once per sample;
// until then at most six refills advance by 7 bytes each and read 8, which makes 50 bytes, rounded up.
const padding = 64

var errChunkShort = errors.New("chunk is cut short")

// appendXOR decodes a whole XOR chunk and appends its times and values. The format is that of chunkenc.XORChunk:
// the number of samples in 2 bytes, then Prometheus' variant of Gorilla (Pelkonen et al., VLDB 2015). Values keep
// all their bits, including stale markers and the payloads of NaNs. With an error it returns the samples before it.
func appendXOR(ts []int64, vs []float64, chunk []byte) ([]int64, []float64, error) {
	end := len(chunk)
	if end < 2 {
		return ts, vs, errChunkShort
	}
	num := int(binary.BigEndian.Uint16(chunk))
	if num == 0 {
		return ts, vs, nil
	}
	if num > 8*end { // a sample takes two bits at least
		return ts, vs, errChunkShort
	}
	b := padded(chunk)
	t, size := binary.Varint(b[2:])
	p := 2 + size
	if size <= 0 || p+8 > end {
		return ts, vs, errChunkShort
	}
	v := binary.BigEndian.Uint64(b[p:])
	p += 8
	ts, vs = append(ts, t), append(vs, math.Float64frombits(v))
	if num == 1 {
		return ts, vs, nil
	}
	delta, size := binary.Uvarint(b[p:])
	p += size
	if size <= 0 || p > end {
		return ts, vs, errChunkShort
	}
	have, want := len(ts), len(ts)+num-1
	ts, vs = slices.Grow(ts, num-1)[:want], slices.Grow(vs, num-1)[:want]
	n := decodeXOR(ts[have:], vs[have:], b, p, end, t, int64(delta), v)
	if have += n; have < want {
		return ts[:have], vs[:have], errChunkShort
	}
	return ts, vs, nil
}

// decodeXOR decodes the samples after the first one, whose time and value are t and v; delta leads to the second.
// They begin at byte p of b; the chunk ends at end, and b padding later. It returns how many it could decode.
//
// The state stays in registers for the whole chunk, and bits come from a 64-bit buffer: buf holds the next n bits at
// its top, and below them bits that the next refill puts there again.
func decodeXOR(ts []int64, vs []float64, b []byte, p, end int, t, delta int64, v uint64) int {
	var (
		buf      uint64
		n        uint
		trailing uint8
		mbits    uint8 = 64 // length of the window of significant bits
	)
	for i := 0; i < len(ts) && i < len(vs); i++ {
		buf, n, p = refill(b, buf, n, p)
		switch {
		case i == 0:
		case buf>>63 == 0: // 0: the delta is the one before
			buf, n = buf<<1, n-1
		default:
			var dod int64
			dod, buf, n, p = readDeltaOfDelta(b, buf, n, p)
			delta += dod
			buf, n, p = refill(b, buf, n, p)
		}
		t += delta

		if buf>>63 == 0 { // 0: the value is the one before
			buf, n = buf<<1, n-1
		} else {
			if buf>>62 == 2 { // 10: bits within the window of the one before
				buf, n = buf<<2, n-2
			} else { // 11: a new window: leading zeros in 5 bits, length in 6 (0 is 64)
				leading := uint8(buf>>57) & 31
				mbits = (uint8(buf>>51)-1)&63 + 1
				trailing = 64 - leading - mbits
				buf, n = buf<<13, n-13
			}
			if uint(mbits) > n {
				buf, n, p = refill(b, buf, n, p)
			}
			if uint(mbits) <= n {
				v ^= buf >> ((64 - mbits) & 63) << trailing
				buf, n = buf<<(mbits&63), n-uint(mbits)
			} else {
				var x uint64
				x, buf, n, p = readLong(b, buf, n, p, uint(mbits))
				v ^= x << trailing
			}
		}
		if p > end && 8*p-int(n) > 8*end {
			return i
		}
		ts[i], vs[i] = t, math.Float64frombits(v)
	}
	return len(ts)
}

// refill tops the buffer up to at least 56 bits.
func refill(b []byte, buf uint64, n uint, p int) (uint64, uint, int) {
	return buf | binary.BigEndian.Uint64(b[p:])>>(n&63), n | 56, p + int((63-n)>>3)
}

// readLong reads 57 to 64 bits, more than the buffer may hold, from a buffer just refilled.
func readLong(b []byte, buf uint64, n uint, p int, size uint) (uint64, uint64, uint, int) {
	high := buf >> 32
	buf, n, p = refill(b, buf<<32, n-32, p)
	size -= 32
	return high<<size | buf>>(64-size), buf << size, n - size, p
}

// readDeltaOfDelta reads a delta of deltas that is not zero: a prefix, then 14, 17, 20 or 64 bits.
func readDeltaOfDelta(b []byte, buf uint64, n uint, p int) (int64, uint64, uint, int) {
	var prefix, size uint
	switch bits.LeadingZeros64(^buf) {
	case 1:
		prefix, size = 2, 14
	case 2:
		prefix, size = 3, 17
	case 3:
		prefix, size = 4, 20
	default:
		buf, n, p = refill(b, buf<<4, n-4, p)
		x, buf, n, p := readLong(b, buf, n, p, 64)
		return int64(x), buf, n, p
	}
	x := buf << prefix >> (64 - size)
	if x > 1<<(size-1) { // from -(2^(size-1))+1 to 2^(size-1), see docs/bstream.md of chunkenc
		x -= 1 << size
	}
	return int64(x), buf << (prefix + size), n - prefix - size, p
}

// padded returns the chunk with padding bytes behind it: whatever follows it in memory, or zeros in a copy.
func padded(chunk []byte) []byte {
	if size := len(chunk) + padding; size <= cap(chunk) {
		return chunk[:size]
	}
	b := make([]byte, len(chunk)+padding)
	copy(b, chunk)
	return b
}
