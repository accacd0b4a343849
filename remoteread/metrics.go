package remoteread

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics are the self-metrics of all clients of a process. A reload of the configuration replaces the clients; the
// Metrics outlive them, so that counters do not start again.
type Metrics struct {
	requests *prometheus.CounterVec
	samples  *prometheus.CounterVec
	bytes    *prometheus.CounterVec
	errors   *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

// NewMetrics registers the metrics anomaly_exporter_remote_read_*, and panics if they are registered already. If reg
// is nil, they are not registered.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	const namespace, subsystem = "anomaly_exporter", "remote_read"
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: subsystem, Name: name, Help: help,
		}, append([]string{"url"}, labels...))
	}
	return &Metrics{
		requests: counter("requests_total",
			"Remote-read requests sent, retries included, by HTTP status of the response, or error without a response.",
			"code"),
		samples: counter("samples_total", "Samples received by remote-read."),
		bytes:   counter("bytes_total", "Response bytes received by remote-read, on the wire."),
		errors: counter("errors_total",
			"Failed remote-read requests, corrupt chunks and skipped series, by reason.", "reason"),
		duration: promauto.With(reg).NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "request_duration_seconds",
			Help: "Time from sending a remote-read request to the end of its response.",
			// The default buckets of client_golang, continued to twice the default of Options.Timeout.
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 25, 60, 120},
		}, []string{"url"}),
		inFlight: promauto.With(reg).NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "in_flight",
			Help: "Remote-read requests in flight.",
		}),
	}
}

// urlMetrics are the metrics of one URL.
type urlMetrics struct {
	requests *prometheus.CounterVec
	samples  prometheus.Counter
	bytes    prometheus.Counter
	errors   map[string]prometheus.Counter
	duration prometheus.Observer
	inFlight prometheus.Gauge
}

func (m *Metrics) forURL(url string) urlMetrics {
	u := urlMetrics{
		requests: m.requests.MustCurryWith(prometheus.Labels{"url": url}),
		samples:  m.samples.WithLabelValues(url),
		bytes:    m.bytes.WithLabelValues(url),
		errors:   map[string]prometheus.Counter{},
		duration: m.duration.WithLabelValues(url),
		inFlight: m.inFlight,
	}
	u.requests.WithLabelValues("200")
	for _, reason := range reasons() {
		u.errors[reason] = m.errors.WithLabelValues(url, reason)
	}
	return u
}
