package detector

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

// Strategy is a way to choose the number of replicas.
type Strategy = replicas.Strategy

// The strategies that are compared.
const (
	Recommended   = replicas.Recommended // what is recommended
	Reactive      = replicas.Reactive    // a Kubernetes HPA that sees the load now
	Static        = replicas.Static      // a fleet for the largest load of the past
	NumStrategies = replicas.NumStrategies
)

// Account is what following each strategy would have meant for one workload since the Part before.
type Account struct {
	Labels Labels // of the recommendation
	replicas.StrategyTotals
}

// scalingMetrics are about the scalers.
type scalingMetrics struct {
	replicaSeconds, cost, under, decisions *prometheus.CounterVec
	capacity, horizon                      *prometheus.GaugeVec
}

func newScalingMetrics(counter func(name, help string, labels ...string) *prometheus.CounterVec, gauge func(name, help string, labels ...string) *prometheus.GaugeVec) scalingMetrics {
	return scalingMetrics{
		replicaSeconds: counter("scaler_replica_seconds_total", "Replicas times seconds: as recommended, as a reactive autoscaler would have, and as a static fleet for the largest load of the past.", "scaler", "strategy"),
		cost:           counter("scaler_cost_total", "What these replicas cost by cost_per_replica_hour.", "scaler", "strategy"),
		under:          counter("scaler_underprovisioned_seconds_total", "Seconds in which the load was over what the replicas would have carried that had been asked for during the whole horizon.", "scaler", "strategy"),
		decisions:      counter("scaling_decisions_total", "Changes of the recommended number of replicas.", "scaler", "direction"),
		capacity:       gauge("scaler_capacity_per_replica", "Load that one replica carries, as configured or learned; median over the workloads.", "scaler"),
		horizon:        gauge("scaler_horizon_seconds", "How far ahead the scaler looks, as configured or learned; median over the workloads.", "scaler"),
	}
}

// settle adds the accounts of a part; the counters of a scaler that has none yet begin at 0.
func (m scalingMetrics) settle(scaler string, accounts []Account, costPerHour float64) {
	var all replicas.StrategyTotals
	for _, a := range accounts {
		all.Add(a.StrategyTotals)
	}
	for s := range NumStrategies {
		m.replicaSeconds.WithLabelValues(scaler, s.String()).Add(all.ReplicaSeconds[s])
		m.under.WithLabelValues(scaler, s.String()).Add(all.UnderSeconds[s])
		if costPerHour > 0 {
			m.cost.WithLabelValues(scaler, s.String()).Add(all.ReplicaSeconds[s] / 3600 * costPerHour)
		}
	}
	m.decisions.WithLabelValues(scaler, "up").Add(float64(all.Raised))
	m.decisions.WithLabelValues(scaler, "down").Add(float64(all.Lowered))
}

// learned shows what the workloads of a scaler go by.
func (m scalingMetrics) learned(scaler string, capacities, horizons []float64) {
	for gauge, values := range map[*prometheus.GaugeVec][]float64{m.capacity: capacities, m.horizon: horizons} {
		gauge.DeleteLabelValues(scaler)
		if len(values) > 0 {
			slices.Sort(values)
			gauge.WithLabelValues(scaler).Set(median(values))
		}
	}
}

// forget removes everything about a scaler.
func (m scalingMetrics) forget(scaler string) {
	l := prometheus.Labels{"scaler": scaler}
	for _, c := range []*prometheus.CounterVec{m.replicaSeconds, m.cost, m.under, m.decisions} {
		c.DeletePartialMatch(l)
	}
	for _, g := range []*prometheus.GaugeVec{m.capacity, m.horizon} {
		g.DeletePartialMatch(l)
	}
}
