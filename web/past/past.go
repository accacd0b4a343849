// Package past replays what was published of series, step by step, one replay at a time, and remembers the last ones.
package past

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

const (
	// maxReplays is how many replays may wait for their turn. Guard: it bounds the load on Prometheus.
	maxReplays = 8
	// keptSteps is how many steps of all replays are remembered. Guard: a step takes some 100 bytes, so this is 10 MB.
	keptSteps, stepBytes = 100_000, 100
	// keptMembers is of how many members of a pool, those with the highest scores, the values are remembered, and
	// seriesBytes is what a series takes without. Guard: a pool of thousands would take all of the memory.
	keptMembers, seriesBytes = 50, 500
	// MaxSteps bounds the steps of a replay. Chosen: two weeks of minutes, which are the defaults of history and step.
	MaxSteps = 21_000
	// replayTimeout bounds a replay, which takes less than a second for a week at 5m of a detector with few series.
	replayTimeout = time.Minute
)

// ErrBusy says that too many replays are waiting.
var ErrBusy = errors.New("too many histories are being replayed; try again in a few seconds")

// An Invalid error is the fault of who asked.
type Invalid struct{ error }

// Unwrap returns what is wrong.
func (e Invalid) Unwrap() error { return e.error }

// Invalidf returns an Invalid error.
func Invalidf(format string, args ...any) error { return Invalid{fmt.Errorf(format, args...)} }

// Replay calls emit with the results of some series, given by the labels of their input, at each step from start to
// end, as they were published. Results of others may be there, too.
type Replay func(
	ctx context.Context, source result.Source, series []labels.Labels, start, end time.Time, emit func(*result.Batch),
) error

// A Span is what to replay: a series from a step to another (ms), both included.
type Span struct {
	Source   result.Source
	ID       uint64
	Input    labels.Labels // of the series
	From, To int64
}

// key tells spans apart.
type key struct {
	source   result.Source
	id       uint64
	from, to int64
}

func (s *Span) key() key { return key{s.Source, s.ID, s.From, s.To} }

// NewSpan returns the Span of a series of a batch from a time to another; zero: the step of the batch, which is also
// the latest.
func NewSpan(b *result.Batch, s *result.Series, from, to time.Time) (span Span, err error) {
	step := b.Format.Step
	if newest := time.UnixMilli(b.Step); to.IsZero() || to.After(newest) {
		to = newest
	}
	span = Span{b.Source, s.ID, s.Input, from.Truncate(step).UnixMilli(), to.Truncate(step).UnixMilli()}
	switch steps := (span.To - span.From) / step.Milliseconds(); {
	case steps < 0:
		return span, Invalidf("start: %s is after end", from.Format(time.RFC3339))
	case steps > MaxSteps:
		return span, Invalidf("%d steps between start and end are more than %d", steps, MaxSteps)
	}
	return span, nil
}

// Past replays. It is safe for concurrent use.
type Past struct {
	replay  Replay
	waiting chan struct{} // a place in the queue
	turn    chan []kept   // the one that may run, with what is remembered

	mu     sync.Mutex // guards what follows
	sinces sinces
}

type kept struct {
	key     any // that of a Span, or a type made of one
	history replayed
}

// New returns a Past.
func New(replay Replay) *Past {
	p := &Past{replay: replay, waiting: make(chan struct{}, maxReplays), turn: make(chan []kept, 1)}
	p.sinces.known, p.sinces.asked = map[start]map[uint64]result.Since{}, map[start]map[uint64]labels.Labels{}
	p.turn <- nil
	return p
}

// replayed is the result of a replay.
type replayed interface{ steps() int }

// remembered returns what is remembered for a key, or for another that serves as well, or else what run returns, once
// it is its turn. Keys of one type are of histories of one type.
func remembered[H replayed](
	ctx context.Context, p *Past, key any, run func(context.Context) (H, error), others ...any,
) (h H, err error) {
	ctx, cancel := context.WithTimeout(ctx, replayTimeout)
	defer cancel()
	select {
	case p.waiting <- struct{}{}:
		defer func() { <-p.waiting }()
	default:
		return h, ErrBusy
	}
	var memory []kept
	select {
	case memory = <-p.turn:
		defer func() { p.turn <- memory }()
	case <-ctx.Done():
		return h, context.Cause(ctx)
	}
	for _, k := range memory {
		if k.key == key || slices.Contains(others, k.key) {
			return k.history.(H), nil
		}
	}
	if h, err = run(ctx); err == nil {
		memory = append(memory, kept{key, h})
		steps := 0
		for i, k := range slices.Backward(memory) {
			if steps += k.history.steps(); steps > keptSteps {
				memory = slices.Delete(memory, 0, i+1)
				break
			}
		}
	}
	return h, err
}

