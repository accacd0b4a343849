package collector

import "hash/crc32"

// fragment is a run of whole lines. Its compressed form consists of non-final deflate blocks that end on a byte
// boundary and refer to nothing before them, so fragments joined in any order form one deflate stream.
type fragment struct {
	plain    []byte
	deflated []byte
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
	b.plain += len(f.plain)
	b.deflated += len(f.deflated)
	b.crc = crc32.Update(b.crc, crc32.IEEETable, f.plain)
}
