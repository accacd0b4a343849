// Package chunk encodes, validates and decodes the compressed chunks of a series: those of a streamed answer, and
// those that a sampled answer is compressed into. It encodes with chunkenc. XOR chunks it decodes itself, a whole
// chunk at a time, which takes less CPU time than the iterator of chunkenc (BenchmarkXOR compares them).
package chunk

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// Chunk is a compressed part of a series.
type Chunk struct {
	MinTime, MaxTime int64 // of its samples, in milliseconds since the epoch, as the server declares them
	Encoding         chunkenc.Encoding
	Data             []byte // not validated before it is iterated over
}

// Known reports whether chunks of an encoding can be decoded here. The number comes from the network, so it may be
// any.
func Known(encoding uint64) bool {
	return encoding <= 255 && chunkenc.IsValidEncoding(chunkenc.Encoding(encoding))
}

// NumSamples returns how many samples a chunk declares: in all encodings the first two bytes. It returns 0 if the
// data is shorter than that.
func NumSamples(data []byte) int {
	if len(data) < 2 {
		return 0
	}
	return int(binary.BigEndian.Uint16(data))
}

// CompactCopy returns a copy of the chunks whose data lies in one piece of memory of its own. There are padding bytes
// behind the data of the last chunk, so the XOR decoder need not copy it.
func CompactCopy(chunks []Chunk) []Chunk {
	size := padding
	for _, c := range chunks {
		size += len(c.Data)
	}
	memory := make([]byte, 0, size)
	chunks = slices.Clone(chunks)
	for i, c := range chunks {
		start := len(memory)
		memory = append(memory, c.Data...)
		chunks[i].Data = memory[start:]
	}
	return chunks
}

// NonOverlapping distributes the chunks of a series over as few sequences as possible, such that within a sequence no
// two chunks overlap in time and each begins after the one before. The sequences are to be merged sample by sample.
// If the chunks are such a sequence already, it returns nil, and leaves them as they are; else it sorts them.
func NonOverlapping(chunks []Chunk) [][]Chunk {
	overlap := false
	for i := range len(chunks) - 1 {
		overlap = overlap || chunks[i].MaxTime >= chunks[i+1].MinTime
	}
	if !overlap {
		return nil
	}
	slices.SortStableFunc(chunks, func(a, b Chunk) int { return cmp.Compare(a.MinTime, b.MinTime) })
	var sequences [][]Chunk
next:
	for _, c := range chunks {
		for i, s := range sequences {
			if s[len(s)-1].MaxTime < c.MinTime {
				sequences[i] = append(s, c)
				continue next
			}
		}
		sequences = append(sequences, []Chunk{c})
	}
	return sequences
}

// corrupt is the error for a chunk that cannot be decoded.
func (c *Chunk) corrupt(err error) error {
	return fmt.Errorf("%s chunk at %d ms: %w", c.Encoding, c.MinTime, err)
}
