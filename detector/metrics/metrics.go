// Package metrics counts what detectors and scalers do, for the exporter's metrics about itself.
package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// Metrics are the exporter's metrics about the work of its detectors and scalers. They outlive reloads, and can be used
// concurrently.
type Metrics struct {
	Quality *result.QualityMetrics

	cycles, missed, failures, warnings *prometheus.CounterVec
	duration, step, lastStep           *prometheus.GaugeVec
	series, refused, models, rejected  *prometheus.GaugeVec
	joins, withheld, info              *prometheus.GaugeVec
	fitDuration                        *prometheus.HistogramVec
	shown                              sync.Map // by Source
}

// shown are the gauges that a cycle has set.
type shown struct {
	states map[result.State]int
	models map[string]int
	unit   string
}

// New returns Metrics that are registered with reg; nil: nowhere.
func New(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	counter := func(name, help string) *prometheus.CounterVec {
		opts := prometheus.CounterOpts{Namespace: "anomaly_exporter", Name: name, Help: help}
		return f.NewCounterVec(opts, []string{"detector", "scaler"})
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		opts := prometheus.GaugeOpts{Namespace: "anomaly_exporter", Name: name, Help: help}
		return f.NewGaugeVec(opts, append([]string{"detector", "scaler"}, labels...))
	}
	return &Metrics{
		cycles: counter("cycles_total", "Cycles started."),
		missed: counter(
			"cycles_missed_total",
			"Steps evaluated late because the previous cycle was still running.",
		),
		failures: counter(
			"cycle_failures_total",
			"Cycles that could not read history and are retried.",
		),
		warnings: counter(
			"query_warnings_total",
			"Queries that returned warnings, for example because some data could not be read.",
		),
		duration: gauge("cycle_duration_seconds", "Duration of the last published cycle."),
		step:     gauge("step_seconds", "Resolution of scores and forecasts, as configured."),
		lastStep: gauge(
			"last_step_timestamp_seconds",
			"Unix time of the step that the published results are for.",
		),
		series: gauge(
			"series",
			`Series with a value now, by state and reason; state "scored" for those with a result.`,
			"state", "reason",
		),
		refused: gauge("series_refused", "Series over series_limit in the last cycle."),
		models: gauge(
			"models",
			"Models in service by name; a combination counts under its leading member, a pool under peers.",
			"model",
		),
		rejected: gauge(
			"series_with_rejected_refit",
			"Series that kept earlier forecast weights at the last refit, because newer ones did worse out of "+
				"sample.",
		),
		joins: f.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "anomaly_exporter", Name: "join_series",
			Help: "Series with a value now per input of a multivariate detector, by whether they are part of a complete vector.",
		}, []string{"detector", "input", "matched"}),
		withheld: f.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "anomaly_exporter", Name: "results_withheld", Help: "Results kept off /metrics by sample_limit, by kind.",
		}, []string{"kind"}),
		info: f.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "anomaly_exporter", Name: "detector_info", Help: "1 for each detector, with the unit of its values.",
		}, []string{"detector", "unit"}),
		fitDuration: f.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "anomaly_exporter", Name: "fit_duration_seconds", Help: "Duration of one model fit, by model.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 8),
		}, []string{"model"}),
		Quality: result.NewQualityMetrics(reg),
	}
}

// Fitted records how long a fit took.
func (m *Metrics) Fitted(model string, took time.Duration) {
	m.fitDuration.WithLabelValues(model).Observe(took.Seconds())
}

// Begin initializes the counters of a source to 0, and sets its step (ms).
func (m *Metrics) Begin(s result.Source, step int64) {
	m.step.With(bySource(s)).Set(float64(step) / 1000)
	for _, c := range []*prometheus.CounterVec{m.cycles, m.missed, m.failures, m.warnings} {
		c.With(bySource(s))
	}
}

