package detector

import (
	"math"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

const (
	hour = 3600 * 1000 // ms

	learnFrom      = 2 * 24 * time.Hour // what a capacity and a horizon are learned from
	learnAtMost    = 1000               // steps of it that a capacity is learned from
	longestStartup = 2 * time.Hour      // that is believed
)

// The asides of a load; those that are not configured have no expression.
const (
	asideUtilization = iota
	asideReplicas
	asideStartup
)

// scaling forecasts a load and recommends the replicas that carry it.
type scaling struct {
	config     *config.Scaler
	options    forecaster.Options
	series     *series
	workload   *replicas.Workload
	step       int64 // ms
	observeFit func(model string, fit func())

	capacity       float64 // NaN as long as it is not known
	horizon        int     // steps
	peak           float64 // the largest load of the past, -Inf before the first
	forecaster     *forecaster.Model
	forecast       forecaster.Forecast
	recommendation replicas.Recommendation
	known          bool // whether there is a recommendation
	counted        bool // whether the account of the replay was put aside
}

// replicasOptions translates a scaler's configuration.
func replicasOptions(c *config.Scaler) replicas.Options {
	horizon := time.Duration(c.Horizon.Duration)
	if !c.Horizon.Startup.IsZero() {
		horizon = max(horizon, longestStartup)
	}
	return replicas.Options{
		Step:          time.Duration(c.Step),
		Min:           c.MinReplicas,
		Max:           c.MaxReplicas,
		Horizon:       max(1, int(horizon/time.Duration(c.Step))),
		MaxError:      c.MaxError,
		Stabilization: time.Duration(c.ScaleDownStabilization),
	}
}

// newScaling returns a scaling of a series that has seen nothing.
func newScaling(c *config.Scaler, of *series, observeFit func(string, func())) (*scaling, error) {
	o := replicasOptions(c)
	workload, err := replicas.New(o)
	if err != nil {
		return nil, err
	}
	s := &scaling{
		config: c,
		options: forecaster.Options{
			Model:          "auto",
			Step:           o.Step,
			Location:       c.Location(),
			Holiday:        c.Holidays.Include(),
			Refit:          refitSteps(c.RefitInterval, c.Step),
			Level:          0.8,
			MaxProbability: c.Probability,
			DataRange:      [2]float64{0, math.Inf(1)},
		},
		series:     of,
		workload:   workload,
		step:       o.Step.Milliseconds(),
		observeFit: observeFit,
		capacity:   c.CapacityPerReplica.Value,
		peak:       math.Inf(-1),
	}
	if c.CapacityPerReplica.Learned() {
		s.capacity = math.NaN()
	}
	return s, nil
}

func (s *scaling) fit(w *history.Window) {
	s.reset()
	for _, v := range w.Values {
		s.raisePeak(v)
	}
	s.observeFit(s.options.Model, func() {
		if m, err := forecaster.Fit(s.options, w.Start, w.Values, w.Learn); err == nil {
			s.forecaster = m
		}
	})
}

func (s *scaling) reset() {
	s.forecaster, s.peak = nil, math.Inf(-1)
	s.horizon = s.learnHorizon(s.series.at)
	s.options.Horizons = []int{s.horizon}
}

func (s *scaling) observe(o observation) {
	if s.config.CapacityPerReplica.Learned() && o.at-floor(o.at, hour) < s.step {
		s.capacity = s.learnCapacity(o.at)
	}
	median, upper := math.NaN(), math.NaN()
	if s.forecaster != nil {
		s.forecaster.Advance(o.value)
		s.forecaster.Forecast(&s.forecast)
		median, upper = s.forecast.Points[0].Median, s.forecast.Points[0].Max
	}
	s.recommendation, s.known = s.workload.Observe(replicas.Observation{
		At: o.at / s.step, Load: o.value, DayBefore: o.dayBefore, Peak: s.peak,
		Capacity: s.capacity, Horizon: s.horizon, Median: median, Upper: upper,
	})
	s.raisePeak(o.value)
}

// raisePeak raises the peak to a load.
func (s *scaling) raisePeak(load float64) {
	if load > s.peak {
		s.peak = load
	}
}

// learnCapacity returns what a replica carries by what the fleet did in the days before a step, NaN if that is not known.
func (s *scaling) learnCapacity(at int64) float64 {
	stride := max(s.step, floor(learnFrom.Milliseconds()/learnAtMost, s.step))
	asides := s.series.asides
	uses := make([]replicas.UtilizationSample, 0, learnAtMost)
	for ts := floor(at, stride); ts > at-learnFrom.Milliseconds(); ts -= stride {
		var u replicas.UtilizationSample
		u.Load, _ = s.series.inputs[0].At(ts)
		u.Utilization, _ = asides[asideUtilization].At(ts)
		u.Replicas, _ = asides[asideReplicas].At(ts)
		uses = append(uses, u)
	}
	capacity, _ := replicas.Capacity(uses, s.config.CapacityPerReplica.Target)
	return capacity
}

// learnHorizon returns the horizon, in steps, by how long starts took in the days before a step.
func (s *scaling) learnHorizon(at int64) int {
	otherwise := max(1, int(s.config.Horizon.Duration/s.config.Step))
	if s.config.Horizon.Startup.IsZero() {
		return otherwise
	}
	var seconds []float64
	for ts := at; ts > at-learnFrom.Milliseconds(); ts -= s.step {
		if v, _ := s.series.asides[asideStartup].At(ts); !math.IsNaN(v) {
			seconds = append(seconds, v)
		}
	}
	if steps, ok := replicas.StartupSteps(seconds, s.options.Step, max(1, int(longestStartup/s.options.Step))); ok {
		return steps
	}
	return otherwise
}

// account is what the steps since the last call have meant. Those that a new model was brought up by are none of them.
func (s *scaling) account() replicas.StrategyTotals {
	a := s.workload.TakeTotals()
	if !s.counted {
		s.counted = true
		return replicas.StrategyTotals{}
	}
	return a
}

// scalingState says why there is no recommendation for a load.
func scalingState(s *series, _ int64) (state, reason string) {
	switch model, _ := s.model.(*scaling); {
	case s.histogram:
		return stateFailed, reasonHistogram
	case model == nil:
		return stateFailed, reasonFitError
	case s.ambiguous:
		return stateFailed, reasonSeveral
	case math.IsNaN(model.capacity):
		return stateLearning, reasonNoCapacity
	case !model.known:
		return stateFailed, reasonNoData
	}
	return "", ""
}

// scalingResults adds the recommendation for every load to part, or why there is none. Loads that no label tells apart get none: which of them to
// follow would be a guess.
func scalingResults(live []*series, part *Part) {
	slices.SortStableFunc(live, func(a, b *series) int { return a.base.compare(b.base) })
	same := func(i, j int) bool { return j >= 0 && j < len(live) && live[i].base.compare(live[j].base) == 0 }
	for i, s := range live {
		s.ambiguous = same(i, i-1) || same(i, i+1)
		if state, reason := scalingState(s, part.Time); state != "" {
			if !same(i, i-1) {
				part.Results[ModelState] = append(part.Results[ModelState], Result{s.base.with("state", state, "reason", reason), 1})
			}
			continue
		}
		model := s.model.(*scaling)
		r := model.recommendation
		part.Results[RecommendedReplicas] = append(part.Results[RecommendedReplicas], Result{s.base, float64(r.Replicas)})
		part.Results[RecommendedReplicasSource] = append(part.Results[RecommendedReplicasSource],
			Result{s.base.with("source", string(r.Source)), 1})
		if a := model.account(); a.Seconds > 0 {
			part.Accounts = append(part.Accounts, Account{s.base, a})
		}
	}
}

// showLearned shows what the loads of a scaler go by.
func (m scalingMetrics) showLearned(scaler string, live []*series) {
	var capacities, horizons []float64
	for _, s := range live {
		if model, _ := s.model.(*scaling); model != nil && !math.IsNaN(model.capacity) {
			capacities = append(capacities, model.capacity)
			horizons = append(horizons, float64(model.horizon)*model.options.Step.Seconds())
		}
	}
	m.learned(scaler, capacities, horizons)
}
