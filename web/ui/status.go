package ui

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/web/ui/links"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

// prefix is that of the exporter's own metrics.
const prefix = "anomaly_exporter_"

// causes are the usual causes of failed reads, by reason. docs/alerting.md has the same.
var causes = map[string]string{
	"connection":   "the network",
	"content_type": "the URL is not a remote-read endpoint",
	"timeout":      "the server is too slow for the range that was asked",
	"redirect":     "the server redirects to another host, which is not followed: credentials would go with it",
	"label_limit":  "a series with too many or too long labels: the log names it",
	"too_large":    "an answer without end, or far more series than series_limit: aggregate in the expression",
	"undelimited":  "a proxy that speaks HTTP/1.0",
	"status":       "an answer of the server, by its status",
}

// statuses are the usual causes of an answer that is no success, by its status.
var statuses = map[string]string{
	"400": "a limit of Cortex or Mimir on one query: the log names it",
	"401": "credentials, or no tenant",
	"403": "credentials, or no tenant",
	"404": "the path of the URL: that of remote-read ends in /api/v1/read",
	"405": "the path of the URL: that of remote-read ends in /api/v1/read",
	"422": "a limit of Cortex or Mimir on one query: the log names it",
	"429": "the server is overloaded, or limits the reads of a tenant",
	"503": "the server is overloaded, or limits the reads of a tenant",
}

// statusPage is how the exporter itself is.
type statusPage struct {
	Detectors []cycles
	Servers   []server
	Reload    time.Time // the last successful one; zero: not known
	Failed    bool      // a later one failed
	Runbook   string
}

// cycles are those of a detector or scaler.
type cycles struct {
	Kind, Name           string
	Step                 time.Time // of the newest results; zero: none yet
	Took, Of             view.Number
	Done, Failed, Missed float64
	Slow                 bool          // it hardly keeps up
	Fault                *result.Fault // the newest; nil: there was none
}

// server is one that is read from.
type server struct {
	URL            string
	Samples, Bytes view.Number
	Answers        []answers
	Errors         []answers
}

type answers struct {
	Name, Cause string
	Count       float64
}

// status shows how the exporter itself is: its cycles, and the servers that it reads from.
func (u *UI) status(w http.ResponseWriter, _ *http.Request) {
	families, err := u.o.Gatherer.Gather()
	if err != nil {
		u.missing(w, http.StatusInternalServerError, err.Error(), nil)
		return
	}
	m := metrics{}
	for _, f := range families {
		if name, ok := strings.CutPrefix(f.GetName(), prefix); ok {
			m[name] = f.GetMetric()
		}
	}
	page := statusPage{Servers: m.servers(), Runbook: links.Runbooks + "anomalyexporterremotereaderrors"}
	faults := u.o.Faults()
	for _, source := range u.o.View.Configured() {
		page.Detectors = append(page.Detectors, m.cycles(source, faults))
	}
	if at := m.value("config_last_reload_success_timestamp_seconds", nil); at > 0 {
		page.Reload = time.Unix(int64(at), 0).UTC()
	}
	page.Failed = !page.Reload.IsZero() && m.value("config_last_reload_successful", nil) == 0
	u.show(w, http.StatusOK, "status", "Status", page)
}

// metrics are those of the exporter itself, by name without prefix.
type metrics map[string][]*dto.Metric

// value returns a gauge or counter; 0 if there is none.
func (m metrics) value(name string, of prometheus.Labels) float64 {
	for _, one := range m[name] {
		if matches(one, of) {
			return valueOf(one)
		}
	}
	return 0
}

func valueOf(m *dto.Metric) float64 { return m.GetGauge().GetValue() + m.GetCounter().GetValue() }

func matches(m *dto.Metric, of prometheus.Labels) bool {
	for name, value := range of {
		if labelOf(m, name) != value {
			return false
		}
	}
	return true
}

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

func (m metrics) cycles(source result.Source, faults map[result.Source]result.Fault) cycles {
	of := prometheus.Labels{"detector": source.ID(), "scaler": ""}
	if source.Scaler {
		of = prometheus.Labels{"detector": "", "scaler": source.ID()}
	}
	get := func(name string) float64 { return m.value(name, of) }
	c := cycles{
		Kind: source.Kind(), Name: source.ID(), Took: view.Number(get("cycle_duration_seconds")),
		Of: view.Number(get("step_seconds")), Done: get("cycles_total"), Failed: get("cycle_failures_total"),
		Missed: get("cycles_missed_total"),
	}
	c.Slow = c.Of > 0 && c.Took > c.Of/2
	if at := get("last_step_timestamp_seconds"); at > 0 {
		c.Step = time.Unix(int64(at), 0).UTC()
	}
	if f, ok := faults[source]; ok {
		c.Fault = &f
	}
	return c
}

// servers returns the servers that have been read from, in the order of their addresses.
func (m metrics) servers() (found []server) {
	for _, one := range m["remote_read_samples_total"] {
		url := labelOf(one, "url")
		of := prometheus.Labels{"url": url}
		s := server{
			URL: url, Samples: view.Number(valueOf(one)), Bytes: view.Number(m.value("remote_read_bytes_total", of)),
		}
		s.Answers = m.counts("remote_read_requests_total", "code", of, statuses)
		s.Errors = m.counts("remote_read_errors_total", "reason", of, causes)
		found = append(found, s)
	}
	slices.SortFunc(found, func(a, b server) int { return cmp.Compare(a.URL, b.URL) })
	return found
}

// counts returns a counter by the value of a label, without those that are 0, the largest first.
func (m metrics) counts(name, label string, of prometheus.Labels, causes map[string]string) (found []answers) {
	for _, one := range m[name] {
		if n := valueOf(one); n > 0 && matches(one, of) {
			value := labelOf(one, label)
			found = append(found, answers{value, causes[value], n})
		}
	}
	slices.SortStableFunc(found, func(a, b answers) int { return cmp.Compare(b.Count, a.Count) })
	return found
}
