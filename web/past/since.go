package past

import (
	"context"
	"maps"
	"time"

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
	asked map[start]map[uint64]bool
	size  int           // of both
	found int           // replays that have told something
	done  chan struct{} // closed once nothing is asked any more; nil: nothing is
}

// Since returns since when the score of a series had been high that was high when the exporter began to watch it. As
// long as that is not known, ok is false, and a replay finds it out in the background.
func (p *Past) Since(source result.Source, id uint64, at int64) (since result.Since, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, key := &p.sinces, start{source, at}
	if since, ok = s.known[key][id]; ok || s.asked[key][id] {
		return since, ok
	}
	if s.size >= maxSinces && s.done == nil {
		clear(s.known)
		s.size = 0
	}
	if s.size >= maxSinces {
		return since, false
	}
	if s.asked[key] == nil {
		s.asked[key] = map[uint64]bool{}
	}
	s.asked[key][id] = true
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
		key, ids := p.nextSince()
		if len(ids) == 0 {
			return
		}
		found := p.replaySince(key, ids)
		p.mu.Lock()
		p.sinces.size -= len(ids) - len(found)
		p.sinces.found += min(1, len(found))
		delete(p.sinces.asked, key)
		if p.sinces.known[key] == nil {
			p.sinces.known[key] = map[uint64]result.Since{}
		}
		maps.Copy(p.sinces.known[key], found)
		p.mu.Unlock()
	}
}

// nextSince returns a start and the series that are asked for; none: nothing is asked.
func (p *Past) nextSince() (key start, ids []uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, asked := range p.sinces.asked {
		for id := range asked {
			ids = append(ids, id)
		}
		return key, ids
	}
	p.sinces.done = nil
	return key, nil
}

// replaySince replays what led to a start, once it is its turn.
func (p *Past) replaySince(key start, ids []uint64) map[uint64]result.Since {
	// Whoever asked first may be gone by now.
	ctx, cancel := context.WithTimeout(context.Background(), replayTimeout)
	defer cancel()
	select {
	case memory := <-p.turn:
		defer func() { p.turn <- memory }()
	case <-ctx.Done():
		return nil
	}
	found := map[uint64]result.Since{}
	begin := at(key.at)
	err := p.replay.run(ctx, key.source, ids, begin.Add(-sinceBack), begin, func(b *result.Batch, s *result.Series) {
		if b.Step == key.at && s.Since.At != 0 {
			found[s.ID] = s.Since
		}
	})
	if err != nil {
		return nil
	}
	for _, id := range ids {
		if _, ok := found[id]; !ok { // the source has changed what it holds
			found[id] = result.Since{At: key.at, OrEarlier: true}
		}
	}
	return found
}
