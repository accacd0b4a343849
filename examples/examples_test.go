// Package examples_test tries the example configurations on a real Prometheus that holds series as the exporters they
// are for would have written them: the names of the metrics and their labels are those of kube-state-metrics,
// cAdvisor, node_exporter, client libraries, Loki's ruler and Prometheus itself.
package examples_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// lokiRules is a file for the ruler of Loki. All other files are configurations of the exporter.
const lokiRules = "loki-rules.yml"

func TestConfigs_AreValid(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.yml")
	require.NoError(t, err)
	for _, file := range files {
		if file == lokiRules {
			continue
		}
		_, err := config.LoadFile(file)
		require.NoError(t, err)
	}
}

// Every expression of every configuration finds series, including those of joins, and the exporter publishes what it
// should.
func TestConfigs_FindSeriesAndPublishResults(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real servers")
	}
	end := time.Now().Truncate(time.Second)
	dir := t.TempDir()
	require.NoError(t, servers.WriteBlocks(dir, slices.Values(seriesUntil(end))))
	require.NoError(t, writeHistogram(dir, end))
	p, err := servers.StartPrometheus(t.Context(), servers.PrometheusOptions{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop()) })

	files, err := filepath.Glob("*.yml")
	require.NoError(t, err)
	for _, file := range files {
		if file == lokiRules {
			continue
		}
		t.Run(file, func(t *testing.T) {
			cfg, err := config.LoadFile(file)
			require.NoError(t, err)
			for name, expr := range expressions(cfg) {
				found, err := p.Query(t.Context(), expr, end)
				require.NoError(t, err)
				require.NotEmpty(t, found, "%s: %s", name, expr)
			}
			read := p.URL() + "/api/v1/read"
			if file == "mimir.yml" {
				read = mimir(t, p.URL()) + "/prometheus/api/v1/read"
			}
			checkResults(t, cfg, results(t, file, read))
		})
	}
}

// expressions returns all expressions of a configuration, by name.
func expressions(cfg *config.Config) map[string]string {
	all := map[string]string{}
	for _, d := range cfg.Detectors {
		for i, expr := range d.Exprs() {
			all[fmt.Sprint(d.Name, " ", i)] = expr.String()
		}
		for name, b := range map[string]*config.Bound{"lower": d.Bounds.Lower, "upper": d.Bounds.Upper} {
			if b != nil && b.Expr != nil {
				all[d.Name+" "+name] = b.Expr.String()
			}
		}
		for name, s := range map[string]*config.Selector{"mask": d.Mask, "mute": d.Mute} {
			if s != nil {
				all[d.Name+" "+name] = s.Expr.String()
			}
		}
	}
	for _, s := range cfg.Scalers {
		all[s.Name] = s.Load.String()
	}
	return all
}

// results runs the exporter with a configuration file that reads from another address, and returns what it publishes.
func results(t *testing.T, file, read string) map[string][]map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	address := regexp.MustCompile(`(?m)^(  - url: ).*$`)
	require.Len(t, address.FindAll(text, -1), 1)
	e, err := servers.StartExporter(t.Context(), servers.ExporterOptions{
		Config: address.ReplaceAllString(string(text), "${1}"+read),
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Stop()) }()
	require.Eventually(t, func() bool { return e.Ready(t.Context()) == nil }, time.Minute, 100*time.Millisecond)

	parse := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parse.TextToMetricFamilies(strings.NewReader(metrics(t, e)))
	require.NoError(t, err)
	found := map[string][]map[string]string{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			lset := map[string]string{}
			for _, l := range m.GetLabel() {
				lset[l.GetName()] = l.GetValue()
			}
			found[name] = append(found[name], lset)
		}
	}
	return found
}

