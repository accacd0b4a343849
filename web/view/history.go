package view

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result/humanize"
	"github.com/anomaly-exporter/anomaly-exporter/web/past"
)

// History replays a series from a time to another (zero: its newest step), as it was published. Errors tell whether
// the request or the source was at fault.
func (v *View) History(ctx context.Context, s *Series, from, to time.Time) (*past.History, error) {
	span, err := past.NewSpan(s.batch, s.series, from, to)
	if err != nil {
		return nil, err
	}
	return v.past.Series(ctx, span)
}

// ScalerBack is how long before a time the newest recommendation is looked for. Chosen, not tuned.
const ScalerBack = time.Hour

// ScalerHistory replays a load in the same way, with the horizon that it had in the end.
func (v *View) ScalerHistory(ctx context.Context, r *Recommendation, from, to time.Time) (*past.ScalerHistory, error) {
	if !r.OfLoad() {
		return nil, Invalidf("start: %s recommends no replicas", r.Title())
	}
	made := r.series.Scaling
	if !to.IsZero() && to.Before(r.Step) {
		then, err := v.At(ctx, &r.Series, to.Add(-ScalerBack), to)
		if err != nil {
			return nil, err
		}
		was := then.Was(&r.Series)
		made = was.series.Scaling
	}
	if made == nil {
		return nil, Invalidf("start: %s has no recommendation of replicas in the end", r.Title())
	}
	span, err := past.NewSpan(r.batch, r.series, from, to)
	if err != nil {
		return nil, err
	}
	cost := 0.0
	if c := v.scaler(r.batch.Source); c != nil {
		cost = c.CostPerReplicaHour
	}
	return v.past.Scaler(ctx, span, made.Horizon, cost)
}

// newGone describes a series that a batch knows to be gone.
func (v *View) newGone(b *result.Batch, g result.Gone) Series {
	s := v.newSeries(b, &result.Series{
		ID: g.ID, Input: g.Input, Labels: b.LabelsOf(g.Input), State: result.State{State: "gone"}, Score: result.NoScore(),
	})
	last := at(g.Last)
	s.Gone, s.Remedy = &last, "no value any more; the last one at "+humanize.Clock(last, v.o.Now())
	s.Sentence = fmt.Sprintf("%s has %s.", s.Title(), s.Remedy)
	return s
}

// listGone returns those of the series that were asked for that are gone, and of which history is still known; with
// loads, only loads of scalers.
func (v *View) listGone(s *result.Snapshot, f *Filter, loads bool) (found []Series, total int) {
	found = []Series{}
	for _, b := range s.Batches {
		for _, g := range b.Gone {
			ofLoad := b.Source.Scaler && b.Source.Resource == ""
			named := &result.Series{Labels: b.LabelsOf(g.Input), Score: result.NoScore()}
			if loads && !ofLoad || !f.matches(b.Source, named) {
				continue
			}
			if total++; total > f.Offset && len(found) < f.Limit {
				found = append(found, v.newGone(b, g))
			}
		}
	}
	return found, total
}

// Ended describes a series that is gone as it was at a time (zero: when it had its last value), with its history until
// then, and since when it is gone.
func (v *View) Ended(ctx context.Context, s *Series, from, to time.Time) (Series, error) {
	if to.IsZero() || to.After(*s.Gone) {
		to = *s.Gone
	}
	then, err := v.At(ctx, s, from, to)
	if err != nil {
		return Series{}, err
	}
	was := then.Was(s)
	was.Gone = s.Gone
	was.History, err = v.History(ctx, s, from, to)
	return was, err
}

// At returns what this view was of a series, and of the other members of its pool, at a time: at the newest step until
// then at which it had a value, and no further back than a time. A History of the same span costs no further replay.
// Errors are those of History, or there was no value.
func (v *View) At(ctx context.Context, s *Series, from, to time.Time) (*View, error) {
	span, err := past.NewSpan(s.batch, s.series, from, to)
	if err != nil {
		return nil, err
	}
	b, err := v.past.Batch(ctx, span)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, Invalidf("at: %s had no value in the %s before", s.Title(), humanize.Duration(to.Sub(from)))
	}
	snapshot, o := result.NewSnapshot([]*result.Batch{b}, math.MaxInt), v.o
	o.Snapshot, o.Now = func() *result.Snapshot { return snapshot }, func() time.Time { return at(b.Step) }
	return &View{o: o, past: v.past}, nil
}

// Was describes a series as of this view, which At returned for it.
func (v *View) Was(s *Series) Series {
	b := v.o.Snapshot().Batch(s.batch.Source)
	return v.newSeries(b, b.Find(s.series.ID))
}

// Settle calls describe, which describes series. If some were anomalous before the exporter started, it waits until it
// is known since when, but not for long, and calls describe again.
func (v *View) Settle(ctx context.Context, describe func()) { v.past.Settle(ctx, describe) }

// SettleAll is like Settle, but waits as long as it takes.
func (v *View) SettleAll(ctx context.Context, describe func()) { v.past.SettleAll(ctx, describe) }

// Replayable reports whether what was published of a series can be replayed over a time.
func (v *View) Replayable(s *Series, over time.Duration) bool {
	return over/s.batch.Format.Step <= past.MaxSteps
}

// Learned returns how much history the models of a series learn from; 0: not known.
func (v *View) Learned(s *Series) time.Duration {
	if c := v.scaler(s.batch.Source); c != nil {
		return time.Duration(c.History)
	}
	if d := v.detector(s.batch.Source); d != nil {
		return time.Duration(d.History)
	}
	return 0
}

// A Moment is the value of a series at a step.
type Moment = past.Moment

// Recent returns the values of the first input of a series over the last while, from memory; NaN where there is none.
func (s *Series) Recent(while time.Duration, points int) []float64 {
	recent := s.Moments(while, points)
	values := make([]float64, len(recent))
	for i, m := range recent {
		values[i] = float64(m.Value)
	}
	return values
}

// Moments returns the values that Recent does, with their times.
func (s *Series) Moments(while time.Duration, points int) []Moment {
	return past.Moments(s.batch, s.series, while, points)
}

// Before returns, for each of some times (in seconds), the value of the first input a while before, from memory; NaN
// where there is none.
func (s *Series) Before(times []int64, while time.Duration) []Number {
	return past.Before(s.series, times, while)
}

// Missing returns the share of the training window without a value; NaN if that is not known.
func (s *Series) Missing() float64 {
	return past.Missing(s.series, s.series.Score.From, s.series.Score.To)
}

// StepLength returns the time between two steps.
func (s *Series) StepLength() time.Duration { return s.batch.Format.Step }
