package result

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

// QualityMetrics are metrics about the quality of forecasts, alerts and recommendations. The live program and backtest
// both compute them from Batches.
type QualityMetrics struct {
	mase, bias, coverage *prometheus.GaugeVec

	outcomes *prometheus.CounterVec
	lead     *prometheus.HistogramVec

	replicaSeconds, cost, under, decisions *prometheus.CounterVec
	capacity, horizon                      *prometheus.GaugeVec
}

// NewQualityMetrics returns QualityMetrics that are registered with reg.
func NewQualityMetrics(reg prometheus.Registerer) *QualityMetrics {
	f := promauto.With(reg)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Namespace: "anomaly_exporter", Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return f.NewGaugeVec(prometheus.GaugeOpts{Namespace: "anomaly_exporter", Name: name, Help: help}, labels)
	}
	return &QualityMetrics{
		mase: gauge(
			"forecast_mase",
			"Recent forecast error relative to that of the value a day before, median over the series; above 1 "+
				"the forecast is worse.",
			"detector", "horizon",
		),
		bias: gauge(
			"forecast_bias_ratio",
			"Recent mean forecast error relative to the mean value, median over the series; positive if too high.",
			"detector", "horizon",
		),
		coverage: gauge(
			"forecast_interval_coverage_ratio",
			"Share of recent values inside their forecast interval, over all series.",
			"detector", "horizon",
		),
		outcomes: counter(
			"outcomes_total",
			"Alerts with an incident (true_positive) and without (false_positive), and incidents without an alert"+
				" (false_negative), by outcomes.truth and the verdicts of people.",
			"detector", "outcome",
		),
		lead: f.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "anomaly_exporter", Name: "lead_time_seconds",
			Help:    "Time from the first alert of an incident to the start of the incident; negative if the alert came later.",
			Buckets: []float64{-3600, -1800, -600, -300, -60, 0, 60, 300, 600, 1200, 1800, 3600, 7200},
		}, []string{"detector"}),
		replicaSeconds: counter(
			"scaler_replica_seconds_total",
			"Replica-seconds that each strategy would use: recommended, reactive or static.",
			"scaler", "strategy",
		),
		cost: counter(
			"scaler_cost_total",
			"Cost of the replica-seconds of each strategy, by cost_per_replica_hour.",
			"scaler", "strategy",
		),
		under: counter(
			"scaler_underprovisioned_seconds_total",
			"Seconds during which the load exceeded the capacity of the replicas that each strategy would have "+
				"had ready.",
			"scaler", "strategy",
		),
		decisions: counter(
			"scaling_decisions_total",
			"Changes of the recommended number of replicas, by direction.",
			"scaler", "direction",
		),
		capacity: gauge(
			"scaler_capacity_per_replica",
			"Load that one replica carries, configured or learned; median over the workloads.",
			"scaler",
		),
		horizon: gauge(
			"scaler_horizon_seconds",
			"How far ahead the scaler looks, configured or learned; median over the workloads.",
			"scaler",
		),
	}
}

// Compare initializes the metrics about the alerts of a detector to 0 if they are compared with a truth, and deletes
// them otherwise.
func (m *QualityMetrics) Compare(s Source, compared bool) {
	if s.Scaler {
		return
	}
	if !compared {
		m.outcomes.DeletePartialMatch(prometheus.Labels{"detector": s.Name})
		m.lead.DeleteLabelValues(s.Name)
		return
	}
	m.count(s.Name, feedback.Outcomes{})
	m.lead.WithLabelValues(s.Name)
}

// Observe adds the results of a batch. Each batch must be observed exactly once.
func (m *QualityMetrics) Observe(b *Batch) {
	if b.Source.Scaler {
		if b.Source.Resource == "" {
			m.observeScaler(b)
		}
		return
	}
	if b.Outcomes != nil {
		m.count(b.Source.Name, *b.Outcomes)
	}
	for _, q := range b.Quality {
		horizon := b.Format.horizons[q.Horizon]
		m.mase.WithLabelValues(b.Source.Name, horizon).Set(q.MASE)
		m.bias.WithLabelValues(b.Source.Name, horizon).Set(q.Bias)
		m.coverage.WithLabelValues(b.Source.Name, horizon).Set(q.Coverage)
	}
}

func (m *QualityMetrics) count(detector string, o feedback.Outcomes) {
	m.outcomes.WithLabelValues(detector, "true_positive").Add(float64(o.TruePositives))
	m.outcomes.WithLabelValues(detector, "false_positive").Add(float64(o.FalsePositives))
	m.outcomes.WithLabelValues(detector, "false_negative").Add(float64(o.FalseNegatives))
	for _, lead := range o.Leads {
		m.lead.WithLabelValues(detector).Observe(lead.Seconds())
	}
}

func (m *QualityMetrics) observeScaler(b *Batch) {
	scaler := b.Source.Name
	var all replicas.StrategyTotals
	for i := range b.Series {
		all.Add(b.Series[i].Totals)
	}
	for s := range replicas.NumStrategies {
		m.replicaSeconds.WithLabelValues(scaler, s.String()).Add(all.ReplicaSeconds[s])
		m.under.WithLabelValues(scaler, s.String()).Add(all.UnderSeconds[s])
		if b.Format.CostPerHour > 0 {
			m.cost.WithLabelValues(scaler, s.String()).Add(all.ReplicaSeconds[s] / 3600 * b.Format.CostPerHour)
		}
	}
	m.decisions.WithLabelValues(scaler, "up").Add(float64(all.Raised))
	m.decisions.WithLabelValues(scaler, "down").Add(float64(all.Lowered))
	m.capacity.DeleteLabelValues(scaler)
	m.horizon.DeleteLabelValues(scaler)
	if b.Learned != nil {
		m.capacity.WithLabelValues(scaler).Set(b.Learned.Capacity)
		m.horizon.WithLabelValues(scaler).Set(b.Learned.Horizon)
	}
}

// Forget deletes all metrics of a source.
func (m *QualityMetrics) Forget(s Source) {
	if !s.Scaler {
		m.Compare(s, false)
		for _, g := range []*prometheus.GaugeVec{m.mase, m.bias, m.coverage} {
			g.DeletePartialMatch(prometheus.Labels{"detector": s.Name})
		}
		return
	}
	if s.Resource != "" {
		return
	}
	l := prometheus.Labels{"scaler": s.Name}
	for _, c := range []*prometheus.CounterVec{m.replicaSeconds, m.cost, m.under, m.decisions} {
		c.DeletePartialMatch(l)
	}
	for _, g := range []*prometheus.GaugeVec{m.capacity, m.horizon} {
		g.DeletePartialMatch(l)
	}
}
