package detector

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// slowRead is when a read counts as slow: it then no longer keeps quick ones waiting. Chosen, not tuned: most reads
	// of a cycle take less than a second.
	slowRead = 5 * time.Second
	// patience is how much later than a quick read a slow one gets its turn, as a multiple of its duration. Chosen, not
	// tuned: small detectors go first, and none is put off for ever.
	patience = 4
	// maxWait is how long a read waits for its turn before its cycle fails. Chosen: as long as results are kept.
	maxWait = maxAge
)

// reads bounds how many groups read history at the same time. Those that are expected to be quick go first.
type reads struct {
	limit     int
	slowAfter time.Duration

	mu      sync.Mutex
	running int
	slow    int // of those running, how many have turned out to be slow
	waiting []*reader
}

// reader is a group that reads or waits for its turn.
type reader struct {
	quick bool
	due   time.Time // of two that wait, the earlier one goes first
	turn  chan struct{}
}

func newReads(limit int) *reads { return &reads{limit: max(limit, 1), slowAfter: slowRead} }

// acquire waits until a read that takes about as long as expected may begin; 0 means that it is not known. The returned
// function ends it, and may be called any number of times.
func (r *reads) acquire(ctx context.Context, expected, longest time.Duration) (release func(), err error) {
	me := &reader{
		quick: expected < r.slowAfter, due: time.Now().Add(patience * expected), turn: make(chan struct{}),
	}
	r.mu.Lock()
	r.waiting = append(r.waiting, me)
	slices.SortStableFunc(r.waiting, func(a, b *reader) int { return a.due.Compare(b.due) })
	r.begin()
	r.mu.Unlock()
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-me.turn:
		return r.run(), nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = fmt.Errorf("none of %d reads in progress has finished within %s", r.limit, longest)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.Index(r.waiting, me); i >= 0 {
		r.waiting = slices.Delete(r.waiting, i, i+1)
		return nil, err
	}
	r.running-- // it was its turn just now
	r.begin()
	return nil, err
}

// run returns the function that ends a read, and notes if the read turns out to be slow.
func (r *reads) run() (release func()) {
	var slow, over bool
	timer := time.AfterFunc(r.slowAfter, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !over {
			slow = true
			r.slow++
			r.begin()
		}
	})
	return sync.OnceFunc(func() {
		timer.Stop()
		r.mu.Lock()
		defer r.mu.Unlock()
		over = true
		if slow {
			r.slow--
		}
		r.running--
		r.begin()
	})
}

// begin lets those begin whose turn it is. Quick ones do not wait for slow ones, up to twice the limit in all.
func (r *reads) begin() {
	r.waiting = slices.DeleteFunc(r.waiting, func(next *reader) bool {
		free := r.running < r.limit || next.quick && r.running-r.slow < r.limit && r.running < 2*r.limit
		if free {
			r.running++
			close(next.turn)
		}
		return free
	})
}
