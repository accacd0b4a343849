package detector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector/metrics"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/schedule"
)

// unanswered is what the errors of reads have, and not those of expressions.
type unanswered interface{ Temporary() bool }

// ErrUnknownSource says that there is no such detector or scaler.
var ErrUnknownSource = errors.New("no such detector or scaler is configured")

// Replay moves every detector and scaler through history, one after the other, and calls emit with the results of each
// step from start to end, both rounded down to multiples of its step. The results equal those that Run would have
// published, to the bit. Replay publishes nothing, and returns early if ctx ends. It must not be used together with Run
// or Cycle. Where one detector fails, the others are replayed, unless the source does not answer.
func (m *Manager) Replay(ctx context.Context, start, end time.Time, emit func(*result.Batch)) error {
	var failed []error
	for _, g := range m.groups() {
		if err := g.replay(ctx, start, end, emit); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", g.plan.source, err))
			if ctx.Err() != nil || errors.As(err, new(unanswered)) {
				break
			}
		}
	}
	return errors.Join(failed...)
}

// ReplaySome is like Replay, for some series only. They are given by the labels of their input, and replayed together
// with the other members of their pools. The results are the same as those of Replay. Everything is read as for all
// series, but models, which take most of the time, are fitted only for these.
func (m *Manager) ReplaySome(
	ctx context.Context, series []labels.Labels, start, end time.Time, emit func(*result.Batch),
) error {
	m.mu.Lock()
	queryable := m.source
	m.mu.Unlock()
	for _, g := range m.groups() {
		o := m.o
		o.Owns = g.plan.only(series)
		if err := newGroup(g.plan, queryable, &o, metrics.New(nil)).replay(ctx, start, end, emit); err != nil {
			return fmt.Errorf("%s: %w", g.plan.source, err)
		}
	}
	return nil
}

// only returns what tells by shard key whether a series is one of these, or must stay together with one of them.
func (p *plan) only(series []labels.Labels) func(shardKey uint64) bool {
	keys := make(map[uint64]bool, len(series))
	for _, s := range series {
		keys[p.shardKey(s)] = true
	}
	return func(shardKey uint64) bool { return keys[shardKey] }
}

// ReplaySeries replays some series of a detector or scaler, given by the labels of their input, whether they have
// current results or not. It calls emit with the results of each step from start to end, both rounded down to multiples
// of the step; with those of other members of their pools, too. The results equal those that were published, to the
// bit.
//
// It reads the history of the whole detector or scaler again, but fits models only for the series, and for the other
// members of their pools. It can be used while Run is running, and touches none of its state. One read and one fit run
// at a time, however many calls there are, beside those of Run. The error is ErrUnknownSource if there is no such
// detector or scaler.
func (m *Manager) ReplaySeries(
	ctx context.Context, source result.Source, series []labels.Labels, start, end time.Time, emit func(*result.Batch),
) error {
	m.mu.Lock()
	slot, queryable := m.slots[source], m.source
	var p plan
	if slot != nil {
		p = slot.plan
	}
	m.mu.Unlock()
	if slot == nil {
		return ErrUnknownSource
	}
	o := Options{
		Engine: m.o.Engine, Now: m.o.Now, Limits: m.replays, Logger: log.NewNopLogger(), Owns: p.only(series),
	}
	p.outcomes = nil
	if err := newGroup(p, queryable, &o, metrics.New(nil)).replay(ctx, start, end, emit); err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	return nil
}

// replay moves a group that has not run yet through history, and calls emit with the results of each step.
func (g *group) replay(ctx context.Context, start, end time.Time, emit func(*result.Batch)) error {
	step := g.plan.schedule.Step
	first, last := schedule.Floor(start.UnixMilli(), step), schedule.Floor(end.UnixMilli(), step)
	if err := g.extend(ctx, first, nil); err != nil {
		return err
	}
	b := g.step(ctx, first)
	if ctx.Err() != nil {
		return ctx.Err() // it is not complete
	}
	emit(b)
	return g.extend(ctx, last, emit)
}
