package detector

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are about the program itself. They belong to the Manager and outlive a reload.
type metrics struct {
	cycles, missed, failures *prometheus.CounterVec
	duration, lastStep       *prometheus.GaugeVec
	series, refused, models  *prometheus.GaugeVec
	refusedRefits            *prometheus.GaugeVec
	joins, withheld          *prometheus.GaugeVec
	warnings                 *prometheus.CounterVec
	mase, bias, coverage     *prometheus.GaugeVec
	fitDuration              *prometheus.HistogramVec
	scaling                  scalingMetrics
	outcomes                 outcomeMetrics
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Namespace: "anomaly_exporter", Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return f.NewGaugeVec(prometheus.GaugeOpts{Namespace: "anomaly_exporter", Name: name, Help: help}, labels)
	}
	return &metrics{
		cycles:        counter("cycles_total", "Cycles begun, by detector or scaler.", "detector"),
		missed:        counter("cycles_missed_total", "Steps that no cycle was in time for; they were caught up from history later.", "detector"),
		failures:      counter("cycle_failures_total", "Cycles that could not read history; they are tried again.", "detector"),
		warnings:      counter("query_warnings_total", "Warnings of queries: a part of the data could not be read.", "detector"),
		duration:      gauge("cycle_duration_seconds", "Duration of the last cycle that was published.", "detector"),
		lastStep:      gauge("last_step_timestamp_seconds", "The step that the results speak of, as a Unix timestamp.", "detector"),
		series:        gauge("series", "Series of the expression that have values now, by state: scored, or why not.", "detector", "state", "reason"),
		refused:       gauge("series_refused", "Series that were refused by series_limit at the last cycle.", "detector"),
		models:        gauge("models", "Fitted models in service: of forecasts, of a combination its leader; and peers, one for each pool of siblings.", "detector", "model"),
		refusedRefits: gauge("refits_refused", "Series whose newest fit kept the weights of an earlier one, since those of the fit after it had done worse out of sample.", "detector"),
		mase:          gauge("forecast_mase", "Error of the forecasts of late relative to that of the value a day before, median over the series; over 1 they are worse.", "detector", "horizon"),
		bias:          gauge("forecast_bias_ratio", "Mean error of the forecasts of late relative to the mean value, median over the series; positive: too high.", "detector", "horizon"),
		coverage:      gauge("forecast_interval_coverage_ratio", "Share of the values of late that were within their forecast interval, over all series.", "detector", "horizon"),
		joins:         gauge("join_series", "Series of an input of a detector of several signals that have a value now, by whether they found their place in a complete vector.", "detector", "input", "matched"),
		withheld:      gauge("results_withheld", "Results that sample_limit keeps from /metrics now, by kind.", "kind"),
		fitDuration: f.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "anomaly_exporter", Name: "fit_duration_seconds", Help: "Duration of fitting one model to one series.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 8),
		}, []string{"model"}),
		scaling:  newScalingMetrics(counter, gauge),
		outcomes: newOutcomeMetrics(f),
	}
}

// begin makes the counters of a task start at 0.
func (m *metrics) begin(name string) {
	for _, c := range []*prometheus.CounterVec{m.cycles, m.missed, m.failures, m.warnings} {
		c.WithLabelValues(name)
	}
}

// forget removes everything about a task.
func (m *metrics) forget(name string) {
	l := prometheus.Labels{"detector": name}
	for _, c := range []*prometheus.CounterVec{m.cycles, m.missed, m.failures, m.warnings} {
		c.DeletePartialMatch(l)
	}
	for _, g := range []*prometheus.GaugeVec{m.duration, m.lastStep, m.series, m.refused, m.refusedRefits, m.joins, m.models, m.mase, m.bias, m.coverage} {
		g.DeletePartialMatch(l)
	}
}
