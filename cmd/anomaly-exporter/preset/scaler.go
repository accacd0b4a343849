package preset

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"

	"github.com/anomaly-exporter/anomaly-exporter/examples"
)

// A scaler is one that is suggested for a deployment with an HPA and a request rate.
type scaler struct {
	namespace, deployment string
	load                  string // requests per second
	capacity              string // of a replica
	least, most           int    // replicas, as the HPA has them
}

// requestRate is a metric that counts requests, and how its series are selected for a deployment.
type requestRate struct {
	counter string
	by      []model.LabelName // namespace, and what has the name in it
	pods    bool              // the latter is the name of a pod
	more    string            // matchers
}

// podsOf is what the names of the pods of a deployment match.
const podsOf = "%s-[a-z0-9]+-[a-z0-9]+"

// of returns the expression for the requests of a deployment.
func (r *requestRate) of(namespace, deployment string) string {
	is := "="
	if r.pods {
		is, deployment = "=~", fmt.Sprintf(podsOf, regexp.QuoteMeta(deployment))
	}
	matchers := fmt.Sprintf("%s%s=%q, %s%s%q", r.more, r.by[0], namespace, r.by[1], is, deployment)
	return fmt.Sprintf("sum(rate(%s[5m]))", selector(r.counter, matchers))
}

// requestRates returns the metrics in which to look for the requests of a deployment, the most exact first.
func requestRates(of []service, metrics map[string]bool) (all []requestRate) {
	for _, s := range of {
		if s.native {
			continue // its rate is a histogram
		}
		all = append(all,
			requestRate{counter: s.counter, by: []model.LabelName{"namespace", "pod"}, pods: true},
			requestRate{counter: s.counter, by: []model.LabelName{"namespace", "job"}},
		)
	}
	if istio := "istio_requests_total"; metrics[istio] {
		all = append(all, requestRate{
			counter: istio,
			by:      []model.LabelName{"destination_workload_namespace", "destination_workload"},
			more:    `reporter="destination", `,
		})
	}
	return all
}

// suggest returns scalers for the deployments that have an HPA and a request rate, by namespace and name.
func suggest(ctx context.Context, s *server, metrics map[string]bool) (all []scaler, err error) {
	if !metrics["kube_horizontalpodautoscaler_info"] {
		return nil, nil
	}
	hpas, err := s.query(ctx, `group by (namespace, scaletargetref_name, horizontalpodautoscaler) (`+
		`kube_horizontalpodautoscaler_info{scaletargetref_kind="Deployment"})`)
	if err != nil {
		return nil, fmt.Errorf("HPAs: %w", err)
	}
	rates := requestRates(services(metrics), metrics)
	counted := make([]model.Vector, len(rates))
	for i, r := range rates {
		counted[i], err = s.query(ctx, fmt.Sprintf("group by (%s, %s) (%s)", r.by[0], r.by[1], selector(r.counter, "")))
		if err != nil {
			return nil, fmt.Errorf("requests: %w", err)
		}
	}
	for _, hpa := range hpas {
		one := scaler{
			namespace: string(hpa.Metric["namespace"]), deployment: string(hpa.Metric["scaletargetref_name"]),
		}
		for i, r := range rates {
			if one.load == "" && r.has(counted[i], one.namespace, one.deployment) {
				one.load = r.of(one.namespace, one.deployment)
			}
		}
		if one.load == "" {
			continue
		}
		known, err := one.measure(ctx, s, string(hpa.Metric["horizontalpodautoscaler"]))
		if err != nil {
			return nil, fmt.Errorf("HPA of %s/%s: %w", one.namespace, one.deployment, err)
		}
		if known {
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b scaler) int { return strings.Compare(a.name(), b.name()) })
	return all, nil
}

// has tells whether series are those of a deployment.
func (r *requestRate) has(series model.Vector, namespace, deployment string) bool {
	pod := regexp.MustCompile("^" + fmt.Sprintf(podsOf, regexp.QuoteMeta(deployment)) + "$")
	return slices.ContainsFunc(series, func(s *model.Sample) bool {
		name := string(s.Metric[r.by[1]])
		return string(s.Metric[r.by[0]]) == namespace && (r.pods && pod.MatchString(name) || !r.pods && name == deployment)
	})
}

// measure finds out between which numbers of replicas the HPA chooses, and what a replica carries. It returns false if
// one of them is unknown.
func (s *scaler) measure(ctx context.Context, from *server, hpa string) (bool, error) {
	of := fmt.Sprintf("{namespace=%q, horizontalpodautoscaler=%q}", s.namespace, hpa)
	replicas := fmt.Sprintf("sum(kube_deployment_status_replicas{namespace=%q, deployment=%q})", s.namespace, s.deployment)
	var values []float64
	for _, expr := range []string{
		"max(kube_horizontalpodautoscaler_spec_min_replicas" + of + ")",
		"max(kube_horizontalpodautoscaler_spec_max_replicas" + of + ")",
		fmt.Sprintf("quantile_over_time(0.95, (%s / (%s > 0))[1w:5m])", s.load, replicas),
	} {
		vector, err := from.query(ctx, expr)
		if err != nil {
			return false, err
		}
		if len(vector) == 0 || !(vector[0].Value > 0) {
			return false, nil
		}
		values = append(values, float64(vector[0].Value))
	}
	s.least, s.most, s.capacity = int(values[0]), int(values[1]), rounded(values[2])
	return s.least <= s.most, nil
}

// rounded returns a number with two digits, so that it stays the same from one run to the next.
func rounded(v float64) string {
	unit := math.Pow(10, math.Floor(math.Log10(v))-1)
	return strconv.FormatFloat(math.Round(v/unit)*unit, 'g', 6, 64)
}

// name is that of the scaler in the configuration.
func (s *scaler) name() string { return s.namespace + "-" + s.deployment }

// text returns the examples of a scaler and of its ScaledObject with the values of the deployment.
func (s *scaler) text(prometheus string) (config, object string, err error) {
	example, err := fs.ReadFile(examples.Files, "keda/anomaly-exporter.yml")
	if err != nil {
		return "", "", err
	}
	scaled, err := fs.ReadFile(examples.Files, "keda/scaledobject.yaml")
	if err != nil {
		return "", "", err
	}
	least, most := strconv.Itoa(s.least), strconv.Itoa(s.most)
	replace := strings.NewReplacer(
		`sum(rate(http_requests_total{namespace="shop", job="checkout"}[5m]))`, s.load,
		`scaler="checkout"`, `scaler="`+s.name()+`"`,
		"  - name: checkout", "  - name: "+s.name(),
		"http://prometheus-operated.monitoring.svc:9090", prometheus,
		"/ 100\n", "/ "+s.capacity+"\n",
		"capacity_per_replica: 100", "capacity_per_replica: "+s.capacity,
		"min_replicas: 2", "min_replicas: "+least, "minReplicaCount: 2", "minReplicaCount: "+least,
		"max_replicas: 20", "max_replicas: "+most, "maxReplicaCount: 20", "maxReplicaCount: "+most,
		"replicas: 6 ", "replicas: "+strconv.Itoa((s.least+s.most+1)/2)+" ",
		"    cost_per_replica_hour: 0.05\n", "",
		"namespace: shop", "namespace: "+s.namespace,
		"deployment: checkout", "deployment: "+s.deployment, "name: checkout", "name: "+s.deployment,
	)
	_, block, _ := strings.Cut(string(example), "\nscalers:\n")
	_, object, _ = strings.Cut(string(scaled), "\napiVersion:")
	return replace.Replace(block), replace.Replace("apiVersion:" + object), nil
}