// Forget deletes all metrics of a source.
func (m *Metrics) Forget(s result.Source) {
	for _, c := range []*prometheus.CounterVec{m.cycles, m.missed, m.failures, m.warnings} {
		c.Delete(bySource(s))
	}
	for _, g := range []*prometheus.GaugeVec{m.duration, m.step, m.lastStep, m.series, m.refused, m.models, m.rejected} {
		g.DeletePartialMatch(bySource(s))
	}
	if !s.Scaler {
		m.joins.DeletePartialMatch(prometheus.Labels{"detector": s.ID()})
		m.info.DeletePartialMatch(prometheus.Labels{"detector": s.ID()})
	}
	m.shown.Delete(s)
	m.Quality.Forget(s)
}

// Cycle counts a cycle that begins, and how many steps are evaluated late because the one before was still running.
func (m *Metrics) Cycle(s result.Source, late int64) {
	m.cycles.With(bySource(s)).Inc()
	m.missed.With(bySource(s)).Add(float64(late))
}

// Failure counts a cycle that could not read history.
func (m *Metrics) Failure(s result.Source) { m.failures.With(bySource(s)).Inc() }

// Warning counts a warning of a query.
func (m *Metrics) Warning(s result.Source) { m.warnings.With(bySource(s)).Inc() }

// Published sets how long a cycle took whose results are published, and the step (ms) that they are for.
func (m *Metrics) Published(s result.Source, took time.Duration, step int64) {
	m.duration.With(bySource(s)).Set(took.Seconds())
	m.lastStep.With(bySource(s)).Set(float64(step) / 1000)
}

// Joined sets how many series of an input of a multivariate detector are part of a complete vector, and how many not.
func (m *Metrics) Joined(s result.Source, input string, matched, unmatched int) {
	m.joins.WithLabelValues(s.ID(), input, "true").Set(float64(matched))
	m.joins.WithLabelValues(s.ID(), input, "false").Set(float64(unmatched))
}

// Withheld sets how many results of each kind are kept off /metrics.
func (m *Metrics) Withheld(byKind map[string]int) {
	for kind, n := range byKind {
		m.withheld.WithLabelValues(kind).Set(float64(n))
	}
}

// Show sets the gauges about the series of a batch. A scrape meanwhile finds all that were there before and still are:
// only what is no more is deleted.
func (m *Metrics) Show(b *result.Batch, refused int) {
	l := bySource(b.Source)
	series, models := m.series.MustCurryWith(l), m.models.MustCurryWith(l)
	now := shown{states: map[result.State]int{}, models: b.Models}
	for i := range b.Series {
		state := b.Series[i].State
		if state == (result.State{}) {
			state.State = "scored"
		}
		now.states[state]++
	}
	for state, n := range now.states {
		series.WithLabelValues(state.State, state.Reason).Set(float64(n))
	}
	for name, n := range now.models {
		models.WithLabelValues(name).Set(float64(n))
	}
	if !b.Source.Scaler {
		now.unit = b.Format.Unit
		m.info.WithLabelValues(b.Source.ID(), now.unit).Set(1)
	}
	if swapped, ok := m.shown.Swap(b.Source, now); ok {
		before := swapped.(shown)
		for state := range before.states {
			if now.states[state] == 0 {
				series.DeleteLabelValues(state.State, state.Reason)
			}
		}
		for name := range before.models {
			if now.models[name] == 0 {
				models.DeleteLabelValues(name)
			}
		}
		if before.unit != now.unit && !b.Source.Scaler {
			m.info.DeleteLabelValues(b.Source.ID(), before.unit)
		}
	}
	m.refused.With(l).Set(float64(refused))
	m.rejected.With(l).Set(float64(b.Rejected))
}

// bySource returns the labels that identify a source. One of the two is empty, which Prometheus treats as absent, so a
// scaler and a detector of the same name have separate metrics.
func bySource(s result.Source) prometheus.Labels {
	l := prometheus.Labels{"detector": "", "scaler": ""}
	l[s.Kind()] = s.ID()
	return l
}