func metrics(t testing.TB, e *servers.Exporter) string {
	t.Helper()
	response, err := http.Get(e.URL() + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
}

func checkResults(t *testing.T, cfg *config.Config, published map[string][]map[string]string) {
	t.Helper()
	count := func(metric string, want ...string) int {
		n := 0
		for _, lset := range published[metric] {
			matches := true
			for i := 0; i < len(want); i += 2 {
				matches = matches && lset[want[i]] == want[i+1]
			}
			if matches {
				n++
			}
		}
		return n
	}
	for _, lset := range published["anomaly_model_state"] {
		require.NotEqual(t, "failed", lset["state"], "%v", lset)
	}
	for _, d := range cfg.Detectors {
		if slices.Contains(d.Publish, "score") {
			require.NotZero(t, count("anomaly_score", "detector", d.Name), d.Name)
		}
		if d.Mute != nil {
			require.NotZero(t, count("anomaly_model_state", "detector", d.Name, "state", "muted"), "%s mutes nothing", d.Name)
		}
		if len(d.Forecaster.Horizons) == 0 {
			continue
		}
		horizon := d.Forecaster.Horizons[0].String()
		series := count("forecast_max", "detector", d.Name, "horizon", horizon)
		require.NotZero(t, series, d.Name)
		for bound, b := range map[string]*config.Bound{"lower": d.Bounds.Lower, "upper": d.Bounds.Upper} {
			if b != nil {
				require.Equal(
					t, series,
					count("forecast_breach_probability", "detector", d.Name, "horizon", horizon, "bound", bound),
					"series of %s with a bound", d.Name,
				)
			}
		}
	}
	for _, s := range cfg.Scalers {
		require.Equal(t, 1, count("recommended_replicas", "scaler", s.Name))
	}
}

// A real Alertmanager takes the configurations as they are.
func TestAlertmanagerConfigs_AreValid(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real servers")
	}
	for _, file := range []string{"alertmanager/alertmanager.yml", "llm-correlation/alertmanager.yml"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		am, err := servers.StartAlertmanager(t.Context(), servers.AlertmanagerOptions{Config: string(text)})
		require.NoError(t, err, file)
		require.NoError(t, am.Stop())
	}
}

// mimir returns the URL of a server that serves a Prometheus as Mimir does: below a prefix, and for one tenant only.
func mimir(t *testing.T, prometheus string) string {
	t.Helper()
	target, err := url.Parse(prometheus)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	s := httptest.NewServer(http.StripPrefix("/prometheus", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Scope-OrgID") != "shop" {
			http.Error(w, "no org id", http.StatusUnauthorized)
			return
		}
		// The proxy closes the connection to Prometheus if the response comes before the request has been read
		// completely.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	})))
	t.Cleanup(s.Close)
	return s.URL
}

// loki.yml reads exactly what the ruler records, under names that are valid in Prometheus.
func TestLokiRules_RecordWhatTheConfigReads(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(lokiRules)
	require.NoError(t, err)
	var rules rulefmt.RuleGroups
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&rules))
	recorded := map[string]bool{}
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			require.True(t, model.LegacyValidation.IsValidMetricName(rule.Record), rule.Record)
			recorded[rule.Record] = true
		}
	}

	cfg, err := config.LoadFile("loki.yml")
	require.NoError(t, err)
	read := map[string]bool{}
	for _, d := range cfg.Detectors {
		parser.Inspect(d.Expr.Parsed(), func(n parser.Node, _ []parser.Node) error {
			if selector, ok := n.(*parser.VectorSelector); ok {
				read[selector.Name] = true
			}
			return nil
		})
	}
	require.Equal(t, recorded, read)
}

// labelSet parses labels such as name{a=b,c=d}.
func labelSet(text string) labels.Labels {
	name, rest, _ := strings.Cut(strings.TrimSuffix(text, "}"), "{")
	b := labels.NewBuilder(labels.FromStrings(model.MetricNameLabel, name))
	for pair := range strings.SplitSeq(rest, ",") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			panic(fmt.Sprintf("%s: no label in %q", text, pair))
		}
		b.Set(key, value)
	}
	return b.Labels()
}
