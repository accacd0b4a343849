// Package dashboards_test tests the dashboards as Grafana gets them.
package dashboards_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/test/published"
)

const (
	schemaVersion = 42 // of Grafana 12
	pageWidth     = 24
)

// inputs are metrics of others: those of Prometheus itself and of kube-state-metrics.
var inputs = []string{"up", "ALERTS", "kube_deployment_status_replicas"}

type dashboard struct {
	ID            *int     `json:"id"`
	UID           string   `json:"uid"`
	Title         string   `json:"title"`
	Description   string   `json:"description"`
	Tags          []string `json:"tags"`
	SchemaVersion int      `json:"schemaVersion"`
	Links         []any    `json:"links"`
	Panels        []panel  `json:"panels"`
	Templating    struct {
		List []struct {
			Name       string `json:"name"`
			Type       string `json:"type"`
			Query      any    `json:"query"`
			Definition string `json:"definition"`
		} `json:"list"`
	} `json:"templating"`
	Annotations struct {
		List []struct {
			Expr string `json:"expr"`
		} `json:"list"`
	} `json:"annotations"`
}

type panel struct {
	ID          *int                     `json:"id"`
	Type        string                   `json:"type"`
	Title       string                   `json:"title"`
	Description string                   `json:"description"`
	GridPos     struct{ X, Y, W, H int } `json:"gridPos"`
	Datasource  struct{ UID string }     `json:"datasource"`
	FieldConfig struct {
		Defaults struct {
			Unit string `json:"unit"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
	Targets []struct {
		RefID      string               `json:"refId"`
		Expr       string               `json:"expr"`
		Datasource struct{ UID string } `json:"datasource"`
	} `json:"targets"`
}

func (d dashboard) queries() []string {
	var queries []string
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			queries = append(queries, target.Expr)
		}
	}
	for _, a := range d.Annotations.List {
		queries = append(queries, a.Expr)
	}
	for _, v := range d.Templating.List {
		if selector, ok := strings.CutPrefix(v.Definition, "label_values("); ok {
			queries = append(queries, selector[:strings.LastIndex(selector, ",")])
		}
	}
	return queries
}

func load(t *testing.T) map[string]dashboard {
	t.Helper()
	files, err := filepath.Glob("*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	all := map[string]dashboard{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		var d dashboard
		require.NoError(t, json.Unmarshal(b, &d), file)
		all[file] = d
	}
	return all
}

func TestDashboards_AreImportable(t *testing.T) {
	t.Parallel()
	uids, titles := map[string]string{}, map[string]string{}
	for file, d := range load(t) {
		require.Nil(t, d.ID, file)
		require.Equal(t, schemaVersion, d.SchemaVersion, file)
		require.NotEmpty(t, d.UID, file)
		require.LessOrEqual(t, len(d.UID), 40, file)
		require.NotEmpty(t, d.Title, file)
		require.NotEmpty(t, d.Description, file)
		require.Contains(t, d.Tags, "anomaly-exporter", file)
		require.NotEmpty(t, d.Links, file)
		require.Empty(t, uids[d.UID], file)
		require.Empty(t, titles[d.Title], file)
		uids[d.UID], titles[d.Title] = file, file
		require.Equal(t, "datasource", d.Templating.List[0].Type, file)
		require.Equal(t, "prometheus", d.Templating.List[0].Query, file)
	}
}

func TestPanels_AreCompleteAndDoNotOverlap(t *testing.T) {
	t.Parallel()
	for file, d := range load(t) {
		for i, p := range d.Panels {
			at := file + ": " + p.Title
			require.Nil(t, p.ID, at)
			require.NotEmpty(t, p.Title, at)
			require.Positive(t, p.GridPos.W, at)
			require.Positive(t, p.GridPos.H, at)
			require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, pageWidth, at)
			for _, other := range d.Panels[:i] {
				require.False(t, overlap(p, other), "%s lies over %s", at, other.Title)
			}
			if p.Type == "row" {
				continue
			}
			require.NotEmpty(t, p.Description, at)
			require.NotEmpty(t, p.FieldConfig.Defaults.Unit, at)
			require.Equal(t, "${datasource}", p.Datasource.UID, at)
			require.NotEmpty(t, p.Targets, at)
			refs := map[string]bool{}
			for _, target := range p.Targets {
				require.Equal(t, "${datasource}", target.Datasource.UID, at)
				require.False(t, refs[target.RefID], at)
				refs[target.RefID] = true
			}
		}
	}
}

func overlap(a, b panel) bool {
	return a.GridPos.X < b.GridPos.X+b.GridPos.W && b.GridPos.X < a.GridPos.X+a.GridPos.W &&
		a.GridPos.Y < b.GridPos.Y+b.GridPos.H && b.GridPos.Y < a.GridPos.Y+a.GridPos.H
}

func TestQueries_ReadOnlyWhatIsPublishedOrRecorded(t *testing.T) {
	t.Parallel()
	known, err := published.All()
	require.NoError(t, err)
	for _, name := range append(recorded(t), inputs...) {
		known[name] = true
	}
	builtin := map[string]string{"__rate_interval": "5m", "__range": "6h", "__range_s": "21600"}
	// Variables that stand for more than text within quotes.
	standIns := map[string]string{"horizon": "1h", "load": "absent(vector(1))"}
	variable := regexp.MustCompile(`\$(\w+)`)
	promql := parser.NewParser(parser.Options{})
	selectors := 0
	for file, d := range load(t) {
		defined := map[string]bool{}
		for _, v := range d.Templating.List {
			defined[v.Name] = true
		}
		for _, query := range d.queries() {
			expr := variable.ReplaceAllStringFunc(query, func(v string) string {
				if value, ok := builtin[v[1:]]; ok {
					return value
				}
				require.True(t, defined[v[1:]], "%s: %s in %s", file, v, query)
				if value, ok := standIns[v[1:]]; ok {
					return value
				}
				return "x"
			})
			parsed, err := promql.ParseExpr(expr)
			require.NoError(t, err, "%s: %s", file, query)
			parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
				if selector, ok := node.(*parser.VectorSelector); ok {
					selectors++
					require.True(t, known.Has(selector.Name), "%s: %s in %s", file, selector.Name, query)
				}
				return nil
			})
		}
	}
	require.Greater(t, selectors, 100)
}

// Metrics of cycles, series and models have the label detector or scaler: the page about the exporter shows both.
func TestExporter_ShowsDetectorsAndScalers(t *testing.T) {
	t.Parallel()
	queries := 0
	for _, query := range load(t)["exporter.json"].queries() {
		if strings.Contains(query, `detector=~"$detector"`) {
			queries++
			require.Contains(t, query, `scaler=~"$scaler"`)
		}
		if strings.Contains(query, "by (detector") {
			require.Contains(t, query, "by (detector, scaler")
		}
	}
	require.Greater(t, queries, 8)
}

func TestVariables_AreUsed(t *testing.T) {
	t.Parallel()
	for file, d := range load(t) {
		queries := strings.Join(d.queries(), "\n")
		for _, v := range d.Templating.List {
			if v.Type == "query" || v.Type == "textbox" {
				require.Regexp(t, `\$`+v.Name+`\b`, queries, "%s: variable %s is not used", file, v.Name)
			}
		}
	}
}

// recorded are the names that the recording rules write.
func recorded(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../rules/*.yml")
	require.NoError(t, err)
	var names []string
	for _, file := range files {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		var f struct {
			Groups []struct {
				Rules []struct {
					Record string `yaml:"record"`
				} `yaml:"rules"`
			} `yaml:"groups"`
		}
		require.NoError(t, yaml.Unmarshal(b, &f), file)
		for _, g := range f.Groups {
			for _, r := range g.Rules {
				if r.Record != "" {
					names = append(names, r.Record)
				}
			}
		}
	}
	require.NotEmpty(t, names)
	return names
}
