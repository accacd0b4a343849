package view

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

const (
	// maxReplays is how many replays may wait for their turn, and keptReplays how many are remembered. Guard: they bound
	// the load on Prometheus, and the memory to some megabytes.
	maxReplays, keptReplays = 8, 64
	// maxPoints bounds the steps of a replay, as Prometheus bounds those of a range query.
	maxPoints = 11_000
	// replayTimeout bounds a replay, which takes less than a second for a week at 5m of a detector with few series.
	replayTimeout = time.Minute
)

// ErrBusy says that too many replays are waiting.
var ErrBusy = errors.New("too many histories are being replayed; try again in a few seconds")

// replayKey tells replays apart.
type replayKey struct {
	source   result.Source
	id       uint64
	from, to int64 // ms
}

// replays runs one replay at a time, and remembers the last ones.
type replays struct {
	waiting chan struct{} // a place in the queue
	turn    chan *[]kept  // the one that may run, with what is remembered
}

type kept struct {
	key     replayKey
	history *History
}

func newReplays() replays {
	r := replays{waiting: make(chan struct{}, maxReplays), turn: make(chan *[]kept, 1)}
	r.turn <- &[]kept{}
	return r
}

// get returns what is remembered for a key, or else what run returns, once it is its turn.
func (r *replays) get(ctx context.Context, key replayKey, run func() (*History, error)) (*History, error) {
	select {
	case r.waiting <- struct{}{}:
		defer func() { <-r.waiting }()
	default:
		return nil, ErrBusy
	}
	var memory *[]kept
	select {
	case memory = <-r.turn:
		defer func() { r.turn <- memory }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	for _, k := range *memory {
		if k.key == key {
			return k.history, nil
		}
	}
	h, err := run()
	if err == nil {
		*memory = append(*memory, kept{key, h})
		if len(*memory) > keptReplays {
			*memory = slices.Delete(*memory, 0, 1)
		}
	}
	return h, err
}

// History replays a series from a time to another (zero: its newest step), as it was published. Errors tell whether
// the request or the source was at fault.
func (v *View) History(ctx context.Context, s *Series, from, to time.Time) (*History, error) {
	step := s.batch.Format.Step
	if to.IsZero() || to.After(s.Step) {
		to = s.Step
	}
	key := replayKey{s.batch.Source, s.series.ID, from.Truncate(step).UnixMilli(), to.Truncate(step).UnixMilli()}
	switch steps := (key.to - key.from) / step.Milliseconds(); {
	case steps < 0:
		return nil, Invalidf("start: %s is after end", from.Format(time.RFC3339))
	case steps > maxPoints:
		return nil, Invalidf("%d steps between start and end are more than %d", steps, maxPoints)
	}
	ctx, cancel := context.WithTimeout(ctx, replayTimeout)
	defer cancel()
	return v.replays.get(ctx, key, func() (*History, error) { return v.replay(ctx, key) })
}

func (v *View) replay(ctx context.Context, key replayKey) (*History, error) {
	h := &History{}
	err := v.o.Replay(ctx, key.source, key.id, at(key.from), at(key.to), func(b *result.Batch, s *result.Series) {
		h.add(b, s)
	})
	if err != nil {
		return nil, fmt.Errorf("replaying the history: %w", err)
	}
	return h, nil
}

// add adds the step of a batch.
func (h *History) add(b *result.Batch, s *result.Series) {
	h.Time = append(h.Time, b.Step/1000)
	h.Value = append(h.Value, Number(b.Value(s, 0)))
	h.Expected = append(h.Expected, Number(s.Score.Expected))
	h.Lower = append(h.Lower, Number(s.Score.Lower))
	h.Upper = append(h.Upper, Number(s.Score.Upper))
	h.Score = append(h.Score, Number(s.Score.Value))
	h.Muted = append(h.Muted, s.State.State == result.Muted)
	if b.Source.Scaler && b.Source.Resource == "" {
		n := math.NaN()
		if s.State == (result.State{}) {
			n = float64(s.Replicas.Replicas)
		}
		h.Replicas = append(h.Replicas, Number(n))
	}
}

// Recent returns the values of the first input of a series over the last while, from memory; NaN where there is none.
func (s *Series) Recent(while time.Duration, points int) []float64 {
	if len(s.series.History) == 0 {
		return nil
	}
	step := s.batch.Format.Step
	each := max(1, int(while/step)/points)
	values := make([]float64, 0, points+1)
	for back := int(while/step) / each * each; back >= 0; back -= each {
		v, _ := s.series.History[0].Value(s.batch.Step - int64(back)*step.Milliseconds())
		values = append(values, v)
	}
	return values
}
