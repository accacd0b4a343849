package scaling

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"slices"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/schedule"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
	"github.com/anomaly-exporter/anomaly-exporter/history"
)

// model is the model of one series.
type model interface {
	// fit replaces the model by one fitted on the window that ends at a step.
	fit(s *dataset.Series, at int64, w *history.Window)
	// reset drops the model, because the history that ends at a step is too short.
	reset(s *dataset.Series, at int64)
	// observe advances the model to the next step.
	observe(s *dataset.Series, at int64)
	// forecasts returns the forecaster of the series; nil if there is none.
	forecasts() *forecaster.Model
}

// series is a series with its model.
type series[M model] struct {
	*dataset.Series
	labels result.Labels // of its results; nil: not made yet

	model    M
	fitted   bool // whether there is a model
	progress schedule.Progress
	broken   error // panic of the model; the series has no results until the next fit
	live     int64 // newest step with a value
}

// models maintains the models of the series of a scaler.
type models[M model] struct {
	plan    *Plan
	format  *result.Format
	labeler *result.Labeler
	fitting schedule.Fitting
	logger  log.Logger
	series  map[uint64]*series[M]
	create  func() M
}

func newModels[M model](p *Plan, fitting schedule.Fitting, logger log.Logger, create func() M) models[M] {
	return models[M]{
		plan: p, format: p.Format, labeler: p.Labeler, fitting: fitting, logger: logger,
		series: map[uint64]*series[M]{}, create: create,
	}
}

// Configure changes the format and the labels of results from the next step on.
func (m *models[M]) Configure(f *result.Format, l *result.Labeler) {
	m.format, m.labeler = f, l
	for _, s := range m.series {
		s.labels = nil
	}
}

// Evict drops the state of a series.
func (m *models[M]) Evict(s *dataset.Series) { delete(m.series, s.ID) }

// advance advances the models of the series that have a value at a step to that step, and returns these series. It
// calls report in between; nil: it does not.
func (m *models[M]) advance(
	ctx context.Context, step int64, data *dataset.Dataset, report result.Report,
) []*series[M] {
	found := data.Live(step)
	live := make([]*series[M], len(found))
	for i, s := range found {
		if m.series[s.ID] == nil {
			m.series[s.ID] = &series[M]{Series: s}
		}
		live[i] = m.series[s.ID]
		live[i].live = step
		if live[i].labels == nil {
			live[i].labels = m.labeler.Labels(s.Labels)
		}
	}
	for _, s := range m.series {
		if s.live != step && s.progress.At < step-schedule.DropAfter*m.plan.Schedule.Step {
			s.fitted = false
		}
	}
	window := func() *history.Window { return &history.Window{} }
	size, done := max(len(live), 1), 0
	if report != nil {
		size = m.fitting.Workers.PartSize()
	}
	for part := range slices.Chunk(live, size) {
		schedule.Each(ctx, m.fitting.Workers, part, window, func(s *series[M], w *history.Window) {
			m.advanceSeries(ctx, s, step, w)
		})
		if done += len(part); report != nil && ctx.Err() == nil {
			report(done, len(live), nil)
		}
	}
	return live
}

// advanceSeries advances one series to a step. A panic drops the model of this series only.
func (m *models[M]) advanceSeries(ctx context.Context, s *series[M], to int64, w *history.Window) {
	defer func() {
		if r := recover(); r != nil {
			s.broken, s.fitted = fmt.Errorf("model panics: %v", r), false
			level.Error(m.logger).Log(
				"msg", "Skipping series", "series", s.Labels, "err", s.broken, "stack", string(debug.Stack()),
			)
		}
	}()
	c := m.plan.Schedule
	if s.Histogram() || s.broken != nil && c.Slot(s.ID, to) != to {
		return
	}
	s.broken = nil
	if !s.fitted {
		s.progress = schedule.Progress{}
	}
	if c.Behind(s.progress, to) {
		s.model, s.fitted = m.create(), true
	}
	c.Advance(ctx, &s.progress, s.ID, to, stepping[M]{s, w, c.MinHistory})
}

// stepping implements schedule.Model for one series.
type stepping[M model] struct {
	*series[M]
	w          *history.Window
	minHistory int64
}

func (f stepping[M]) Fit(at int64) {
	f.Window(0, at, f.w)
	f.model.fit(f.Series, at, f.w)
}

func (f stepping[M]) Reset(at int64) { f.model.reset(f.Series, at) }

func (f stepping[M]) Observe(at int64) { f.model.observe(f.Series, at) }

func (f stepping[M]) OldEnough(at int64) bool { return f.Series.OldEnough(at, f.minHistory) }

// state returns why there is no recommendation, for the reasons that do not depend on the model; otherwise it is zero.
func (s *series[M]) state() result.State {
	switch {
	case s.Histogram():
		return result.State{State: result.Failed, Reason: result.ReasonHistogram}
	case s.Overflows():
		return result.State{State: result.Failed, Reason: result.ReasonResolution}
	case !s.fitted:
		return result.State{State: result.Failed, Reason: result.ReasonFitError}
	}
	return result.State{}
}

// batch returns a Batch of the live series, without recommendations yet.
func (m *models[M]) batch(step int64, live []*series[M]) *result.Batch {
	b := &result.Batch{Step: step, Format: m.format, Series: make([]result.Series, len(live)), Models: map[string]int{}}
	for i, s := range live {
		b.Series[i] = result.Series{
			ID: s.ID, Input: s.Labels, Labels: s.labels, State: s.state(),
			Score: result.NoScore(), Onset: math.NaN(), History: s.Views(step),
		}
		if !s.fitted {
			continue
		}
		if f := s.model.forecasts(); f != nil {
			b.Models[f.Name()]++
			if f.RefitRejected() {
				b.Rejected++
			}
		}
	}
	return b
}
