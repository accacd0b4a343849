// Package anomaly turns the series of a detector into scores and forecasts.
package anomaly

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"slices"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
	"github.com/anomaly-exporter/anomaly-exporter/detector/join"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/schedule"
	"github.com/anomaly-exporter/anomaly-exporter/history"
)

// Pipeline maintains the models of the series of one detector. It is not safe for concurrent use.
type Pipeline struct {
	plan    *Plan
	format  *result.Format
	labeler *result.Labeler
	fitting schedule.Fitting
	logger  log.Logger

	series map[uint64]*series
	pools  map[string]*pool // by the label values that their members share
}

// series is the state of one series.
type series struct {
	*dataset.Series
	labels result.Labels // of its results; nil: not made yet

	model    *model // nil: none
	progress schedule.Progress
	broken   error // panic of the model; the series has no results until the next fit
	live     int64 // newest step with a value

	pool   *pool   // nil: none
	member *member // its state in the pool; nil: none
}

// New returns a Pipeline without models.
func New(p *Plan, fitting schedule.Fitting, logger log.Logger) *Pipeline {
	return &Pipeline{
		plan: p, format: p.Format, labeler: p.Labeler, fitting: fitting, logger: logger,
		series: map[uint64]*series{}, pools: map[string]*pool{},
	}
}

// Configure changes the format and the labels of results from the next step on.
func (p *Pipeline) Configure(f *result.Format, l *result.Labeler) {
	p.format, p.labeler = f, l
	for _, s := range p.series {
		s.labels = nil
	}
}

// Evict drops the state of a series.
func (p *Pipeline) Evict(s *dataset.Series) {
	if kept := p.series[s.ID]; kept != nil {
		p.leavePool(kept)
		delete(p.series, s.ID)
	}
}

func (p *Pipeline) pooled() bool { return p.plan.options.poolBy != nil }

// Advance advances the models of the series that have a value at a step to that step, and returns their results. They
// are not complete if ctx has ended. It calls report in between; nil: it does not.
func (p *Pipeline) Advance(
	ctx context.Context, step int64, data *dataset.Dataset, report result.Report,
) *result.Batch {
	for _, s := range data.All() {
		if p.series[s.ID] == nil {
			p.series[s.ID] = &series{Series: s}
		}
	}
	found := data.Live(step)
	live := make([]*series, len(found))
	for i, s := range found {
		live[i] = p.series[s.ID]
		live[i].live = step
	}
	for _, s := range p.series {
		if s.live != step && s.progress.At < step-schedule.DropAfter*p.plan.Schedule.Step {
			s.model = nil
		}
	}
	var pools []*pool
	if p.pooled() {
		pools = p.livePools(live, data, step)
	}
	b := &result.Batch{Step: step, Format: p.format, Series: make([]result.Series, len(live))}
	if report == nil {
		p.advancePart(ctx, b, live, pools, indices(len(live)))
	} else {
		p.advanceInParts(ctx, b, live, pools, report)
	}
	if ctx.Err() == nil {
		p.sumUp(live, b)
	}
	return b
}

