package schedule

import (
	"context"
	"sync"
	"sync/atomic"
)

// Workers bounds how many series are processed at the same time, over all detectors that share it.
type Workers struct{ slots chan struct{} }

// NewWorkers returns Workers that run n tasks at a time, at least one.
func NewWorkers(n int) *Workers { return &Workers{make(chan struct{}, max(n, 1))} }

// Each calls do for all items, as many at a time as w allows. It calls scratch once for each goroutine, and passes the
// result to the calls of that goroutine. When ctx ends, the remaining items are left out.
func Each[T, S any](ctx context.Context, w *Workers, items []T, scratch func() S, do func(T, S)) {
	var next atomic.Int64
	var goroutines sync.WaitGroup
	for range min(cap(w.slots), len(items)) {
		goroutines.Go(func() {
			own := scratch()
			for {
				i := int(next.Add(1)) - 1
				if i >= len(items) || ctx.Err() != nil {
					return
				}
				select {
				case w.slots <- struct{}{}:
				case <-ctx.Done():
					return
				}
				func() {
					defer func() { <-w.slots }()
					do(items[i], own)
				}()
			}
		})
	}
	goroutines.Wait()
}

// partSize is how many series a worker advances between two reports. Chosen: well below a second of fits, and so many
// that the workers hardly wait for each other.
const partSize = 128

// PartSize returns how many series to advance between two reports.
func (w *Workers) PartSize() int { return partSize * cap(w.slots) }

// Fitting is how models are fitted: on shared workers, and measured.
type Fitting struct {
	Workers *Workers
	Observe func(model string, fit func()) // runs fit and measures its duration
}
