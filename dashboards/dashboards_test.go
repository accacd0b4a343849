// Package dashboards_test tests the dashboards as Grafana gets them.
package dashboards_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
var inputs = []string{
	"up", "ALERTS", "ALERTS_FOR_STATE",
	"kube_deployment_status_replicas", "kube_deployment_status_observed_generation", "kube_deployment_spec_replicas",
}

type dashboard struct {
	ID            *int     `json:"id"`
	UID           string   `json:"uid"`
	Title         string   `json:"title"`
	Description   string   `json:"description"`
	Tags          []string `json:"tags"`
	SchemaVersion int      `json:"schemaVersion"`
	Links         []link   `json:"links"`
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
			Name   string `json:"name"`
			Expr   string `json:"expr"`
			Target struct {
				Expr string `json:"expr"`
			} `json:"target"`
		} `json:"list"`
	} `json:"annotations"`
}

type link struct {
	Title string `json:"title"`
	URL   string `json:"url"`
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
			Unit  string `json:"unit"`
			Links []link `json:"links"`
		} `json:"defaults"`
		Overrides []struct {
			Properties []struct {
				ID    string          `json:"id"`
				Value json.RawMessage `json:"value"`
			} `json:"properties"`
		} `json:"overrides"`
	} `json:"fieldConfig"`
	Targets []target `json:"targets"`
}

type target struct {
	RefID      string               `json:"refId"`
	Expr       string               `json:"expr"`
	Datasource struct{ UID string } `json:"datasource"`
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
		if query, ok := strings.CutPrefix(v.Definition, "query_result("); ok {
			queries = append(queries, strings.TrimSuffix(query, ")"))
		}
	}
	return queries
}

// links are those of the values of a panel.
func (p panel) links(t *testing.T) []link {
	t.Helper()
	links := p.FieldConfig.Defaults.Links
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			if property.ID == "links" {
				var more []link
				require.NoError(t, json.Unmarshal(property.Value, &more))
				links = append(links, more...)
			}
		}
	}
	return links
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
		types := map[string]string{}
		for _, v := range d.Templating.List {
			types[v.Type] = v.Name
		}
		// Filters for labels of results are not passed on to dashboards about the exporter: nothing would be left there.
		if file == "exporter.json" || file == "quality.json" {
			require.Equal(t, "exporter_filters", types["adhoc"], file)
		} else {
			require.Equal(t, "filters", types["adhoc"], file)
		}
	}
}

