package collector

import (
	"bytes"
	"compress/flate"
	"hash/crc32"
	"hash/maphash"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// rendering is a batch as text, with a fragment for each family.
type rendering struct {
	families      [result.NumFamilies]fragment
	results       int
	series        []uint64 // hashes of the series
	needsEscaping bool     // a label name is not [a-zA-Z_][a-zA-Z0-9_]*

	duplicate, invalid int // numbers of dropped results
}

// packFrom is how much text is compressed at once. Chosen: the largest block of a deflate stream.
const packFrom = 1 << 16

// renderer turns batches into text. It reuses its buffers from batch to batch.
type renderer struct {
	headers  [result.NumFamilies]fragment
	seed     maphash.Seed
	series   []uint64     // hashes
	text     []byte       // of the fragment in progress, what is not compressed yet
	packed   bytes.Buffer // of the fragment in progress, what is
	plain    int          // bytes of text that have been compressed
	crc      uint32       // of them
	deflater *flate.Writer
}

func newRenderer() *renderer {
	r := &renderer{seed: maphash.MakeSeed(), deflater: newDeflater()}
	for family := range result.NumFamilies {
		r.begin()
		r.text = appendHeader(r.text, family.Name(), family.Help())
		r.headers[family] = r.fragment()
	}
	return r
}

// newDeflater returns a compressor at the fastest level. Exposition text is so repetitive that other levels hardly make
// it smaller.
func newDeflater() *flate.Writer {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // only for an invalid level
	}
	return w
}

// begin begins a fragment.
func (r *renderer) begin() {
	r.packed.Reset()
	r.deflater.Reset(&r.packed)
	r.text, r.plain, r.crc = r.text[:0], 0, 0
}

// pack compresses the text so far.
func (r *renderer) pack() {
	_, _ = r.deflater.Write(r.text) // to a bytes.Buffer, which does not fail
	r.plain += len(r.text)
	r.crc = crc32.Update(r.crc, crc32.IEEETable, r.text)
	r.text = r.text[:0]
}

// fragment ends the fragment in progress.
func (r *renderer) fragment() fragment {
	r.pack()
	_ = r.deflater.Flush() // likewise
	return fragment{deflated: bytes.Clone(r.packed.Bytes()), plain: r.plain, crc: r.crc}
}

// render renders the results of b without the dropped kinds, and adds the hashes of their series to known. It drops and
// counts results whose series is already known, and results with labels that no scraper accepts.
func (r *renderer) render(
	b *result.Batch, dropped result.Selection, utf8Names bool, known map[uint64]struct{},
) *rendering {
	out := &rendering{}
	r.series = r.series[:0]
	for family := range result.NumFamilies {
		name, before := family.Name(), out.results
		r.begin()
		b.Flatten(family, dropped, func(s result.Sample) bool {
			start := len(r.text)
			series, needsEscaping, ok := appendSeries(r.text, name, &s, utf8Names)
			out.needsEscaping = out.needsEscaping || needsEscaping
			if !ok {
				out.invalid++
				return true
			}
			hash := maphash.Bytes(r.seed, series[start:])
			size := len(known)
			if known[hash] = struct{}{}; len(known) == size { // cheaper than to look it up first
				out.duplicate++
				return true
			}
			r.series = append(r.series, hash)
			r.text = append(appendValue(append(series, ' '), s.Value), '\n')
			out.results++
			if len(r.text) >= packFrom {
				r.pack()
			}
			return true
		})
		if out.results > before {
			out.families[family] = r.fragment()
		}
	}
	out.series = slices.Clone(r.series)
	return out
}
