package view

import (
	"context"
	"math"
	"slices"
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

// ScalerHistory replays a load in the same way.
func (v *View) ScalerHistory(ctx context.Context, r *Recommendation, from, to time.Time) (*past.ScalerHistory, error) {
	if r.series.Scaling == nil {
		return nil, Invalidf("start: %s has no recommendation of replicas now", r.Title())
	}
	span, err := past.NewSpan(r.batch, r.series, from, to)
	if err != nil {
		return nil, err
	}
	cost := 0.0
	if c := v.scaler(r.batch.Source); c != nil {
		cost = c.CostPerReplicaHour
	}
	return v.past.Scaler(ctx, span, r.series.Scaling.Horizon, cost)
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

// Recent returns the values of the first input of a series over the last while, from memory; NaN where there is none.
func (s *Series) Recent(while time.Duration, points int) []float64 {
	recent := s.Moments(while, points)
	values := make([]float64, len(recent))
	for i, m := range recent {
		values[i] = float64(m.Value)
	}
	return values
}

// A Moment is the value of a series at a step.
type Moment struct {
	Time  time.Time
	Value Number // NaN if there is none
}

// Moments returns the values that Recent does, with their times.
func (s *Series) Moments(while time.Duration, points int) []Moment {
	if len(s.series.History) == 0 {
		return nil
	}
	step := s.batch.Format.Step
	each := max(1, int(while/step)/points)
	moments := make([]Moment, 0, points+1)
	for back := int(while/step) / each * each; back >= 0; back -= each {
		ts := s.batch.Step - int64(back)*step.Milliseconds()
		v, _ := s.series.History[0].Value(ts)
		moments = append(moments, Moment{at(ts), Number(v)})
	}
	return moments
}

// StepLength returns the time between two steps.
func (s *Series) StepLength() time.Duration { return s.batch.Format.Step }

// Before returns, for each of some times (in seconds), the value of the first input a while before, from memory; NaN
// where there is none.
func (s *Series) Before(times []int64, while time.Duration) []Number {
	values := slices.Repeat([]Number{Number(math.NaN())}, len(times))
	if len(s.series.History) == 0 || len(times) == 0 {
		return values
	}
	h := s.series.History[0]
	back, i := while.Milliseconds(), 0
	for p := range h.Points(times[0]*1000-back-h.Layout().Coarse(), times[len(times)-1]*1000-back) {
		for i < len(times) && times[i]*1000-back < p.Time {
			i++
		}
		// What is older has a value at every few steps only.
		for k := i; k < len(times) && times[k]*1000-back < p.Time+h.Layout().Coarse(); k++ {
			values[k] = Number(p.Value)
		}
	}
	return values
}
