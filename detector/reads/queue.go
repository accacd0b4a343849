// Package reads bounds how many groups read history at the same time. Those that are expected to be quick go first.
package reads

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
	// slowDelay is how much later than a quick read a slow one gets its turn, as a multiple of its duration. Chosen, not
	// tuned: small detectors go first, and each gets its turn.
	slowDelay = 4
)

// A Queue lets groups read. It is safe for concurrent use.
type Queue struct {
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

// New returns a Queue that lets so many groups read at the same time, at least one.
func New(limit int) *Queue { return &Queue{limit: max(limit, 1), slowAfter: slowRead} }

// Limit returns how many groups may read at the same time.
func (q *Queue) Limit() int { return q.limit }

// Acquire waits until a read that takes about as long as expected may begin; 0 means that it is not known. The returned
// function ends it, and may be called any number of times. The error is that of ctx, or says that it was not its turn
// within the longest time.
func (q *Queue) Acquire(ctx context.Context, expected, longest time.Duration) (release func(), err error) {
	me := &reader{
		quick: expected < q.slowAfter, due: time.Now().Add(slowDelay * expected), turn: make(chan struct{}),
	}
	q.mu.Lock()
	q.waiting = append(q.waiting, me)
	slices.SortStableFunc(q.waiting, func(a, b *reader) int { return a.due.Compare(b.due) })
	q.begin()
	q.mu.Unlock()
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-me.turn:
		return q.run(), nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = fmt.Errorf("none of %d reads in progress has finished within %s", q.limit, longest)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiting, me); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		return nil, err
	}
	q.running-- // it was its turn just now
	q.begin()
	return nil, err
}

// TryAcquire begins a read if nobody waits for a turn and fewer read than may; ok is false otherwise. The returned
// function is that of Acquire.
func (q *Queue) TryAcquire() (release func(), ok bool) {
	q.mu.Lock()
	ok = len(q.waiting) == 0 && q.running < q.limit
	if ok {
		q.running++
	}
	q.mu.Unlock()
	if !ok {
		return nil, false
	}
	return q.run(), true
}

// run returns the function that ends a read, and notes if the read turns out to be slow.
func (q *Queue) run() (release func()) {
	var slow, over bool
	timer := time.AfterFunc(q.slowAfter, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if !over {
			slow = true
			q.slow++
			q.begin()
		}
	})
	return sync.OnceFunc(func() {
		timer.Stop()
		q.mu.Lock()
		defer q.mu.Unlock()
		over = true
		if slow {
			q.slow--
		}
		q.running--
		q.begin()
	})
}

// begin lets those begin whose turn it is. Quick ones do not wait for slow ones, up to twice the limit in all.
func (q *Queue) begin() {
	q.waiting = slices.DeleteFunc(q.waiting, func(next *reader) bool {
		free := q.running < q.limit || next.quick && q.running-q.slow < q.limit && q.running < 2*q.limit
		if free {
			q.running++
			close(next.turn)
		}
		return free
	})
}
