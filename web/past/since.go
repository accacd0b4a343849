package past

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

const (
	// sinceBack is how far back the start of an anomaly is looked for. Chosen: a new level is normal after 36 hours, so
	// hardly anything is anomalous for longer.
	sinceBack = 48 * time.Hour
	// maxSinces is of how many series the start is looked for and remembered. Guard: an exporter that starts during an
	// outage of everything has better things to do.
	maxSinces = 1000
	// settleFor is how long an answer waits for it. Guard: it takes a second or two if few series are anomalous.
	settleFor = 3 * time.Second
)

// A start is a step at which the exporter began to watch the scores of a detector.
type start struct {
	source result.Source
	at     int64 // ms
}

// sinces is what is known, and what is asked, of scores that were high at a start. Past.mu guards it.
type sinces struct {
	known map[start]map[uint64]result.Since
	asked map[start]map[uint64]labels.Labels // of the inputs
	size  int                                // of both
	found int                                // replays that have told something
	done  chan struct{}                      // closed once nothing is asked any more; nil: nothing is
}

// Since returns since when the score of a series had been high that was high when the exporter began to watch it. As
// long as that is not known, ok is false, and a replay finds it out in the background.
func (p *Past) Since(source result.Source, series *result.Series, at int64) (since result.Since, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, key, id := &p.sinces, start{source, at}, series.ID
	if since, ok = s.known[key][id]; ok {
		return since, ok
	}
	if _, asked := s.asked[key][id]; asked {
		return since, false
	}
	if s.size >= maxSinces && s.done == nil {
		clear(s.known)
		s.size = 0
	}
	if s.size >= maxSinces {
		return since, false
	}
	if s.asked[key] == nil {
		s.asked[key] = map[uint64]labels.Labels{}
	}
	s.asked[key][id] = series.Input
	s.size++
	if s.done == nil {
		s.done = make(chan struct{})
		go p.findSinces(s.done)
	}
	return since, false
}

// Settle calls describe, which may ask for starts. If they become known soon, it calls describe again.
func (p *Past) Settle(ctx context.Context, describe func()) {
	_, before := p.state()
	describe()
	ctx, cancel := context.WithTimeout(ctx, settleFor)
	defer cancel()
	p.await(ctx)
	if _, found := p.state(); found != before {
		describe()
	}
}

// SettleAll is like Settle, but waits as long as it takes.
func (p *Past) SettleAll(ctx context.Context, describe func()) {
	for {
		_, before := p.state()
		describe()
		p.await(ctx)
		if _, found := p.state(); found == before || ctx.Err() != nil {
			return
		}
	}
}

// await waits until nothing is asked any more, or ctx ends.
func (p *Past) await(ctx context.Context) {
	if done, _ := p.state(); done != nil {
		select {
		case <-done:
		case <-ctx.Done():
		}
	}
}

func (p *Past) state() (done chan struct{}, found int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sinces.done, p.sinces.found
}

// findSinces answers what is asked, detector by detector, until nothing is. What fails is asked again by who wants to
// know.
func (p *Past) findSinces(done chan struct{}) {
	defer close(done)
	for {
		key, ok := p.nextSince()
		if !ok {
			return
		}
		asked, found := p.replaySince(key)
		p.mu.Lock()
		p.sinces.size -= len(asked) - len(found)
		p.sinces.found += min(1, len(found))
		still := p.sinces.asked[key] // meanwhile more may have been asked
		maps.DeleteFunc(still, func(id uint64, _ labels.Labels) bool { _, ok := asked[id]; return ok })
		if len(still) == 0 {
			delete(p.sinces.asked, key)
		}
		if p.sinces.known[key] == nil {
			p.sinces.known[key] = map[uint64]result.Since{}
		}
		maps.Copy(p.sinces.known[key], found)
		p.mu.Unlock()
	}
}

// nextSince returns a start of which series are asked for; false: nothing is asked.
func (p *Past) nextSince() (key start, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key := range p.sinces.asked {
		return key, true
	}
	p.sinces.done = nil
	return key, false
}

// askedFor returns the series that are asked for of a start.
func (p *Past) askedFor(key start) map[uint64]labels.Labels {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.sinces.asked[key])
}

// replaySince replays what led to a start, once it is its turn, for all that are asked for by then.
func (p *Past) replaySince(key start) (asked map[uint64]labels.Labels, found map[uint64]result.Since) {
	// Whoever asked first may be gone by now.
	ctx, cancel := context.WithTimeout(context.Background(), replayTimeout)
	defer cancel()
	select {
	case memory := <-p.turn:
		defer func() { p.turn <- memory }()
	case <-ctx.Done():
		return p.askedFor(key), nil
	}
	asked = p.askedFor(key)
	found = map[uint64]result.Since{}
	begin := at(key.at)
	inputs := slices.Collect(maps.Values(asked))
	err := p.replay.run(ctx, key.source, inputs, begin.Add(-sinceBack), begin, func(b *result.Batch) {
		for id := range asked {
			if s := b.Find(id); s != nil && b.Step == key.at && s.Since.At != 0 {
				found[id] = s.Since
			}
		}
	})
	if err != nil {
		return asked, nil
	}
	for id := range asked {
		if _, ok := found[id]; !ok { // the source has changed what it holds
			found[id] = result.Since{At: key.at, OrEarlier: true}
		}
	}
	return asked, found
}
