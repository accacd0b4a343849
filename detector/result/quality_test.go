package result_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

// gather returns the values of a registry by name and labels; of a histogram count and sum.
func gather(t *testing.T, reg *prometheus.Registry) map[string]string {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	values := map[string]string{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var pairs []string
			for _, l := range m.GetLabel() {
				pairs = append(pairs, l.GetName()+"="+l.GetValue())
			}
			key := strings.TrimPrefix(f.GetName(), "anomaly_exporter_") + "{" + strings.Join(pairs, ",") + "}"
			switch {
			case m.GetHistogram() != nil:
				values[key] = fmt.Sprint(m.GetHistogram().GetSampleCount(), " ", m.GetHistogram().GetSampleSum())
			case m.GetCounter() != nil:
				values[key] = fmt.Sprint(m.GetCounter().GetValue())
			default:
				values[key] = fmt.Sprint(m.GetGauge().GetValue())
			}
		}
	}
	return values
}

var (
	detectorSource = result.Source{Name: "x"}
	scalerSource   = result.Source{Scaler: true, Name: "x"}
)

// graded is a batch of a detector that was compared with a truth.
func graded() *result.Batch {
	b := newBatch(result.Scores)
	b.Source = detectorSource
	b.Outcomes = &feedback.Outcomes{
		TruePositives: 1, FalsePositives: 2, FalseNegatives: 3, Leads: []time.Duration{time.Minute, -20 * time.Second},
	}
	b.Quality = []feedback.Quality{{Horizon: 1, MASE: 0.5, Bias: -0.25, Coverage: 0.75}}
	return b
}

// accounted is a batch of a scaler with two loads.
func accounted(cost float64) *result.Batch {
	one := replicas.StrategyTotals{Seconds: 60, Raised: 1, Lowered: 2}
	one.ReplicaSeconds = [replicas.NumStrategies]float64{1800, 3600, 7200}
	one.UnderSeconds = [replicas.NumStrategies]float64{0, 60, 120}
	b := newBatch(result.Recommendations, sized("a"), sized("b"), sized("c"))
	b.Format = result.NewFormat(result.Format{CostPerHour: cost})
	b.Source, b.Learned = scalerSource, &result.Learned{Capacity: 100, Horizon: 240}
	b.Series[0].Totals, b.Series[1].Totals = one, one
	return b
}

var ofGraded = map[string]string{
	"outcomes_total{detector=x,outcome=true_positive}":        "1",
	"outcomes_total{detector=x,outcome=false_positive}":       "2",
	"outcomes_total{detector=x,outcome=false_negative}":       "3",
	"lead_time_seconds{detector=x}":                           "2 40",
	"forecast_mase{detector=x,horizon=1d}":                    "0.5",
	"forecast_bias_ratio{detector=x,horizon=1d}":              "-0.25",
	"forecast_interval_coverage_ratio{detector=x,horizon=1d}": "0.75",
}

var ofAccounted = map[string]string{
	"scaler_replica_seconds_total{scaler=x,strategy=recommended}":          "3600",
	"scaler_replica_seconds_total{scaler=x,strategy=reactive}":             "7200",
	"scaler_replica_seconds_total{scaler=x,strategy=static}":               "14400",
	"scaler_underprovisioned_seconds_total{scaler=x,strategy=recommended}": "0",
	"scaler_underprovisioned_seconds_total{scaler=x,strategy=reactive}":    "120",
	"scaler_underprovisioned_seconds_total{scaler=x,strategy=static}":      "240",
	"scaler_cost_total{scaler=x,strategy=recommended}":                     "0.5",
	"scaler_cost_total{scaler=x,strategy=reactive}":                        "1",
	"scaler_cost_total{scaler=x,strategy=static}":                          "2",
	"scaling_decisions_total{direction=up,scaler=x}":                       "2",
	"scaling_decisions_total{direction=down,scaler=x}":                     "4",
	"scaler_capacity_per_replica{scaler=x}":                                "100",
	"scaler_horizon_seconds{scaler=x}":                                     "240",
}

func TestQualityMetrics_ObserveADetector(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := result.NewQualityMetrics(reg)
	require.Empty(t, gather(t, reg))
	m.Observe(graded())
	require.Equal(t, ofGraded, gather(t, reg))
	m.Observe(graded())
	require.Equal(t, "4", gather(t, reg)["outcomes_total{detector=x,outcome=false_positive}"], "counters add up")
	require.Equal(t, "0.5", gather(t, reg)["forecast_mase{detector=x,horizon=1d}"], "gauges do not")
	b := graded()
	b.Outcomes, b.Quality = nil, nil
	before := gather(t, reg)
	m.Observe(b)
	require.Equal(t, before, gather(t, reg), "without a truth nothing is counted")
}

