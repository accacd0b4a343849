package collector

import "github.com/anomaly-exporter/anomaly-exporter/detector/result"

// cacheKey identifies a rendering. The batch alone is not enough, because a sample limit drops kinds of results and
// later restores them.
type cacheKey struct {
	batch   *result.Batch
	publish result.Selection // the kinds that were rendered
}

func keyOf(b *result.Batch, dropped result.Selection) cacheKey {
	return cacheKey{b, b.Format.Publish &^ dropped}
}

// renderCache holds the renderings of the batches of one snapshot, for one way of writing label names.
type renderCache struct {
	renderer   *renderer
	utf8       bool // names stay as they are; false: invalid characters become underscores
	renderings map[cacheKey]*rendering
	series     map[uint64]struct{} // hashes of all series in the renderings
}

func newRenderCache(r *renderer, utf8 bool) *renderCache {
	return &renderCache{
		renderer: r, utf8: utf8, renderings: map[cacheKey]*rendering{}, series: map[uint64]struct{}{},
	}
}

// update makes the cache hold the renderings of the batches of s, and calls rendered for each new one. If plain is not
// nil and has a rendering of a batch in which no label name needs escaping, update shares it. The hashes of its series
// are not needed then, because every batch puts the name of its own detector on its series.
func (c *renderCache) update(s *result.Snapshot, plain *renderCache, rendered func(cacheKey, *rendering)) {
	next := make(map[cacheKey]*rendering, len(s.Batches))
	for _, b := range s.Batches {
		key := keyOf(b, s.Dropped)
		if kept, ok := c.renderings[key]; ok {
			next[key] = kept
		}
	}
	// Release the series of removed batches before comparing them with those of new batches.
	for key, gone := range c.renderings {
		if next[key] == nil {
			for _, hash := range gone.series {
				delete(c.series, hash)
			}
		}
	}
	for _, b := range s.Batches {
		key := keyOf(b, s.Dropped)
		if next[key] != nil {
			continue
		}
		if plain != nil && !plain.renderings[key].needsEscaping {
			shared := *plain.renderings[key]
			shared.series = nil
			next[key] = &shared
			continue
		}
		next[key] = c.renderer.render(b, s.Dropped, c.utf8, c.series)
		rendered(key, next[key])
	}
	c.renderings = next
}

// needsEscaping reports whether the cache has a label name that not every scraper can read.
func (c *renderCache) needsEscaping() bool {
	for _, r := range c.renderings {
		if r.needsEscaping {
			return true
		}
	}
	return false
}

// assemble joins the renderings of the batches of s family by family, as both formats require.
func (c *renderCache) assemble(s *result.Snapshot) *body {
	b := &body{}
	for family := range result.NumFamilies {
		headed := false
		for _, batch := range s.Batches {
			lines := c.renderings[keyOf(batch, s.Dropped)].families[family]
			if lines.plain == 0 {
				continue
			}
			if !headed {
				b.add(c.renderer.headers[family])
				headed = true
			}
			b.add(lines)
		}
	}
	for _, batch := range s.Batches {
		b.results += c.renderings[keyOf(batch, s.Dropped)].results
	}
	return b
}
