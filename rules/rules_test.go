// Package rules_test tests the rule files: with promtool, and for what all alerts have in common.
package rules_test

import (
	"bytes"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/test/published"
	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

var update = flag.Bool("update", false, "write operator/prometheusrule.yaml anew")

const (
	runbooks      = "../docs/alerting.md"
	runbook       = "https://github.com/anomaly-exporter/anomaly-exporter/blob/main/docs/alerting.md#"
	operatorRules = "operator/prometheusrule.yaml"
)

// inputs are metrics of others, Prometheus included, that the rules read.
var inputs = []string{
	"up", "ALERTS_FOR_STATE", "kube_deployment_status_replicas", "kube_pod_container_status_restarts_total",
}

func TestRules_PassPromtool(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("promtool takes seconds; make check-rules runs the same")
	}
	promtool, err := servers.Tool("promtool")
	require.NoError(t, err)
	files := ruleFiles(t)
	tests, err := filepath.Glob("*_test.yml")
	require.NoError(t, err)
	require.Len(t, tests, len(files), "a test file beside every rule file")

	for name, args := range map[string][]string{
		"check": append([]string{"check", "rules", "--lint=all", "--lint-fatal"}, files...),
		"test":  append([]string{"test", "rules"}, tests...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput()
			require.NoError(t, err, string(out))
		})
	}
}

func TestAlerts_HaveLabelsRunbookAndTests(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(runbooks)
	require.NoError(t, err)
	sections := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^### (\w+)$`).FindAllSubmatch(doc, -1) {
		sections[string(heading[1])] = true
	}

	fires, silent := cases(t)
	for _, alert := range allRules(t) {
		if alert.Alert == "" {
			continue
		}
		t.Run(alert.Alert, func(t *testing.T) {
			require.Equal(t, "predictive_model", alert.Labels["source"])
			require.Contains(t, []string{"warning", "critical"}, alert.Labels["severity"])
			for name, text := range alert.Annotations {
				require.NotContains(t, text, "}}not published", name)
			}
			require.Positive(t, alert.For)
			require.Equal(t, model.Duration(15*time.Minute), alert.KeepFiringFor)
			for _, annotation := range []string{"summary", "description"} {
				require.NotEmpty(t, alert.Annotations[annotation], annotation)
			}
			require.Equal(t, runbook+strings.ToLower(alert.Alert), alert.Annotations["runbook_url"])
			require.True(t, sections[alert.Alert], "no section in %s", runbooks)
			require.True(t, fires[alert.Alert], "no test in which it fires")
			require.True(t, silent[alert.Alert], "no test in which it does not fire")
		})
	}
	for section := range sections {
		isAlert := func(r rulefmt.Rule) bool { return r.Alert == section }
		require.True(t, slices.ContainsFunc(allRules(t), isAlert), "%s has a section on %s, no alert", runbooks, section)
	}
}

// An alert on a prediction tells its score or probability, and the range that was expected.
func TestAlerts_OnPredictionsTellScoreAndExpectedRange(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"anomalies.yml", "drift.yml", "breaches.yml"} {
		alerts := slices.DeleteFunc(parse(t, file), func(r rulefmt.Rule) bool { return r.Alert == "" })
		require.NotEmpty(t, alerts, file)
		for _, alert := range alerts {
			require.NotEmpty(t, alert.Annotations["score"], alert.Alert)
			require.NotEmpty(t, alert.Annotations["expected_range"], alert.Alert)
			require.NotEmpty(t, alert.Annotations["page_url"], alert.Alert)
		}
	}
}

// Prometheus has no templates that several annotations could share, so each text defines those that it uses. Those of
// one name say the same everywhere.
func TestAnnotations_DefineTheSameTemplatesEverywhere(t *testing.T) {
	t.Parallel()
	definition := regexp.MustCompile(`\{\{- define "(\w+)" \}\}.*?\{\{ end -\}\} \{\{-`)
	known := map[string]string{}
	for _, rule := range allRules(t) {
		for annotation, text := range rule.Annotations {
			for _, m := range definition.FindAllStringSubmatch(text, -1) {
				if first, ok := known[m[1]]; ok {
					require.Equal(t, first, m[0], "%s of %s", annotation, rule.Alert)
				}
				known[m[1]] = m[0]
			}
			for _, m := range regexp.MustCompile(`\{\{ template "(\w+)"`).FindAllStringSubmatch(text, -1) {
				require.Contains(t, text, fmt.Sprintf("define %q", m[1]), "%s of %s", annotation, rule.Alert)
			}
		}
	}
	require.Greater(t, len(known), 8)
}