func TestPanels_AreCompleteAndDoNotOverlap(t *testing.T) {
	t.Parallel()
	for file, d := range load(t) {
		for i, p := range d.Panels {
			at := file + ": " + p.Title
			require.NotNil(t, p.ID, at)
			require.Equal(t, i+1, *p.ID, at)
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
	variable := regexp.MustCompile(`\$([a-z_]\w*)`) // $1 is the first group of label_replace
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
		uses := strings.Join(d.queries(), "\n")
		for _, l := range d.Links {
			uses += "\n" + l.URL
		}
		for _, v := range d.Templating.List {
			if v.Type == "query" || v.Type == "textbox" {
				require.Regexp(t, `\$\{?`+v.Name+`\b`, uses, "%s: variable %s is not used", file, v.Name)
			}
		}
	}
}

func TestAnnotations_MarkAlertsAndRollOuts(t *testing.T) {
	t.Parallel()
	for file, d := range load(t) {
		names := map[string]bool{}
		for _, a := range d.Annotations.List {
			names[a.Name] = true
			require.NotEmpty(t, a.Expr, file)
			require.Equal(t, a.Expr, a.Target.Expr, "%s: %s", file, a.Name)
		}
		require.True(t, names["Alerts"] && names["Roll-outs"], file)
	}
}

// A link leads to a dashboard that there is, and sets variables that it has, to labels that the queries keep.
func TestLinks_LeadToDashboards(t *testing.T) {
	t.Parallel()
	all := load(t)
	variables := map[string]map[string]bool{}
	for _, d := range all {
		variables[d.UID] = map[string]bool{}
		for _, v := range d.Templating.List {
			variables[d.UID]["var-"+v.Name] = true
		}
	}
	from, to := map[string]bool{}, map[string]bool{}
	for file, d := range all {
		for _, p := range d.Panels {
			for _, l := range p.links(t) {
				at := file + ": " + p.Title + ": " + l.Title
				path, query, _ := strings.Cut(l.URL, "?")
				uid, ok := strings.CutPrefix(path, "/d/")
				if !ok {
					require.True(t, strings.HasPrefix(path, "${exporter:raw}/"), at)
					continue
				}
				require.Contains(t, variables, uid, at)
				from[d.UID], to[uid] = true, true
				for parameter := range strings.SplitSeq(query, "&") {
					name, value, _ := strings.Cut(parameter, "=")
					require.True(t, name == "${__url_time_range}" || variables[uid][name], "%s: %s", at, name)
					if field := fieldLabel.FindStringSubmatch(value); field != nil {
						require.Equal(t, "var-"+field[2], name, at)
						require.Equal(t, p.Type == "table", field[1] == "__data.fields", at)
						require.True(t, p.keeps(t, field[2]), "%s: no query keeps %s", at, field[2])
					}
				}
			}
		}
	}
	require.Len(t, from, len(all), "every dashboard leads to another")
	require.Len(t, to, len(all), "every dashboard is led to")
}

// fieldLabel is how a link names a label of a series, or of the row of a table.
var fieldLabel = regexp.MustCompile(`^\$\{(__field\.labels|__data\.fields)\.(\w+):percentencode\}$`)

// keeps reports whether the result of a query may have a label: what aggregates by other labels has not.
func (p panel) keeps(t *testing.T, label string) bool {
	t.Helper()
	var may func(expr parser.Expr) bool
	may = func(expr parser.Expr) bool {
		switch e := expr.(type) {
		case *parser.AggregateExpr:
			if e.Op == parser.TOPK || e.Op == parser.BOTTOMK {
				return may(e.Expr)
			}
			return slices.Contains(e.Grouping, label) != e.Without
		case *parser.BinaryExpr:
			if e.LHS.Type() != parser.ValueTypeVector {
				return may(e.RHS)
			}
			return may(e.LHS)
		case *parser.ParenExpr:
			return may(e.Expr)
		case *parser.StepInvariantExpr:
			return may(e.Expr)
		}
		return true
	}
	return slices.ContainsFunc(p.Targets, func(q target) bool {
		expr := regexp.MustCompile(`\$([a-z_]\w*)`).ReplaceAllString(q.Expr, "1h")
		parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
		return err == nil && q.RefID != "unit" && may(parsed)
	})
}

// Links to the exporter's pages have all labels that examples and presets keep apart, so that they lead to one series.
func TestLinks_LeadToOneSeriesOfEveryExample(t *testing.T) {
	t.Parallel()
	var urls []string
	for _, d := range load(t) {
		for _, p := range d.Panels {
			for _, l := range p.links(t) {
				if strings.HasPrefix(l.URL, "${exporter:raw}/") {
					urls = append(urls, l.URL)
				}
			}
		}
	}
	require.Greater(t, len(urls), 10)
	files, err := filepath.Glob("../examples/*.yml")
	require.NoError(t, err)
	by := regexp.MustCompile(`by *\(([^)]*)\)`)
	labels := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range by.FindAllStringSubmatch(string(text), -1) {
			for name := range strings.FieldsFuncSeq(m[1], func(r rune) bool { return r == ',' || r == ' ' }) {
				if name == "le" {
					continue
				}
				labels++
				for _, u := range urls {
					require.Regexp(t, `[?&]`+name+`=\$\{`, u, file)
				}
			}
		}
	}
	require.Greater(t, labels, 100)
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
