package main

import "github.com/prometheus/client_golang/prometheus"

// metrics are those of the program about itself.
type metrics struct {
	notifications *prometheus.CounterVec // by result
	diagnoses     *prometheus.CounterVec // by result
	posts         *prometheus.CounterVec // by result
	contexts      *prometheus.CounterVec // by result
	tokens        *prometheus.CounterVec // by type
	duration      prometheus.Histogram
	redacted      prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help, label string, values ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "llm_correlation_" + name, Help: help}, []string{label})
		for _, value := range values {
			v.WithLabelValues(value)
		}
		reg.MustRegister(v)
		return v
	}
	m := &metrics{
		notifications: counter("notifications_total", "Notifications of Alertmanager, by what became of them.", "result",
			"posted", "duplicate", "resolved", "limited", "invalid", "failed"),
		diagnoses: counter("diagnoses_total", "Diagnoses that the model was asked for, by what it answered.", "result",
			"ok", "refused", "timeout", "invalid", "error"),
		posts: counter("posts_total", "Messages to the webhook.", "result", "ok", "error"),
		contexts: counter("contexts_total", "Incident contexts that were requested from the exporter.", "result",
			"ok", "error"),
		tokens: counter("model_tokens_total", "Tokens that the model has read (input) and written (output).", "type",
			"input", "output"),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "llm_correlation_model_duration_seconds", Help: "How long the model took, retries included.",
			Buckets: []float64{1, 2, 5, 10, 20, 40, 60, 120, 300},
		}),
		redacted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "llm_correlation_redacted_values_total", Help: "Values that were replaced before a document left the process.",
		}),
	}
	reg.MustRegister(m.duration, m.redacted)
	return m
}
