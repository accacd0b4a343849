package collector

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Reasons for which a result is not shown: the closed list of the label.
const (
	reasonDuplicate = "duplicate" // another result of the family has the same labels
	reasonEscaped   = "escaped"   // the same, once label names are underscored: missing only for scrapers that do not offer UTF-8
	reasonInvalid   = "invalid"   // a label that no scraper takes: without a name, named twice, or named __name__
)

type metrics struct {
	results   prometheus.Gauge
	duplicate prometheus.Counter
	escaped   prometheus.Counter
	invalid   prometheus.Counter
	rendering prometheus.Summary
}

func newMetrics(reg prometheus.Registerer) *metrics {
	dropped := promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "anomaly_exporter_results_dropped_total",
		Help: "Results left out of the exposition, counted again each time they are rendered, by reason: duplicate, escaped, invalid.",
	}, []string{"reason"})
	return &metrics{
		results: promauto.With(reg).NewGauge(prometheus.GaugeOpts{
			Name: "anomaly_exporter_results",
			Help: "Results on /metrics now.",
		}),
		duplicate: dropped.WithLabelValues(reasonDuplicate),
		escaped:   dropped.WithLabelValues(reasonEscaped),
		invalid:   dropped.WithLabelValues(reasonInvalid),
		rendering: promauto.With(reg).NewSummary(prometheus.SummaryOpts{
			Name: "anomaly_exporter_render_duration_seconds",
			Help: "Time to turn the newest results into exposition text.",
		}),
	}
}
