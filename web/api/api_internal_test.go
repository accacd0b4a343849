package api

import (
	"bytes"
	"encoding/csv"
	"maps"
	"math"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

func TestOpenAPI_DescribesTheEndpoints(t *testing.T) {
	var spec struct {
		Paths map[string]struct {
			Get, Post struct {
				Parameters []map[string]string `yaml:"parameters"`
			}
		} `yaml:"paths"`
		Components struct {
			Parameters map[string]struct {
				Name string `yaml:"name"`
			} `yaml:"parameters"`
		} `yaml:"components"`
	}
	require.NoError(t, yaml.Unmarshal(openAPI, &spec))
	var paths, names []string
	for path := range spec.Paths {
		paths = append(paths, strings.TrimPrefix(path, "/api/v1/"))
		for _, p := range slices.Concat(spec.Paths[path].Get.Parameters, spec.Paths[path].Post.Parameters) {
			name := strings.TrimPrefix(p["$ref"], "#/components/parameters/")
			require.Contains(t, spec.Components.Parameters, name)
			names = append(names, spec.Components.Parameters[name].Name)
		}
	}
	slices.Sort(paths)
	want := slices.Sorted(maps.Keys((&API{}).endpoints()))
	want = append(want, "feedback", "backtest") // only with flags
	slices.Sort(want)
	require.Equal(t, want, paths)
	slices.Sort(names)
	require.Equal(t, slices.Sorted(slices.Values(parameters)), slices.Compact(names))
}

func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{
		"match[]={a=\"b\"}", "limit=3&offset=2", "start=1e9&end=2026-03-02T00:00:00Z", "min_score=.8", "%zz",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r := httptest.NewRequest("GET", "/api/v1/series", nil)
		r.URL.RawQuery = raw
		q, err := parseQuery(r)
		if err != nil {
			require.ErrorAs(t, err, new(view.Invalid))
			return
		}
		require.True(t, q.Limit >= 0 && q.Limit <= maxLimit && q.Offset >= 0 && q.MinScore >= 0 && q.MinScore <= 1)
		_, err = url.ParseQuery(raw)
		require.NoError(t, err)
	})
}

// Whoever may set a label must not be able to run a formula in the spreadsheet of somebody else.
func TestTable_EvaluatesNothing(t *testing.T) {
	s := view.Series{
		Source: "load", Labels: map[string]string{
			"a": `=HYPERLINK("http://x","y")`, "b": "+1", "c": "-1", "d": "@SUM(A1)", "e": "\t=1", "f": "é,\"q\"\n",
		},
		Value: view.Number(-1e18), Score: view.Number(math.NaN()), Upper: view.Number(math.Inf(1)),
	}
	encoded, err := seriesTable([]view.Series{s}).encode()
	require.NoError(t, err)
	rows, err := csv.NewReader(bytes.NewReader(encoded)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{
		`'=HYPERLINK("http://x","y")`, "'+1", "'-1", "'@SUM(A1)", "'\t=1", "é,\"q\"\n",
	}, rows[1][12:])
	require.Equal(t, []string{"-1e+18", "Inf", ""}, []string{rows[1][4], rows[1][8], rows[1][9]})
	require.Equal(t, "a__b_c.csv", (&table{name: "a\"\nb/c"}).fileName())
}

func TestParseQuery_LeavesNothingOutOfATable(t *testing.T) {
	for raw, limit := range map[string]int{"": 100, "format=json": 100, "format=csv": 10_000, "format=csv&limit=7": 7} {
		q, err := parseQuery(httptest.NewRequest("GET", "/api/v1/series?"+raw, nil))
		require.NoError(t, err)
		require.Equal(t, limit, q.Limit, raw)
	}
}
