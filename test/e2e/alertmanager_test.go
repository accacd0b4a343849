package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// speedup is how much faster everything goes in the test of alerts: a minute of the rules, of Alertmanager's timers and
// of the exporter's steps takes a second.
const speedup = 60

// From series in a real Prometheus, through the exporter, the rules of this repository and a real Alertmanager with the
// example's routes, to webhooks: exactly the planted troubles arrive, once each, with all that a reader needs, and are
// resolved when they are over.
func TestAlerts_ReachWebhooksOnceAndAreResolved(t *testing.T) {
	shop := newTroubledShop(time.Now())
	dir := blocks(t, shop.history()...)
	scrape := fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
scrape_configs:
  - {job_name: shop, honor_labels: true, static_configs: [{targets: [%s]}]}
`, target(t, shop.expose))
	p := startPrometheus(t, servers.PrometheusOptions{Dir: dir, Config: scrape})

	received := &inbox{notes: map[string][]note{}}
	webhooks := httptest.NewServer(received)
	t.Cleanup(webhooks.Close)
	am, err := servers.StartAlertmanager(t.Context(), servers.AlertmanagerOptions{Config: fastRoutes(t, webhooks.URL)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, am.Stop()) })

	e := startExporter(t, fmt.Sprintf(troubledConfig, p.URL()))
	ready(t, e)
	require.NoError(t, os.WriteFile(filepath.Join(p.Dir(), "rules.yml"), fastRules(t), 0o600))
	require.NoError(t, p.Configure(scrape+fmt.Sprintf(`
  - {job_name: anomaly-exporter, honor_labels: true, static_configs: [{targets: [%s]}]}
rule_files: [rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: [%s]}]}]}
`, address(e.URL()), address(am.URL()))))

	want := map[string][]string{
		"/predictions {container: worker, namespace: shop}":   {"firing PredictivePodInstability", "resolved"},
		"/predictions {container: payments, namespace: shop}": {"firing TimeToLimit", "resolved"},
		"/predictions {job: gateway, namespace: shop}":        {"firing CorrelatedDrift", "resolved"},
		"/predictions {job: checkout, namespace: shop}":       {"firing AnomalyDetectedHighScore", "resolved"},
		"/tickets {container: worker, namespace: shop}":       {"firing PredictivePodInstability", "resolved"},
		"/tickets {job: gateway, namespace: shop}":            {"firing CorrelatedDrift", "resolved"},
		"/tickets {job: checkout, namespace: shop}":           {"firing AnomalyDetectedHighScore", "resolved"},
		// The errors of api have a high score, too, but the real alert inhibits the prediction.
		"/people {alertname: ErrorBudgetBurn, namespace: shop}": {"firing ErrorBudgetBurn", "resolved"},
	}
	eventually(t, 30*time.Second, func() error {
		if n := len(query(t, p, "predicted_anomaly_score")); n == 0 {
			return errors.New("nothing is recorded")
		}
		return nil
	})
	shop.trouble(20 * time.Second)
	eventually(t, 3*time.Minute, func() error {
		if got := received.summary(); !maps.EqualFunc(want, got, slices.Equal[[]string]) {
			return fmt.Errorf("received %s", strings.Join(lines(got), "\n"))
		}
		return nil
	})
	require.Empty(t, received.malformed())
}

// troubledConfig has steps of a second. In trouble the values leave their data_range, which scores 1 at once and leaves
// no trace in a model: this test is about what becomes of scores, not how they are computed. The leaking pod has leaked
// since its start, so a drift forecasts it.
const troubledConfig = `
global: {step: 1s, query_offset: 2s, history: 2d, min_history: 6h}
remote_read: [{url: %s/api/v1/read}]
detectors:
  - name: pod_restarts
    expr: sum by (namespace, container) (increase(kube_pod_container_status_restarts_total[30s]))
    data_range: [0, 5]
  - {name: latency, expr: 'job:http_latency_seconds:p99', data_range: [0, 0.3]}
  - {name: requests, expr: 'job:http_requests:rate5m', data_range: [0, 150]}
  - {name: cache_hit_ratio, expr: 'job:cache_hits:ratio', data_range: [0.6, 1]}
  - {name: error_ratio, expr: 'job:http_errors:ratio', data_range: [0, 0.05]}
  - name: memory_vs_limit
    expr: max by (namespace, pod, container) (container_memory_working_set_bytes)
    bounds: {upper: {expr: 'max by (namespace, pod, container) (kube_pod_container_resource_limits)'}}
    forecaster: {model: drift, horizons: [15m, 1h, 6h]}
    publish: [forecast, state]
`

// realAlert is an alert on what has happened, as every SRE has some. It is kept firing for longer than predictions are.
const realAlert = `
- name: real
  rules:
    - alert: ErrorBudgetBurn
      expr: job:http_errors:ratio > 0.05
      keep_firing_for: 30m
      labels: {severity: critical}
