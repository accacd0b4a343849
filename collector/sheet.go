package collector

import (
	"hash/crc32"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
)

// fragment is a run of whole lines. Its compressed form consists of deflate blocks that end on a byte, are not final and refer to nothing before them,
// so that fragments joined in any order are one deflate stream.
type fragment struct {
	plain    []byte
	deflated []byte
}

// body is a snapshot as text: fragments in the order in which they are sent.
type body struct {
	fragments []fragment
	plain     int    // bytes of their plain texts
	deflated  int    // bytes of their compressed forms
	crc       uint32 // CRC-32 (IEEE) of their plain texts
	results   int
}

func (b *body) add(f fragment) {
	b.fragments = append(b.fragments, f)
	b.plain += len(f.plain)
	b.deflated += len(f.deflated)
	b.crc = crc32.Update(b.crc, crc32.IEEETable, f.plain)
}

// sheet holds what was last rendered of each part, in one way of writing label names.
type sheet struct {
	renderer *renderer
	utf8     bool
	parts    map[*detector.Part]*rendering
	keys     map[uint64]struct{} // hashes of the series that are on the sheet
}

func newSheet(r *renderer, utf8 bool) *sheet {
	return &sheet{renderer: r, utf8: utf8, parts: map[*detector.Part]*rendering{}, keys: map[uint64]struct{}{}}
}

// turnTo leaves the parts of s on the sheet, and calls rendered for each that is new there. Where plain, if not nil, says that no label name of a part
// needs escaping, that rendering serves here too; its series need no keys then, for no other part has the same detector's name on its series.
func (sh *sheet) turnTo(s *detector.Snapshot, plain *sheet, rendered func(*detector.Part, *rendering)) {
	next := make(map[*detector.Part]*rendering, len(s.Parts))
	for _, p := range s.Parts {
		if kept, ok := sh.parts[p]; ok {
			next[p] = kept
		}
	}
	// What went frees its keys before anything new is compared with them.
	for p, gone := range sh.parts {
		if next[p] == nil {
			for _, key := range gone.keys {
				delete(sh.keys, key)
			}
		}
	}
	for _, p := range s.Parts {
		if next[p] != nil {
			continue
		}
		if plain != nil && !plain.parts[p].odd {
			shared := *plain.parts[p]
			shared.keys = nil
			next[p] = &shared
			continue
		}
		next[p] = sh.renderer.render(p, sh.utf8, sh.keys)
		rendered(p, next[p])
	}
	sh.parts = next
}

// odd reports whether some label name on the sheet is not for every scraper.
func (sh *sheet) odd() bool {
	for _, r := range sh.parts {
		if r.odd {
			return true
		}
	}
	return false
}

// assemble joins the parts of s family by family, as both formats demand.
func (sh *sheet) assemble(s *detector.Snapshot) *body {
	b := &body{}
	for family := range detector.NumFamilies {
		headed := false
		for _, p := range s.Parts {
			lines := sh.parts[p].families[family]
			if len(lines.plain) == 0 {
				continue
			}
			if !headed {
				b.add(sh.renderer.headers[family])
				headed = true
			}
			b.add(lines)
		}
	}
	for _, p := range s.Parts {
		b.results += sh.parts[p].results
	}
	return b
}
