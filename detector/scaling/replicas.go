package scaling

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/go-kit/log"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/schedule"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

const (
	hour = 3600 * 1000 // ms

	// learnFrom is the range that capacities and horizons are learned from. Guard: a longer one would need the coarse
	// part of the history.
	learnFrom = 48 * time.Hour
	// learnAtMost is roughly how many steps a capacity is learned from. Chosen; the stride is rounded down to whole
	// steps, so that at a step of 1m it is every second step, 1,440 in all.
	learnAtMost = 1000
	// longestStartup is the longest credible startup time of a pod. Guard: it bounds the look-back.
	longestStartup = 2 * time.Hour
)

// The auxiliary expressions of a load. One that is not configured is empty.
const (
	utilization = iota
	sharing     // replicas that share the load
	startup
	running
)

// Replicas recommends replicas for the loads of a scaler. It is not safe for concurrent use.
type Replicas struct{ models[*workload] }

// NewReplicas returns a Replicas without models. p must be the Plan of a load.
func NewReplicas(p *Plan, fitting schedule.Fitting, logger log.Logger) *Replicas {
	r := &Replicas{}
	r.models = newModels(p, fitting, logger, func() *workload { return newWorkload(r.plan.scaler, fitting) })
	return r
}

// Advance advances the models of the loads that have a value at a step to that step, and returns their recommendations.
// Loads whose results have the same labels get none, because choosing one of them would be a guess.
func (r *Replicas) Advance(
	ctx context.Context, step int64, data *dataset.Dataset, report result.Report,
) *result.Batch {
	live := r.advance(ctx, step, data, report)
	if ctx.Err() != nil {
		return &result.Batch{Step: step, Format: r.format}
	}
	slices.SortStableFunc(live, func(a, b *series[*workload]) int { return a.labels.Compare(b.labels) })
	same := func(i, j int) bool { return j >= 0 && j < len(live) && live[i].labels.Compare(live[j].labels) == 0 }
	b := r.batch(step, live)
	var capacities, horizons []float64
	for i, s := range live {
		out := &b.Series[i]
		if s.fitted && !math.IsNaN(s.model.capacity) {
			capacities = append(capacities, s.model.capacity)
			horizons = append(horizons, float64(s.model.horizon)*s.model.options.Step.Seconds())
		}
		if out.State == (result.State{}) {
			out.State = s.model.state(same(i, i-1) || same(i, i+1))
		}
		if out.State != (result.State{}) {
			out.Duplicate = same(i, i-1)
			continue
		}
		out.Replicas, out.Totals = s.model.recommendation, s.model.totals()
		out.Scaling, out.Forecast = s.model.scaling(s.Series, step), s.model.forecastResult()
	}
	if len(capacities) > 0 {
		b.Learned = &result.Learned{Capacity: feedback.Median(capacities), Horizon: feedback.Median(horizons)}
	}
	return b
}

// workload forecasts a load and recommends the replicas to carry it.
type workload struct {
	config   *config.Scaler
	options  forecaster.Options
	fitting  schedule.Fitting
	replicas *replicas.Workload
	step     int64 // ms

	capacity       float64 // of a replica; NaN: not known yet
	horizon        int     // steps
	peak           float64 // largest load so far; -Inf before the first
	forecaster     *forecaster.Model
	forecast       forecaster.Forecast
	recommendation replicas.Recommendation
	known          bool // whether there is a recommendation
	counted        bool // whether the totals of the replay were discarded
}

// newWorkload returns a workload with no history yet. NewPlans has checked the options of the scaler.
func newWorkload(c *config.Scaler, fitting schedule.Fitting) *workload {
	o := replicasOptions(c)
	w := &workload{
		config:   c,
		options:  forecasterOptions(c),
		fitting:  fitting,
		step:     o.Step.Milliseconds(),
		capacity: c.CapacityPerReplica.Value,
		peak:     math.Inf(-1),
	}
	w.options.DataRange, w.options.KeepDays = c.DataRange, true
	w.replicas, _ = replicas.New(o)
	if c.CapacityPerReplica.Learned() {
		w.capacity = math.NaN()
	}
	return w
}

func (m *workload) fit(s *dataset.Series, at int64, w *history.Window) {
	m.reset(s, at)
	before := math.NaN()
	for i, v := range w.Values {
		if m.isIsolated(v, before) {
			w.Values[i], w.Learn[i] = math.NaN(), false
		} else {
			m.raisePeak(v)
		}
		before = v
	}
	m.fitting.Observe(m.options.Model, func() {
		if fitted, err := forecaster.Fit(m.options, w.Start, w.Values, w.Learn); err == nil {
			m.forecaster = fitted
		}
	})
}

func (m *workload) reset(s *dataset.Series, at int64) {
	m.forecaster, m.peak = nil, math.Inf(-1)
	m.horizon = m.learnHorizon(s, at)
	m.options.Horizons = []int{m.horizon}
}

func (m *workload) forecasts() *forecaster.Model { return m.forecaster }