// Rules, and the queries in their annotations, read only what somebody writes.
func TestRules_ReadOnlyWhatIsPublishedOrRecorded(t *testing.T) {
	t.Parallel()
	known, err := published.All()
	require.NoError(t, err)
	for _, name := range inputs {
		known[name] = true
	}
	for _, rule := range allRules(t) {
		if rule.Record != "" {
			known[rule.Record] = true
		}
	}
	queried := regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\{[a-z_%]`)
	inExprs, inAnnotations := 0, 0
	for _, rule := range allRules(t) {
		for _, name := range selected(t, rule.Expr) {
			inExprs++
			require.True(t, known.Has(name), "%s%s reads %s", rule.Record, rule.Alert, name)
		}
		for _, text := range rule.Annotations {
			for _, m := range queried.FindAllStringSubmatch(text, -1) {
				inAnnotations++
				require.True(t, known.Has(m[1]), "%s looks up %s", rule.Alert, m[1])
			}
		}
	}
	require.Greater(t, inExprs, 30)
	require.Greater(t, inAnnotations, 15)
}

// The copy of the rules for the Prometheus operator; -update writes it.
func TestPrometheusRule_HoldsTheSameRules(t *testing.T) {
	t.Parallel()
	type metadata struct {
		Name   string            `yaml:"name"`
		Labels map[string]string `yaml:"labels"`
	}
	object := struct {
		APIVersion string             `yaml:"apiVersion"`
		Kind       string             `yaml:"kind"`
		Metadata   metadata           `yaml:"metadata"`
		Spec       rulefmt.RuleGroups `yaml:"spec"`
	}{
		APIVersion: "monitoring.coreos.com/v1",
		Kind:       "PrometheusRule",
		Metadata: metadata{
			Name:   "anomaly-exporter",
			Labels: map[string]string{"app.kubernetes.io/name": "anomaly-exporter"},
		},
	}
	for _, file := range ruleFiles(t) {
		object.Spec.Groups = append(object.Spec.Groups, groups(t, file)...)
	}
	var want bytes.Buffer
	want.WriteString("# Generated from the files above by: go test ./rules -run PrometheusRule -update\n")
	encoder := yaml.NewEncoder(&want)
	encoder.SetIndent(2)
	require.NoError(t, encoder.Encode(object))

	if *update {
		require.NoError(t, os.WriteFile(operatorRules, want.Bytes(), 0o644))
	}
	got, err := os.ReadFile(operatorRules)
	require.NoError(t, err)
	require.Equal(t, want.String(), string(got), "write it anew with -update")
}

// ruleFiles are the files that Prometheus loads, the recording rules first.
func ruleFiles(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("*.yml")
	require.NoError(t, err)
	files := []string{"recording.yml"}
	for _, file := range all {
		if file != files[0] && !strings.HasSuffix(file, "_test.yml") {
			files = append(files, file)
		}
	}
	return files
}

func groups(t *testing.T, file string) []rulefmt.RuleGroup {
	t.Helper()
	promql, log := parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler)
	parsed, errs := rulefmt.ParseFile(file, false, model.UTF8Validation, promql, log)
	require.Empty(t, errs)
	return parsed.Groups
}

func parse(t *testing.T, file string) []rulefmt.Rule {
	t.Helper()
	var rules []rulefmt.Rule
	for _, group := range groups(t, file) {
		rules = append(rules, group.Rules...)
	}
	return rules
}

func allRules(t *testing.T) []rulefmt.Rule {
	t.Helper()
	var rules []rulefmt.Rule
	for _, file := range ruleFiles(t) {
		rules = append(rules, parse(t, file)...)
	}
	return rules
}

// cases tells which alerts have a test in which they fire, and which one in which they do not.
func cases(t *testing.T) (fires, silent map[string]bool) {
	t.Helper()
	fires, silent = map[string]bool{}, map[string]bool{}
	for _, rules := range ruleFiles(t) {
		b, err := os.ReadFile(strings.TrimSuffix(rules, ".yml") + "_test.yml")
		require.NoError(t, err)
		var file struct {
			Tests []struct {
				Alerts []struct {
					Name     string `yaml:"alertname"`
					Expected []any  `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			} `yaml:"tests"`
		}
		require.NoError(t, yaml.Unmarshal(b, &file), rules)
		for _, test := range file.Tests {
			for _, alert := range test.Alerts {
				if len(alert.Expected) > 0 {
					fires[alert.Name] = true
				} else {
					silent[alert.Name] = true
				}
			}
		}
	}
	return fires, silent
}

// selected returns the metric names that an expression selects.
func selected(t *testing.T, expr string) []string {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	require.NoError(t, err, expr)
	var names []string
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			names = append(names, selector.Name)
		}
		return nil
	})
	return names
}
