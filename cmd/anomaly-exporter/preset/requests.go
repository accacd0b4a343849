package preset

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A service is a set of metrics about requests.
type service struct {
	counter   string // of requests
	histogram string // of their durations, without a suffix
	errors    string // matcher of the requests that failed; "": unknown
}

// The names that the example about requests uses.
const (
	exampleCounter   = "http_requests_total"
	exampleHistogram = "http_request_duration_seconds"
	exampleErrors    = `code=~"5.."`
)

// durations matches the names that client libraries give to histograms of requests: those of the Prometheus docs and
// OpenTelemetry, of Micrometer, and of gRPC. The first group is what they begin with.
var durations = regexp.MustCompile(`^([a-zA-Z0-9_]+?)_(?:requests?_(?:duration_)?seconds|handling_seconds)$`)

// infrastructure matches what has a preset of its own, and what few people who look after services look at.
var infrastructure = regexp.MustCompile(`^(nginx|traefik|istio|envoy|prometheus|promhttp|alertmanager|grafana|loki|` +
	`tempo|mimir|cortex|thanos|anomaly_exporter|apiserver|kubernetes|kubelet|etcd|coredns|rest_client|scheduler|` +
	`aggregator|authentication|authorization|cloudprovider|workqueue)_`)

// statusLabels are the labels that hold the status of a request, and what marks a failure.
var statusLabels = [][2]string{
	{"code", exampleErrors},
	{"status", `status=~"5.."`},
	{"status_code", `status_code=~"5.."`},
	{"http_response_status_code", `http_response_status_code=~"5.."`},
	{"http_status_code", `http_status_code=~"5.."`},
	{"response_code", `response_code=~"5.."`},
	{"grpc_code", `grpc_code=~"Unknown|DeadlineExceeded|Unimplemented|Internal|Unavailable|DataLoss"`},
}

// services returns the services that have metrics, by the conventions for their names. What marks a failure is left to
// find out.
func services(metrics map[string]bool) (all []service) {
	seen := map[string]bool{} // beginnings of names
	if metrics[exampleCounter] {
		all = append(all, service{counter: exampleCounter, histogram: exampleHistogram})
	}
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		histogram := strings.TrimSuffix(name, "_count")
		m := durations.FindStringSubmatch(histogram)
		if m == nil || infrastructure.MatchString(name) || histogram == name && metrics[name+"_count"] {
			continue
		}
		s := service{counter: histogram + "_count", histogram: histogram}
		for _, counter := range []string{m[1] + "_requests_total", m[1] + "_handled_total"} {
			if metrics[counter] {
				s.counter = counter
			}
		}
		if s.counter != exampleCounter && !seen[m[1]] {
			all = append(all, s)
		}
		seen[m[1]] = true
	}
	return all
}

// findErrors sets what marks a failure, from the labels of the counter.
func (s *service) findErrors(labels map[string]bool) {
	for _, known := range statusLabels {
		if labels[known[0]] {
			s.errors = known[1]
			return
		}
	}
}

// preset returns the example about requests with the metrics of the service.
func (s *service) preset(text string) (preset, error) {
	replaced := strings.NewReplacer(
		exampleCounter, s.counter, exampleHistogram, s.histogram, exampleErrors, s.errors,
	).Replace(text)
	if prefix := durations.FindStringSubmatch(s.histogram)[1]; prefix != "http" {
		replaced = nameLine.ReplaceAllString(replaced, "  - name: "+prefix+"_$1")
	}
	p, err := parse(requestsFile, replaced)
	if err != nil {
		return preset{}, err
	}
	p.about = "The metrics " + s.counter + " and " + s.histogram + "."
	if s.errors == "" {
		p.about = "The metric " + s.histogram + ". It has no label that tells which requests failed."
		p.detectors = slices.DeleteFunc(p.detectors, func(d entry) bool { return strings.Contains(d.text, "error") })
	}
	return p, nil
}
