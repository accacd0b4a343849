package preset

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
)

// A service is a set of metrics about requests.
type service struct {
	prefix    string // of the names of its detectors; "": none
	counter   string // of requests
	histogram string // of their durations, without a suffix
	native    bool   // the histogram counts the requests: there is no counter
	errors    string // matcher of the requests that failed; "": unknown
	// The labels that tell services apart: where one runs, and what it is called.
	place, name string
}

// The names that the example about requests uses.
const (
	exampleCounter   = "http_requests_total"
	exampleHistogram = "http_request_duration_seconds"
	exampleErrors    = `code=~"5.."`
	examplePlace     = "namespace"
	exampleName      = "job"
)

// durations match the names that client libraries give to histograms of requests. The first group is what they begin
// with.
var (
	// Those of the Prometheus docs and OpenTelemetry, of Micrometer, and of gRPC.
	durations = regexp.MustCompile(`^([a-zA-Z0-9_]+?)_(?:requests?_(?:duration_)?seconds|handling_seconds)$`)
	// Those of OpenTelemetry in a Prometheus that keeps their dots, with and without a suffix for the unit.
	dottedDurations = regexp.MustCompile(`^([a-zA-Z0-9_.]+?)\.(?:request|call)\.duration(?:_seconds)?$`)
)

// infrastructure matches what has a preset of its own, and what few people who look after services look at.
var infrastructure = regexp.MustCompile(`^(nginx|traefik|istio|envoy|prometheus|promhttp|alertmanager|grafana|loki|` +
	`tempo|mimir|cortex|thanos|anomaly_exporter|apiserver|kubernetes|kubelet|etcd|coredns|rest_client|scheduler|` +
	`aggregator|authentication|authorization|cloudprovider|workqueue)[_.]`)

// statusLabels are the labels that hold the status of a request, and what the values of a failure match.
var statusLabels = [][2]string{
	{"code", "5.."},
	{"status", "5.."},
	{"status_code", "5.."},
	{"http_response_status_code", "5.."},
	{"http.response.status_code", "5.."},
	{"http_status_code", "5.."},
	{"http.status_code", "5.."},
	{"response_code", "5.."},
	{"grpc_code", "Unknown|DeadlineExceeded|Unimplemented|Internal|Unavailable|DataLoss"},
	{"rpc_grpc_status_code", "2|4|12|13|14|15"},
	{"rpc.grpc.status_code", "2|4|12|13|14|15"},
}

// The labels that tell where a service runs, and what it is called. A service without the first of each may have
// another one: OpenTelemetry's, of which Prometheus makes a job only if there is a service.name.
var (
	placeLabels = []string{examplePlace, "k8s.namespace.name", "k8s_namespace_name"}
	nameLabels  = []string{exampleName, "service.name", "service_name"}
)

// label returns a label name as PromQL writes it.
func label(name string) string {
	if model.LegacyValidation.IsValidLabelName(name) {
		return name
	}
	return strconv.Quote(name)
}

// selector selects a metric, with further matchers ("": all of its series). PromQL wants names with dots in quotes.
func selector(metric, matchers string) string {
	if !model.LegacyValidation.IsValidMetricName(metric) {
		return "{" + strings.TrimSuffix(strconv.Quote(metric)+", "+matchers, ", ") + "}"
	}
	if matchers == "" {
		return metric
	}
	return metric + "{" + matchers + "}"
}

// services returns the services that have metrics, by the conventions for their names. What marks a failure is left to
// find out.
func services(metrics map[string]bool) (all []service) {
	seen := map[string]bool{} // beginnings of names
	if metrics[exampleCounter] {
		all = append(all, service{prefix: "http", counter: exampleCounter, histogram: exampleHistogram})
	}
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		histogram := strings.TrimSuffix(name, "_count")
		m, prefix, between := durations.FindStringSubmatch(histogram), "", "_"
		if m == nil {
			m, prefix, between = dottedDurations.FindStringSubmatch(histogram), "otel_", "."
		}
		if m == nil || infrastructure.MatchString(name) || histogram == name && metrics[name+"_count"] {
			continue
		}
		s := service{
			prefix:  prefix + strings.ReplaceAll(m[1], ".", "_"), // both may be there while names are changed
			counter: histogram + "_count", histogram: histogram,
		}
		for _, counts := range []string{"requests", "requests_total", "handled_total"} {
			counter := m[1] + between + counts
			if metrics[counter] && (between == "." || counts != "requests") {
				s.counter = counter
			}
		}
		if s.native = !metrics[s.counter]; s.native {
			s.counter = histogram
		}
		if s.counter != exampleCounter && !seen[m[1]] {
			all = append(all, s)
		}
		seen[m[1]] = true
	}
	return all
}

// find sets what marks a failure, and what tells services apart, from the labels of the counter.
func (s *service) find(labels map[string]bool) {
	first := func(names []string) string {
		if i := slices.IndexFunc(names, func(name string) bool { return labels[name] }); i >= 0 {
			return names[i]
		}
		return names[0]
	}
	s.place, s.name = first(placeLabels), first(nameLabels)
	for _, known := range statusLabels {
		if labels[known[0]] {
			s.errors = label(known[0]) + "=~" + strconv.Quote(known[1])
			return
		}
	}
}

// alerted is the mask of the example, which knows services by its own labels only, and the line about it.
var alerted = regexp.MustCompile(`(?m)^    # Do not learn from an outage.*\n    mask:\n(?:      .*\n)+`)

// preset returns the example about requests with the metrics of the service.
func (s *service) preset(text string) (preset, error) {
	text, _, _ = strings.Cut(text, "\nscalers:\n")
	if s.place != examplePlace || s.name != exampleName {
		text = alerted.ReplaceAllString(text, "")
	}
	if s.native {
		text = counted.ReplaceAllString(text, "histogram_count($0)")
	}
	text = strings.NewReplacer(
		exampleCounter+"{"+exampleErrors+"}", selector(s.counter, s.errors),
		exampleCounter, selector(s.counter, ""),
		exampleHistogram+"_bucket", selector(s.histogram+"_bucket", ""),
		exampleHistogram+"_count", selector(s.histogram+"_count", ""),
		exampleHistogram, selector(s.histogram, ""),
		"by ("+examplePlace+", "+exampleName, "by ("+label(s.place)+", "+label(s.name),
		"by: ["+examplePlace+", "+exampleName+"]", "by: ["+s.place+", "+s.name+"]",
	).Replace(text)
	if s.prefix != "http" {
		text = nameLine.ReplaceAllString(text, "  - name: "+s.prefix+"_$1")
	}
	if !strings.HasSuffix(s.histogram, "_seconds") { // of which the unit is not in the name
		text = latencyLine.ReplaceAllString(text, "$0\n    unit: seconds")
	}
	p, err := parse(requestsFile, text)
	if err != nil {
		return preset{}, err
	}
	p.about = "The metrics " + s.counter + " and " + s.histogram + "."
	if s.native {
		p.about = "The native histogram " + s.histogram + "."
	}
	if s.errors == "" {
		p.about += " No label tells which requests failed."
		p.detectors = slices.DeleteFunc(p.detectors, func(d entry) bool { return strings.Contains(d.text, "error") })
	}
	if s.name != exampleName {
		p.about += fmt.Sprintf(" It has no label %s: services are told apart by %s.", exampleName, s.name)
	}
	return p, nil
}

// counted is the rate of the requests in the example.
var counted = regexp.MustCompile(`rate\(` + exampleCounter + `(?:\{[^}]*\})?\[5m\]\)`)

var latencyLine = regexp.MustCompile(`(?m)^  - name: .*latency_p99.*$`)