func indices(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// advancePart advances pools, then the live series with these indices, and stores their results in b.
func (p *Pipeline) advancePart(ctx context.Context, b *result.Batch, live []*series, pools []*pool, part []int) {
	schedule.Each(ctx, p.fitting.Workers, pools, newWindow, func(o *pool, w *history.Window) {
		p.advancePool(ctx, o, b.Step, w)
	})
	schedule.Each(ctx, p.fitting.Workers, part, newWindow, func(i int, w *history.Window) {
		b.Series[i] = p.advance(ctx, live[i], b.Step, w)
	})
}

// advanceInParts advances all live series. Pools are kept together: their members are scored together.
func (p *Pipeline) advanceInParts(
	ctx context.Context, b *result.Batch, live []*series, pools []*pool, report result.Report,
) {
	for i, s := range live {
		b.Series[i] = p.unfitted(s, b.Step)
	}
	soFar := func() *result.Batch {
		part := *b
		part.Series = slices.Clone(b.Series)
		return &part
	}
	size, done := p.fitting.Workers.PartSize(), 0
	advance := func(pools []*pool, part []int) {
		p.advancePart(ctx, b, live, pools, part)
		done += len(part)
		if ctx.Err() == nil {
			report(done, len(live), soFar)
		}
	}
	if pools == nil {
		for part := range slices.Chunk(indices(len(live)), size) {
			advance(nil, part)
		}
		return
	}
	members := make(map[*pool][]int, len(pools))
	for i, s := range live {
		members[s.pool] = append(members[s.pool], i)
	}
	for first := 0; first < len(pools); {
		var part []int
		next := first
		for ; next < len(pools) && len(part) < size; next++ {
			part = append(part, members[pools[next]]...)
		}
		advance(pools[first:next], part)
		first = next
	}
}

func newWindow() *history.Window { return &history.Window{} }

// advance advances the model of one series to a step, and returns its results. A panic drops the model of this series
// only.
func (p *Pipeline) advance(ctx context.Context, s *series, to int64, w *history.Window) (r result.Series) {
	var forecast *result.Forecast
	defer func() {
		if r := recover(); r != nil {
			s.broken, s.model, forecast = fmt.Errorf("model panics: %v", r), nil, nil
			level.Error(p.logger).Log(
				"msg", "Skipping series", "series", s.Labels, "err", s.broken, "stack", string(debug.Stack()),
			)
		}
		r = p.result(s, to)
		r.Forecast = forecast
	}()
	p.advanceModel(ctx, s, to, w)
	if s.model != nil && s.model.forecaster != nil && !s.Unresolved() {
		forecast = p.forecast(s, to)
	}
	return r
}

// advanceModel advances the series' own model, if it has one, to a step and makes its forecasts.
func (p *Pipeline) advanceModel(ctx context.Context, s *series, to int64, w *history.Window) {
	c := p.plan.Schedule
	switch {
	case s.Histogram(), s.broken != nil && c.Slot(s.ID, to) != to:
		return
	case p.pooled() && len(p.plan.options.forecaster.Horizons) == 0:
		return // the series has no model of its own
	}
	s.broken = nil
	if s.model == nil {
		s.progress = schedule.Progress{}
	}
	if c.Behind(s.progress, to) {
		s.model = newModel(p.plan.options, p.fitting, s.ID)
	}
	c.Advance(ctx, &s.progress, s.ID, to, stepping{s, w, c.MinHistory})
	s.model.predict(s.progress.At)
}

// stepping implements schedule.Model for one series.
type stepping struct {
	*series
	w          *history.Window
	minHistory int64
}

func (f stepping) Fit(at int64) {
	f.Window(0, at, f.w)
	f.model.fit(f.Series, at, f.w)
}

func (f stepping) Reset(int64) { f.model.reset() }

func (f stepping) Observe(at int64) { f.model.observe(f.Series, at) }

func (f stepping) OldEnough(at int64) bool { return f.Series.OldEnough(at, f.minHistory) }

// newest returns the newest score of a series; nil if nothing scores it.
func (s *series) newest() *newestScore {
	switch {
	case s.pool == nil && s.model != nil:
		return &s.model.newestScore
	case s.pool != nil && s.member != nil:
		return &s.member.newestScore
	}
	return nil
}

// state returns why a series has no score at a step; it is zero if it has one.
func (s *series) state(step int64) result.State {
	newest := s.newest()
	switch {
	case s.Histogram():
		return result.State{State: result.Failed, Reason: result.ReasonHistogram}
	case s.Unresolved():
		return result.State{State: result.Failed, Reason: result.ReasonResolution}
	case newest == nil:
		return result.State{State: result.Failed, Reason: result.ReasonFitError}
	case s.Conflict(step):
		return result.State{State: result.Failed, Reason: result.ReasonSeveral}
	case s.Muted(step):
		return result.State{State: result.Muted, Reason: result.ReasonMute}
	case s.pool == nil:
		return s.model.state()
	}
	return newest.state(false)
}

// unfitted returns what there is of a series at a step before its model.
func (p *Pipeline) unfitted(s *series, step int64) result.Series {
	if s.labels == nil {
		s.labels = p.labeler.Labels(s.Labels)
	}
	return result.Series{
		ID: s.ID, Input: s.Labels, Labels: s.labels, Unjoined: s.Unjoined(), Score: result.NoScore(), Onset: math.NaN(),
		State: result.State{State: result.Learning, Reason: result.ReasonNotFitted}, History: s.Views(step),
	}
}

// result returns the results of a series at a step, without its forecast.
func (p *Pipeline) result(s *series, step int64) result.Series {
	r := p.unfitted(s, step)
	if r.State = s.state(step); r.State == (result.State{}) {
		newest := s.newest()
		r.Score, r.Onset = newest.score, newest.lowered
	}
	return r
}

// forecast returns the forecast of a series, with the breaches of its bounds.
func (p *Pipeline) forecast(s *series, step int64) *result.Forecast {
	m := s.model
	f := &result.Forecast{Model: m.forecaster.Name(), Points: slices.Clone(m.forecast.Points)}
	if !p.format.Publish.Has(result.Forecasts) {
		return f
	}
	lower, upper := s.LowerBound(step), s.UpperBound(step)
	if b := p.plan.options.lower; b != nil && b.Expr == nil {
		lower = b.Value
	}
	if b := p.plan.options.upper; b != nil && b.Expr == nil {
		upper = b.Value
	}
	for _, bound := range []result.Breach{{Bound: "lower", Value: lower}, {Bound: "upper", Value: upper}} {
		if math.IsNaN(bound.Value) {
			continue
		}
		isUpper, probability := bound.Bound == "upper", 0.0
		for _, point := range f.Points {
			// A breach within a shorter horizon is also one within a longer horizon.
			probability = max(probability, m.forecaster.BreachProbability(point.Steps, bound.Value, isUpper))
			bound.Probability = append(bound.Probability, probability)
		}
		bound.Seconds = math.NaN()
		if steps, ok := m.forecaster.TimeToBreach(bound.Value, isUpper); ok {
			bound.Seconds = steps * p.format.Step.Seconds()
		}
		f.Breaches = append(f.Breaches, bound)
	}
	return f
}

// sumUp adds the model counts, rejected refits and forecast quality of all live series to b.
func (p *Pipeline) sumUp(live []*series, b *result.Batch) {
	b.Models = map[string]int{}
	tallies := make([][]*feedback.Tally, len(p.plan.options.forecaster.Horizons))
	for _, s := range live {
		if s.model == nil {
			continue
		}
		for i := range s.model.quality {
			tallies[i] = append(tallies[i], &s.model.quality[i].Tally)
		}
		if f := s.model.forecaster; f != nil {
			b.Models[f.Name()]++
			if f.RefitRejected() {
				b.Rejected++
			}
		}
	}
	for horizon, of := range tallies {
		if q, ok := feedback.Assess(of); ok {
			q.Horizon = horizon
			b.Quality = append(b.Quality, q)
		}
	}
	for _, pool := range p.pools {
		if pool.group != nil {
			b.Models[poolModel]++
		}
	}
}

// poolSeed returns a hash of the labels that the members of a pool share.
func poolSeed(l labels.Labels, by []string) uint64 { return dataset.ID(l.MatchLabels(true, by...)) }

func poolKey(l labels.Labels, by []string) string { return join.Values(l, by) }
