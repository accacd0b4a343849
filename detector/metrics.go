package detector

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// metrics are the exporter's metrics about itself. They belong to the Manager and outlive reloads.
type metrics struct {
	cycles, missed, failures, warnings *prometheus.CounterVec
	duration, step, lastStep           *prometheus.GaugeVec
	series, refused, models, rejected  *prometheus.GaugeVec
	joins, withheld, info              *prometheus.GaugeVec
	fitDuration                        *prometheus.HistogramVec
	quality                            *result.QualityMetrics
	shown                              sync.Map // by Source
}

// shown are the gauges that a cycle has set.
type shown struct {
	states map[result.State]int
	models map[string]int
	unit   string
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	counter := func(name, help string) *prometheus.CounterVec {
		opts := prometheus.CounterOpts{Namespace: "anomaly_exporter", Name: name, Help: help}
		return f.NewCounterVec(opts, []string{"detector", "scaler"})
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		opts := prometheus.GaugeOpts{Namespace: "anomaly_exporter", Name: name, Help: help}
		return f.NewGaugeVec(opts, append([]string{"detector", "scaler"}, labels...))
	}
	return &metrics{
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
		quality: result.NewQualityMetrics(reg),
	}
}

// observeFit runs fit and records its duration.
func (m *metrics) observeFit(model string, fit func()) {
	begin := time.Now()
	fit()
	m.fitDuration.WithLabelValues(model).Observe(time.Since(begin).Seconds())
}

// begin initializes the counters of a source to 0, and sets its step (ms).
func (m *metrics) begin(s result.Source, step int64) {
	m.step.With(bySource(s)).Set(float64(step) / 1000)
	for _, c := range []*prometheus.CounterVec{m.cycles, m.missed, m.failures, m.warnings} {
		c.With(bySource(s))
	}
}

// forget deletes all metrics of a source.
func (m *metrics) forget(s result.Source) {
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
	m.quality.Forget(s)
}

// show sets the gauges about the series of a batch. A scrape meanwhile finds all that were there before and still are:
// only what is no more is deleted.
func (m *metrics) show(b *result.Batch, refused int) {
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