func TestQualityMetrics_ObserveAScaler(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := result.NewQualityMetrics(reg)
	m.Observe(accounted(0.5))
	require.Equal(t, ofAccounted, gather(t, reg))
	unknown := accounted(0.5)
	unknown.Learned = nil
	m.Observe(unknown)
	after := gather(t, reg)
	require.Equal(t, "7200", after["scaler_replica_seconds_total{scaler=x,strategy=recommended}"])
	require.NotContains(t, after, "scaler_capacity_per_replica{scaler=x}", "not known any more")
	require.NotContains(t, after, "scaler_horizon_seconds{scaler=x}")

	request := accounted(0.5)
	request.Source.Resource = "cpu"
	m.Observe(request)
	require.Equal(t, after, gather(t, reg), "requests are not compared")
}

func TestQualityMetrics_CountNoCostIfTheCostIsNotKnown(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	result.NewQualityMetrics(reg).Observe(accounted(0))
	for key := range gather(t, reg) {
		require.NotContains(t, key, "cost")
	}
}

func TestQualityMetrics_CompareStartsAtZeroAndRemoves(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := result.NewQualityMetrics(reg)
	m.Compare(scalerSource, true)
	require.Empty(t, gather(t, reg), "a scaler has no alerts")
	m.Compare(detectorSource, true)
	zero := map[string]string{
		"outcomes_total{detector=x,outcome=true_positive}":  "0",
		"outcomes_total{detector=x,outcome=false_positive}": "0",
		"outcomes_total{detector=x,outcome=false_negative}": "0",
		"lead_time_seconds{detector=x}":                     "0 0",
	}
	require.Equal(t, zero, gather(t, reg))
	m.Observe(graded())
	m.Compare(detectorSource, true)
	require.Equal(t, ofGraded, gather(t, reg), "what was counted stays")
	m.Compare(scalerSource, false)
	require.Equal(t, ofGraded, gather(t, reg), "a scaler of the same name is another")
	m.Compare(detectorSource, false)
	for key := range zero {
		require.NotContains(t, gather(t, reg), key)
	}
	require.Len(t, gather(t, reg), 3, "forecasts are still compared")
}

func TestQualityMetrics_ForgetTellsAScalerFromADetectorOfTheSameName(t *testing.T) {
	newMetrics := func(t *testing.T) (*result.QualityMetrics, *prometheus.Registry) {
		t.Helper()
		reg := prometheus.NewPedanticRegistry()
		m := result.NewQualityMetrics(reg)
		m.Observe(graded())
		m.Observe(accounted(0.5))
		require.Len(t, gather(t, reg), len(ofGraded)+len(ofAccounted))
		return m, reg
	}
	t.Run("the detector", func(t *testing.T) {
		m, reg := newMetrics(t)
		m.Forget(detectorSource)
		require.Equal(t, ofAccounted, gather(t, reg))
	})
	t.Run("the scaler", func(t *testing.T) {
		m, reg := newMetrics(t)
		m.Forget(scalerSource)
		require.Equal(t, ofGraded, gather(t, reg))
	})
	t.Run("a request of the scaler", func(t *testing.T) {
		m, reg := newMetrics(t)
		m.Forget(result.Source{Scaler: true, Name: "x", Resource: "cpu"})
		require.Len(t, gather(t, reg), len(ofGraded)+len(ofAccounted), "the load is still there")
	})
	t.Run("another", func(t *testing.T) {
		m, reg := newMetrics(t)
		m.Forget(result.Source{Name: "y"})
		m.Forget(result.Source{Scaler: true, Name: "y"})
		require.Len(t, gather(t, reg), len(ofGraded)+len(ofAccounted))
	})
}

func TestQualityMetrics_HaveTheNamespaceAndHelp(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := result.NewQualityMetrics(reg)
	m.Observe(graded())
	m.Observe(accounted(1))
	families, err := reg.Gather()
	require.NoError(t, err)
	var names []string
	for _, f := range families {
		require.True(t, strings.HasPrefix(f.GetName(), "anomaly_exporter_"))
		require.NotEmpty(t, f.GetHelp())
		names = append(names, f.GetName())
	}
	require.True(t, slices.IsSorted(names))
	require.Len(t, names, 11)
}
