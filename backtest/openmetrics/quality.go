package openmetrics

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// qualityMetrics are the metrics about the results of one detector or scaler, at every step.
type qualityMetrics struct {
	registry *prometheus.Registry // of these metrics only
	metrics  *result.QualityMetrics
}

// newQualityMetrics returns the metrics of a detector or scaler. compared reports whether its alerts are compared with
// a truth.
func newQualityMetrics(of result.Source, compared bool) *qualityMetrics {
	registry := prometheus.NewRegistry()
	m := &qualityMetrics{registry, result.NewQualityMetrics(registry)}
	m.metrics.Compare(of, compared)
	return m
}

// record adds the results of a batch, and stores the metrics as they are then.
func (q *qualityMetrics) record(s *resultStore, b *result.Batch) error {
	q.metrics.Observe(b)
	families, err := q.registry.Gather()
	if err != nil {
		return err
	}
	for _, family := range families {
		kind := strings.ToLower(family.GetType().String())
		name := family.GetName()
		if kind == "counter" { // OpenMetrics names the family without the suffix
			name = strings.TrimSuffix(name, "_total")
		}
		to := s.family(name, family.GetHelp(), kind)
		for _, m := range family.GetMetric() {
			if err := s.appendMetric(to, m, b.Step); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendMetric stores the samples of a metric.
func (s *resultStore) appendMetric(to *familyBuffers, m *dto.Metric, at int64) error {
	var base result.Labels
	for _, pair := range m.GetLabel() {
		base = append(base, labels.Label{Name: pair.GetName(), Value: pair.GetValue()})
	}
	add := func(suffix string, l result.Labels, v float64) error {
		series, _ := render(to.name+suffix, l) // ok is always true for these labels
		return s.append(to.buffer(series), at, v)
	}
	switch h := m.GetHistogram(); {
	case m.GetCounter() != nil:
		return add("_total", base, m.GetCounter().GetValue())
	case m.GetGauge() != nil:
		return add("", base, m.GetGauge().GetValue())
	case h != nil:
		bucket := func(upper float64, count uint64) error {
			le := strconv.FormatFloat(upper, 'g', -1, 64)
			return add("_bucket", append(slices.Clip(base), labels.Label{Name: "le", Value: le}), float64(count))
		}
		for _, b := range h.GetBucket() {
			if err := bucket(b.GetUpperBound(), b.GetCumulativeCount()); err != nil {
				return err
			}
		}
		if err := bucket(math.Inf(1), h.GetSampleCount()); err != nil {
			return err
		}
		if err := add("_sum", base, h.GetSampleSum()); err != nil {
			return err
		}
		return add("_count", base, float64(h.GetSampleCount()))
	}
	return nil
}
