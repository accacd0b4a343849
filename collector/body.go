package collector

import (
	"bytes"
	"hash/crc32"
	"io"
)

// fragment is a run of whole lines, compressed. It consists of non-final deflate blocks that end on a byte boundary and
// refer to nothing before them, so fragments joined in any order form one deflate stream. The plain text, twelve times
// as large, is not kept: scrapers ask for gzip.
type fragment struct {
	deflated []byte
	plain    int    // size of the plain text in bytes
	crc      uint32 // CRC-32 (IEEE) of the plain text
}

// body is a snapshot as text: fragments in the order in which they are sent.
type body struct {
	fragments []fragment
	plain     int    // total size of the plain texts in bytes
	deflated  int    // total size of the compressed forms in bytes
	crc       uint32 // CRC-32 (IEEE) of the plain texts
	results   int
}

func (b *body) add(f fragment) {
	b.fragments = append(b.fragments, f)
	b.crc = joinCRC(b.crc, f.crc, f.plain)
	b.plain += f.plain
	b.deflated += len(f.deflated)
}

// reader returns what reads the fragments as they are, compressed.
func (b *body) reader() io.Reader {
	all := make([]io.Reader, len(b.fragments))
	for i, f := range b.fragments {
		all[i] = bytes.NewReader(f.deflated)
	}
	return io.MultiReader(all...)
}

// joinCRC returns the CRC-32 (IEEE) of two texts, given that of each and the length of the second in bytes. Appending n
// bytes multiplies the polynomial of the first by x^8n, as in crc32_combine of zlib.
func joinCRC(first, second uint32, n int) uint32 {
	power := uint32(1) << 23 // x^8; the highest bit is x^0
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			first = multiplyCRC(first, power)
		}
		power = multiplyCRC(power, power)
	}
	return first ^ second
}

// multiplyCRC multiplies two polynomials modulo that of the CRC.
func multiplyCRC(a, b uint32) (product uint32) {
	for ; a != 0; a <<= 1 {
		if a>>31 == 1 {
			product ^= b
		}
		carry := b & 1
		b = b>>1 ^ carry*crc32.IEEE
	}
	return product
}