`

// fastRules are the rules of this repository, and a real alert, with all their durations shortened.
func fastRules(t *testing.T) []byte {
	t.Helper()
	fast := strings.NewReplacer("[1d:1m]", "[24m:1s]", "[15m]", "[15s]", "[1h]", "[1m]", "+ 60\"", "+ 1\"")
	var all rulefmt.RuleGroups
	require.NoError(t, yaml.Unmarshal([]byte("groups:"+realAlert), &all))
	files, err := filepath.Glob("../../rules/*.yml")
	require.NoError(t, err)
	for _, file := range files {
		// What exporter.yml watches depends on how busy the machine is: steps of a second may well be missed.
		if strings.HasSuffix(file, "_test.yml") || filepath.Base(file) == "exporter.yml" {
			continue
		}
		promql, log := parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler)
		groups, errs := rulefmt.ParseFile(file, false, model.UTF8Validation, promql, log)
		require.Empty(t, errs)
		all.Groups = append(all.Groups, groups.Groups...)
	}
	for i := range all.Groups {
		for j := range all.Groups[i].Rules {
			r := &all.Groups[i].Rules[j]
			r.For /= speedup
			r.KeepFiringFor /= speedup
			r.Expr = shortened(t, r.Expr)
			for name, text := range r.Annotations {
				r.Annotations[name] = fast.Replace(text)
			}
		}
	}
	text, err := yaml.Marshal(all)
	require.NoError(t, err)
	return text
}

// shortened shortens the ranges and offsets of an expression.
func shortened(t *testing.T, expr string) string {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	require.NoError(t, err)
	parser.Inspect(parsed, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.MatrixSelector:
			n.Range /= speedup
		case *parser.VectorSelector:
			n.OriginalOffset /= speedup
		}
		return nil
	})
	return parsed.String()
}

// fastRoutes is the example for Alertmanager, with its timers shortened and its receivers here.
func fastRoutes(t *testing.T, receiver string) string {
	t.Helper()
	text, err := os.ReadFile("../../examples/alertmanager/alertmanager.yml")
	require.NoError(t, err)
	clock := regexp.MustCompile(`(group_wait|group_interval|repeat_interval): (\w+)`)
	text = clock.ReplaceAllFunc(text, func(found []byte) []byte {
		m := clock.FindSubmatch(found)
		d, err := model.ParseDuration(string(m[2]))
		require.NoError(t, err)
		return fmt.Appendf(nil, "%s: %s", m[1], d/speedup)
	})
	urls := strings.NewReplacer(
		"http://pager.example:8080/", receiver+"/people",
		"http://investigator.example:8080/predictions", receiver+"/predictions",
		"http://tickets.example:8080/", receiver+"/tickets",
	)
	return urls.Replace(string(text))
}

// note is what Alertmanager posts to a webhook, in version 4 of its format: all its keys, and no others.
type note struct {
	Version           string            `json:"version"`
	GroupKey          string            `json:"groupKey"`
	TruncatedAlerts   int               `json:"truncatedAlerts"`
	Receiver          string            `json:"receiver"`
	Status            string            `json:"status"`
	Alerts            []noteAlert       `json:"alerts"`
	GroupLabels       map[string]string `json:"groupLabels"`
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	ExternalURL       string            `json:"externalURL"`
}

type noteAlert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// inbox records what is posted to it, by receiver and group.
type inbox struct {
	mu    sync.Mutex
	notes map[string][]note
	errs  []error
}

func (in *inbox) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var n note
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&n)
	in.mu.Lock()
	defer in.mu.Unlock()
	if err != nil {
		in.errs = append(in.errs, err)
		return
	}
	var group []string
	for _, name := range slices.Sorted(maps.Keys(n.GroupLabels)) {
		group = append(group, name+": "+n.GroupLabels[name])
	}
	key := fmt.Sprintf("%s {%s}", r.URL.Path, strings.Join(group, ", "))
	in.notes[key] = append(in.notes[key], n)
}

// summary tells for each receiver and group what came: the alerts that fire, or that all are resolved.
func (in *inbox) summary() map[string][]string {
	in.mu.Lock()
	defer in.mu.Unlock()
	all := map[string][]string{}
	for key, notes := range in.notes {
		for _, n := range notes {
			text := n.Status
			for _, a := range n.Alerts {
				if a.Status == "firing" {
					text += " " + a.Labels["alertname"]
				}
			}
			all[key] = append(all[key], text)
		}
	}
	return all
}

func lines(summary map[string][]string) []string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(summary)) {
		all = append(all, key+": "+strings.Join(summary[key], ", "))
	}
	return all
}

// malformed returns what is wrong with what came.
func (in *inbox) malformed() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	var wrong []string
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for _, err := range in.errs {
		complain("%s", err)
	}
	for group, notes := range in.notes {
		for _, n := range notes {
			if n.Version != "4" || n.GroupKey == "" || n.GroupKey != notes[0].GroupKey || n.TruncatedAlerts != 0 {
				complain("%s: version %s, group %s, %d truncated", group, n.Version, n.GroupKey, n.TruncatedAlerts)
			}
			for _, a := range n.Alerts {
				if a.Fingerprint == "" || a.StartsAt.IsZero() || (a.Status == "resolved") != a.EndsAt.After(a.StartsAt) {
					complain("%s: %s from %s to %s", group, a.Status, a.StartsAt, a.EndsAt)
				}
				if a.Labels["source"] != "predictive_model" {
					continue
				}
				for _, name := range []string{"summary", "description", "score", "expected_range", "runbook_url"} {
					if text := a.Annotations[name]; text == "" || strings.Contains(text, "error expanding template") {
						complain("%s: %s: %s is %q", group, a.Labels["alertname"], name, text)
					}
				}
			}
		}
	}
	return wrong
}
