package ui_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/web/ui"
)

// links returns the addresses of the links of a page whose text matches a pattern, by text.
func links(page, text string) map[string]string {
	found := map[string]string{}
	for _, a := range regexp.MustCompile(`<a href="([^"]*)">(`+text+`)</a>`).FindAllStringSubmatch(page, -1) {
		found[a[2]] = html.UnescapeString(a[1])
	}
	return found
}

func TestPages_LinkToGrafana(t *testing.T) {
	h := pages(t, true, func(o *ui.Options) { o.Links.Grafana = "https://example.com/grafana" })
	for path, want := range map[string]struct {
		expr, from, dashboard string
		variables             url.Values
	}{
		"/series?detector=load&job=api&range=1h": {"load_bytes", "now-60m", "anomalies", url.Values{
			"var-detector": {"load"}, "var-namespace": {"shop"},
			"var-filters": {"job|=|api", "metric_name|=|load_bytes"},
		}},
		"/scaler?scaler=fleet": {"sum(load_bytes)", "now-1440m", "forecast-and-scaling", url.Values{
			"var-scaler": {"fleet"},
		}},
	} {
		_, body := get(t, h, path)
		explore, err := url.Parse(links(body, "Explore in Grafana")["Explore in Grafana"])
		require.NoError(t, err)
		require.Equal(t, "https://example.com/grafana/explore", fmt.Sprintf("https://%s%s", explore.Host, explore.Path))
		require.Equal(t, "1", explore.Query().Get("schemaVersion"))
		require.JSONEq(t, `{"one": {"queries": [{"refId": "A", "expr": "`+want.expr+`"}],
			"range": {"from": "`+want.from+`", "to": "now"}}}`, explore.Query().Get("panes"))

		// The dashboard that is shipped has this address and these variables.
		text, err := os.ReadFile("../../dashboards/" + want.dashboard + ".json")
		require.NoError(t, err)
		var shipped struct {
			UID        string `json:"uid"`
			Templating struct {
				List []struct{ Name, Type string }
			} `json:"templating"`
		}
		require.NoError(t, json.Unmarshal(text, &shipped))
		types := map[string]string{}
		for _, v := range shipped.Templating.List {
			types["var-"+v.Name] = v.Type
		}
		dashboard, err := url.Parse(links(body, "Dashboard in Grafana")["Dashboard in Grafana"])
		require.NoError(t, err)
		require.Equal(t, "/grafana/d/"+shipped.UID, dashboard.Path)
		query := dashboard.Query()
		require.Equal(t, []string{want.from, "now"}, []string{query.Get("from"), query.Get("to")})
		query.Del("from")
		query.Del("to")
		require.Equal(t, want.variables, query)
		for name := range query {
			require.Contains(t, types, name)
			require.Equal(t, name == "var-filters", types[name] == "adhoc")
		}
	}
	_, body := get(t, pages(t, true), "/series?detector=load&job=api")
	require.NotContains(t, body, "Grafana", "without its address")
}

// The dashboards link to the pages with the labels that Grafana has of a series. Labels that it has not are empty.
func TestPages_AreWhereTheDashboardsLinkTo(t *testing.T) {
	files, err := filepath.Glob("../../dashboards/*.json")
	require.NoError(t, err)
	address := regexp.MustCompile(`"\$\{exporter:raw\}(/[a-z]+\?[^"]+)"`)
	label := regexp.MustCompile(`\$\{__(?:field\.labels|data\.fields)\.(\w+):percentencode\}`)
	paths := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range address.FindAllStringSubmatch(string(text), -1) {
			paths[m[1]] = true
		}
	}
	require.Len(t, paths, 3, "series of graphs and of tables, and scalers of graphs")
	h := pages(t, true)
	for path := range paths {
		of := func(labels map[string]string) string {
			return label.ReplaceAllStringFunc(path, func(s string) string {
				return url.QueryEscape(labels[label.FindStringSubmatch(s)[1]])
			})
		}
		if strings.HasPrefix(path, "/scaler") {
			status, body := get(t, h, of(map[string]string{"scaler": "fleet"}))
			require.Equal(t, http.StatusOK, status)
			require.Contains(t, body, "fleet needs")
			continue
		}
		for _, job := range []string{"api", hostile} {
			status, _ := get(t, h, of(map[string]string{"detector": "load", "namespace": "shop", "job": job}))
			require.Equal(t, http.StatusOK, status, "one series has these labels")
		}
		status, _ := get(t, h, of(map[string]string{"detector": "load", "namespace": "shop", "job": "none"}))
		require.Equal(t, http.StatusNotFound, status)
	}
}

func TestPages_LinkToTheRunbooksOfTheirAlerts(t *testing.T) {
	rules := ""
	for _, name := range []string{"anomalies", "breaches", "drift", "scaling"} {
		text, err := os.ReadFile("../../rules/" + name + ".yml")
		require.NoError(t, err)
		rules += string(text)
	}
	h := pages(t, true)
	for path, want := range map[string][]string{
		"/series?detector=load&job=api": {
			"AnomalyDetectedHighScore", "LimitBreachImminent", "TimeToLimit", "SlowDrift", "CorrelatedDrift",
		},
		"/scaler?scaler=fleet": {"RecommendationAtMaximum", "ReplicasFarFromRecommended"},
	} {
		_, body := get(t, h, path)
		found := links(body, `[A-Z]\w+[a-z][A-Z]\w+`)
		require.Len(t, found, len(want), path)
		for _, alert := range want {
			require.True(t, strings.HasSuffix(found[alert], "#"+strings.ToLower(alert)), found[alert])
			require.Contains(t, rules, "alert: "+alert+"\n")
			require.Contains(t, rules, "runbook_url: "+found[alert]+"\n")
		}
	}
}
