package collector

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The values of the label reason: why a result is dropped.
const (
	// Another result of the family has the same labels.
	reasonDuplicate = "duplicate"
	// Another result has the same labels once their names are underscored. Only scrapers without UTF-8 support miss it.
	reasonEscaped = "escaped"
	// A label is one that no scraper accepts: without a name, repeated, or named __name__.
	reasonInvalid = "invalid"
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
		Help: "Results dropped at rendering, counted again at each rendering, by reason: duplicate, escaped or invalid.",
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
			Help: "Time to render the newest results as exposition text.",
		}),
	}
}