func (m *workload) observe(s *dataset.Series, at int64) {
	if m.config.CapacityPerReplica.Learned() && at-schedule.Floor(at, hour) < m.step {
		m.capacity = m.learnCapacity(s, at)
	}
	load := s.Unmasked(0, at)
	if before := s.Unmasked(0, at-m.step); m.isIsolated(load, before) {
		load = before
	}
	o := replicas.Observation{
		At: at / m.step, Load: load, Peak: m.peak, Capacity: m.capacity, Horizon: m.horizon,
		Upper: math.NaN(), Earlier: math.NaN(),
	}
	if f := m.forecaster; f != nil {
		p, stabilization := m.options.MaxProbability, int(m.config.ScaleDownStabilization.Milliseconds()/m.step)
		f.Advance(load)
		f.Forecast(&m.forecast)
		o.Upper = m.forecast.Points[0].Max
		o.Earlier = f.EarlierMaxQuantile(m.horizon, p)
		o.Recurring = replicas.Recurring{
			Known: true, Lasting: f.LastingMaxQuantile(m.horizon, p), EarlierLasting: f.EarlierLastingMaxQuantile(m.horizon, p),
			Passing: f.RecurringMaxQuantile(0, 0, p), Coming: f.RecurringMaxQuantile(1, m.horizon+stabilization, p),
		}
	}
	m.recommendation, m.known = m.replicas.Observe(o)
	m.raisePeak(load)
}

// isolatedRatio is by how many times a load must exceed every one before it for the next step to have to confirm it.
// Chosen, not tuned: counters that wrap and broken units are off by more, and a fleet that grows by less at once is
// served at once.
const isolatedRatio = 10

// isIsolated tells whether a load is not to be believed yet: it is far beyond all before it, and the step before was
// not. A jump that stays is followed a step later.
func (m *workload) isIsolated(load, before float64) bool {
	bound := isolatedRatio * m.peak
	return m.peak > 0 && load > bound && !(before > bound)
}

func (m *workload) raisePeak(load float64) {
	if load > m.peak {
		m.peak = load
	}
}

// learnCapacity returns the capacity of a replica, learned from the fleet over learnFrom before a step; NaN if it is
// not known.
func (m *workload) learnCapacity(s *dataset.Series, at int64) float64 {
	stride := max(m.step, schedule.Floor(learnFrom.Milliseconds()/learnAtMost, m.step))
	samples := make([]replicas.UtilizationSample, 0, learnAtMost)
	for ts := schedule.Floor(at, stride); ts > at-learnFrom.Milliseconds(); ts -= stride {
		samples = append(samples, replicas.UtilizationSample{
			Load: s.Unmasked(0, ts), Utilization: s.Auxiliary(utilization, ts), Replicas: s.Auxiliary(sharing, ts),
		})
	}
	capacity, _ := replicas.Capacity(samples, m.config.CapacityPerReplica.Target)
	return capacity
}

// learnHorizon returns the horizon in steps, learned from the startup times over learnFrom before a step; without any
// it returns the configured one.
func (m *workload) learnHorizon(s *dataset.Series, at int64) int {
	configured := max(1, int(m.config.Horizon.Duration/m.config.Step))
	if m.config.Horizon.Startup.IsZero() {
		return configured
	}
	var seconds []float64
	for ts := at; ts > at-learnFrom.Milliseconds(); ts -= m.step {
		if v := s.Auxiliary(startup, ts); !math.IsNaN(v) {
			seconds = append(seconds, v)
		}
	}
	longest := max(1, int(longestStartup/m.options.Step))
	if steps, ok := replicas.StartupSteps(seconds, m.options.Step, longest); ok {
		return steps
	}
	return configured
}

// totals returns the totals of the steps since the last call. The first call discards them, because they include the
// replay of a new model.
func (m *workload) totals() replicas.StrategyTotals {
	t := m.replicas.TakeTotals()
	if !m.counted {
		m.counted = true
		return replicas.StrategyTotals{}
	}
	return t
}

// scaling returns what the recommendation of a step was made of.
func (m *workload) scaling(s *dataset.Series, at int64) *result.Scaling {
	known := s.Auxiliary(running, at)
	if m.config.RunningReplicas.IsZero() {
		known = s.Auxiliary(sharing, at)
	}
	return &result.Scaling{
		Decision: m.replicas.Decision(), Capacity: m.capacity,
		Horizon: time.Duration(m.horizon) * m.options.Step, Running: known,
	}
}

// forecastResult returns the forecast of the load; nil if there is none.
func (m *workload) forecastResult() *result.Forecast {
	if m.forecaster == nil {
		return nil
	}
	return &result.Forecast{Model: m.forecaster.Name(), Points: slices.Clone(m.forecast.Points)}
}

// state returns why there is no recommendation; it is zero if there is one.
func (m *workload) state(ambiguous bool) result.State {
	switch {
	case ambiguous:
		return result.State{State: result.Failed, Reason: result.ReasonSeveral}
	case math.IsNaN(m.capacity):
		return result.State{State: result.Learning, Reason: result.ReasonNoCapacity}
	case !m.known:
		return result.State{State: result.Failed, Reason: result.ReasonNoData}
	}
	return result.State{}
}
