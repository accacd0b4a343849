package view

import (
	"context"
	"time"

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
