// Package mixin_test renders the monitoring mixin of the examples, and compares it with the files it is made of. It is
// a module of its own, for go-jsonnet.
package mixin_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-jsonnet"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const root = "../.."

// rule is a rule with all of its fields, as text and maps.
type rule map[string]any

func (r rule) name() string {
	if alert, ok := r["alert"]; ok {
		return alert.(string)
	}
	return r["record"].(string)
}

type group struct {
	Name  string `json:"name"`
	Rules []rule `json:"rules"`
}

// evaluate renders an expression in which mixin is the mixin with that configuration.
func evaluate(t *testing.T, config, expr string, into any) {
	t.Helper()
	vm := jsonnet.MakeVM()
	vm.Importer(&jsonnet.FileImporter{JPaths: []string{root}})
	text, err := vm.EvaluateAnonymousSnippet("test.jsonnet", fmt.Sprintf(
		"local mixin = (import 'examples/mixin/mixin.libsonnet') + { _config+:: %s }; %s", config, expr))
	require.NoError(t, err)
	unmarshal(t, []byte(text), into)
}

// unmarshal refuses keys that into does not know.
func unmarshal(t *testing.T, text []byte, into any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(into))
}

func rendered(t *testing.T, config string) []group {
	t.Helper()
	var all []group
	evaluate(t, config, "mixin.prometheusRules.groups + mixin.prometheusAlerts.groups", &all)
	require.NotEmpty(t, all)
	return all
}

// rules returns all rules of that name.
func rules(t *testing.T, all []group, name string) []rule {
	t.Helper()
	var found []rule
	for _, g := range all {
		for _, r := range g.Rules {
			if r.name() == name {
				found = append(found, r)
			}
		}
	}
	return found
}

func TestMixin_IsTheFilesByDefault(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "rules", "*.yml"))
	require.NoError(t, err)
	var want []group
	for _, file := range files {
		if strings.HasSuffix(file, "_test.yml") {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		want = append(want, groups(t, text)...)
	}
	require.Greater(t, len(want), 6)
	for _, g := range want {
		for _, r := range g.Rules {
			r["expr"] = strings.TrimLeft(r["expr"].(string), " ")
		}
	}
	require.ElementsMatch(t, want, rendered(t, "{}"))

	// The same as a file for Prometheus.
	vm := jsonnet.MakeVM()
	vm.StringOutput = true
	text, err := vm.EvaluateFile(filepath.Join(root, "examples/mixin/rules.jsonnet"))
	require.NoError(t, err)
	require.ElementsMatch(t, want, groups(t, []byte(text)))
}

// groups reads a rule file.
func groups(t *testing.T, text []byte) []group {
	t.Helper()
	var file struct {
		Groups []any `yaml:"groups"`
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	asJSON, err := json.Marshal(file.Groups)
	require.NoError(t, err)
	var all []group
	unmarshal(t, asJSON, &all)
	return all
}

func TestMixin_HasAllDashboards(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "dashboards", "*.json"))
	require.NoError(t, err)
	var got map[string]any
	evaluate(t, "{}", "mixin.grafanaDashboards", &got)
	require.Len(t, got, len(files))
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var want any
		require.NoError(t, json.Unmarshal(text, &want))
		require.Equal(t, want, got[filepath.Base(file)], file)
	}
}

func TestMixin_AddsTheSelectorToEveryMetricThatIsNotRecorded(t *testing.T) {
	all := rendered(t, `{ selector: 'cluster="a",env!="test"' }`)
	recorded := map[string]bool{"ALERTS": true, "ALERTS_FOR_STATE": true}
	for _, g := range all {
		for _, r := range g.Rules {
			if name, ok := r["record"]; ok {
				recorded[name.(string)] = true
			}
		}
	}
	promql := parser.NewParser(parser.Options{})
	selected := 0
	for _, g := range all {
		for _, r := range g.Rules {
			expr, err := promql.ParseExpr(r["expr"].(string))
			require.NoError(t, err, r["expr"])
			parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
				if v, ok := node.(*parser.VectorSelector); ok {
					has := 0
					for _, m := range v.LabelMatchers {
						if m.Name == "cluster" && m.Type == labels.MatchEqual && m.Value == "a" ||
							m.Name == "env" && m.Type == labels.MatchNotEqual && m.Value == "test" {
							has++
						}
					}
					want := 2
					if recorded[v.Name] {
						want = 0
					}
					require.Equal(t, want, has, "%s: %s", r.name(), v)
					selected += has
				}
				return nil
			})
		}
	}
	require.Greater(t, selected, 50)
}

func TestMixin_SetsWhatTheConfigurationSays(t *testing.T) {
	all := rendered(t, `{
		severities: { critical: 'page', warning: 'ticket' },
		alertBudgetPerWeek: '0.25',
		criticalFactor: '52',
		timeToLimitSeconds: '7200',
		breachProbability: '0.95',
		forecastError: '1.5',
		intervalCoverage: '0.6',
		alertLabels: { team: 'sre' },
		overrides: { SlowDrift: { 'for': '3h' } },
		disabledAlerts: ['AnomalyExporterSeriesRefused'],
		disabledGroups: ['scaling'],
		runbookURL: 'https://wiki.example/',
	}`)
	severities := map[any]int{}
	for _, g := range all {
		require.NotEqual(t, "scaling", g.Name)
		for _, r := range g.Rules {
			if _, ok := r["alert"]; !ok {
				continue
			}
			labels := r["labels"].(map[string]any)
			severities[labels["severity"]]++
			require.Equal(t, "sre", labels["team"])
			require.Equal(t, "https://wiki.example/"+strings.ToLower(r.name()), r["annotations"].(map[string]any)["runbook_url"])
		}
	}
	require.Len(t, severities, 2)
	require.Positive(t, severities["page"])
	require.Positive(t, severities["ticket"])

	contains := func(name, text string) {
		found := rules(t, all, name)
		require.NotEmpty(t, found, name)
		for _, r := range found {
			require.Contains(t, r["expr"], text, name)
		}
	}
	contains("anomaly:alert_budget:per_week", "vector(0.25)")
	contains("anomaly:time_to_limit:seconds", "vector(7200)")
	for _, name := range []string{"AnomalyDetectedHighScore", "PredictivePodInstability", "CorrelatedDrift"} {
		contains(name, ">= 52 * scalar(") // the critical one, and what the warning excepts
	}
	contains("LimitBreachImminent", ">= 0.95")
	contains("TimeToLimit", ">= 0.95")
	contains("AnomalyForecastsWorseThanNaive", "> 1.5")
	contains("AnomalyForecastIntervalsCollapsed", "< 0.6")
	require.Equal(t, "3h", rules(t, all, "SlowDrift")[0]["for"])
	require.Empty(t, rules(t, all, "AnomalyExporterSeriesRefused"))
}