// A History is what was published of a series, step by step: arrays of the same length, and the alerts.
type History struct {
	Time     []int64  `json:"time"` // seconds since 1970
	Value    []Number `json:"value"`
	Expected []Number `json:"expected"`
	Lower    []Number `json:"lower"`
	Upper    []Number `json:"upper"`
	Score    []Number `json:"score"`
	Muted    []bool   `json:"muted"`
	Masked   []bool   `json:"masked"` // the first input was not learned from
	// Alerts are those that the shipped rule would have raised on the score of this series alone: when they began, and
	// until when they lasted. One that lasted when the history begins is not known.
	Alerts [][2]int64 `json:"alerts"`

	// Refits are the steps at which a newer model took over; the first one in the history is not known.
	Refits []int64 `json:"refits"`

	firing  bool          // the newest alert
	learned int64         // until when the newest model had learned
	newest  *result.Batch // of the newest step; nil: it was not asked for
}

// steps is how many steps take as much memory. What is left of a batch are mainly its histories.
func (h *History) steps() int {
	n := len(h.Time)
	if h.newest != nil {
		for i := range h.newest.Series {
			n += seriesBytes / stepBytes
			for _, view := range h.newest.Series[i].History {
				n += int(view.Layout().Bytes() / stepBytes)
			}
		}
	}
	return n
}

// newest is the key of a history with its newest batch.
type newest struct{ key }

// Series replays a series. Errors tell whether the request or the source was at fault.
func (p *Past) Series(ctx context.Context, span Span) (*History, error) {
	return remembered(ctx, p, span.key(), func(ctx context.Context) (*History, error) {
		h := &History{Alerts: [][2]int64{}, Refits: []int64{}}
		err := p.replay.one(ctx, span, at(span.From), h.Add)
		return h, err
	}, newest{span.key()})
}

// Batch replays a series in the same way, and returns the results of the newest step of the span at which it had a
// value; nil: it never had one. Other members of its pool are there, too; only those with the highest scores have
// values.
func (p *Past) Batch(ctx context.Context, span Span) (*result.Batch, error) {
	h, err := remembered(ctx, p, newest{span.key()}, func(ctx context.Context) (*History, error) {
		h := &History{Alerts: [][2]int64{}, Refits: []int64{}}
		err := p.replay.one(ctx, span, at(span.From), func(b *result.Batch, s *result.Series) {
			h.newest = b
			h.Add(b, s)
		})
		if h.newest != nil {
			h.newest = trimmed(h.newest, span.ID)
		}
		return h, err
	})
	if err != nil {
		return nil, err
	}
	return h.newest, nil
}

// trimmed returns a batch with the values of a series and of some other members of its pool.
func trimmed(b *result.Batch, id uint64) *result.Batch {
	if len(b.Series) <= keptMembers {
		return b
	}
	order := make([]int, len(b.Series))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, k int) int {
		return cmp.Compare(b.Series[k].Score.Value, b.Series[i].Score.Value)
	})
	kept := *b
	kept.Series = slices.Clone(b.Series)
	for _, i := range order[keptMembers:] {
		if kept.Series[i].ID != id {
			kept.Series[i].History = nil
		}
	}
	return &kept
}

// one replays the series of a span, from a step to the end of the span.
func (r Replay) one(ctx context.Context, span Span, from time.Time, emit func(*result.Batch, *result.Series)) error {
	return r.run(ctx, span.Source, []labels.Labels{span.Input}, from, at(span.To), func(b *result.Batch) {
		i := slices.IndexFunc(b.Series, func(s result.Series) bool { return labels.Equal(s.Input, span.Input) })
		if i >= 0 {
			emit(b, &b.Series[i])
		}
	})
}

func (r Replay) run(
	ctx context.Context, source result.Source, series []labels.Labels, start, end time.Time, emit func(*result.Batch),
) error {
	if err := r(ctx, source, series, start, end, emit); err != nil {
		return fmt.Errorf("replaying the history: %w", err)
	}
	return nil
}

// Add adds the results of a series at the step of a batch.
func (h *History) Add(b *result.Batch, s *result.Series) {
	h.Time = append(h.Time, b.Step/1000)
	h.Value = append(h.Value, Number(b.Value(s, 0)))
	h.Expected = append(h.Expected, Number(s.Score.Expected))
	h.Lower = append(h.Lower, Number(s.Score.Lower))
	h.Upper = append(h.Upper, Number(s.Score.Upper))
	h.Score = append(h.Score, Number(s.Score.Value))
	h.Muted = append(h.Muted, s.State.State == result.Muted)
	masked := false
	if len(s.History) > 0 {
		_, masked = s.History[0].Value(b.Step)
	}
	h.Masked = append(h.Masked, masked)
	if to := s.Score.To; to != 0 && to != h.learned {
		if h.learned != 0 {
			h.Refits = append(h.Refits, b.Step/1000)
		}
		h.learned = to
	}

	h.firing = h.firing && s.Since.At != 0
	for _, a := range b.Alerts {
		if a.Series.ID == s.ID {
			h.Alerts, h.firing = append(h.Alerts, [2]int64{a.At / 1000, 0}), true
		}
	}
	if h.firing {
		h.Alerts[len(h.Alerts)-1][1] = b.Step / 1000
	}
}

func at(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
