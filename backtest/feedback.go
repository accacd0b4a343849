package backtest

import (
	"math"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
)

// fedBack are what the names of those metrics about the program itself begin with that say how good its results were.
var fedBack = []string{
	"anomaly_exporter_forecast_", "anomaly_exporter_outcomes_", "anomaly_exporter_lead_time_", "anomaly_exporter_scaler_", "anomaly_exporter_scaling_",
}

// feedback keeps what the program says of its results at each step.
type feedback struct {
	metrics *prometheus.Registry // of the detector
	columns map[string]*column   // by name and labels
}

func newFeedback() feedback {
	return feedback{metrics: prometheus.NewRegistry(), columns: map[string]*column{}}
}

func (f feedback) keep(s *spool, at int64) error {
	families, err := f.metrics.Gather()
	if err != nil {
		return err
	}
	for _, family := range families {
		if !isFeedback(family.GetName()) {
			continue
		}
		kind := strings.ToLower(family.GetType().String())
		name := family.GetName()
		if kind == "counter" { // as OpenMetrics has it
			name = strings.TrimSuffix(name, "_total")
		}
		to := s.family(name, family.GetHelp(), kind)
		for _, m := range family.GetMetric() {
			if err := f.keepMetric(s, to, m, at); err != nil {
				return err
			}
		}
	}
	return nil
}

func isFeedback(name string) bool {
	for _, prefix := range fedBack {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func (f feedback) keepMetric(s *spool, to *familyColumns, m *dto.Metric, at int64) error {
	var l detector.Labels
	for _, pair := range m.GetLabel() {
		l = append(l, labels.Label{Name: pair.GetName(), Value: pair.GetValue()})
	}
	keep := func(suffix string, l detector.Labels, v float64) error {
		key := to.name + suffix
		for _, l := range l {
			key += "\xff" + l.Name + "\xff" + l.Value
		}
		c := f.columns[key]
		if c == nil {
			c = to.add(suffix, l) // names of detectors and horizons can be written
			f.columns[key] = c
		}
		return s.append(c, at, v)
	}
	switch h := m.GetHistogram(); {
	case m.GetCounter() != nil:
		return keep("_total", l, m.GetCounter().GetValue())
	case m.GetGauge() != nil:
		return keep("", l, m.GetGauge().GetValue())
	case h != nil:
		bucket := func(upper float64, count uint64) error {
			le := strconv.FormatFloat(upper, 'g', -1, 64)
			return keep("_bucket", append(l[:len(l):len(l)], labels.Label{Name: "le", Value: le}), float64(count))
		}
		for _, b := range h.GetBucket() {
			if err := bucket(b.GetUpperBound(), b.GetCumulativeCount()); err != nil {
				return err
			}
		}
		if err := bucket(math.Inf(1), h.GetSampleCount()); err != nil {
			return err
		}
		if err := keep("_sum", l, h.GetSampleSum()); err != nil {
			return err
		}
		return keep("_count", l, float64(h.GetSampleCount()))
	}
	return nil
}
