package main

import (
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// description matches the text of a prometheus.Desc, which has no accessors.
var description = regexp.MustCompile(
	`^Desc\{fqName: "([^"]+)", help: "(.+?)", .*constLabels: \{.*\}, variableLabels: \{(.*)\}\}$`,
)

// tableRow matches a row of docs/metrics.md that begins with the name of a metric.
var tableRow = regexp.MustCompile("(?m)^\\| `([a-z_:]+)` \\|(.*)\\|$")

// It compares names, types and labels in docs/metrics.md with what is registered and rendered, both ways.
func TestDocs_ListEveryMetric(t *testing.T) {
	source, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	metrics, states, found := strings.Cut(string(source), "\n### Why a series has no score\n")
	require.True(t, found) // its tables are of values of labels
	_, more, _ := strings.Cut(states, "\n### ")
	documented := map[string][]string{}
	for _, row := range tableRow.FindAllStringSubmatch(metrics+more, -1) {
		require.NotContains(t, documented, row[1], "two rows")
		cells := strings.Split(row[2], "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		require.NotEmpty(t, cells[len(cells)-1], "%s: no meaning", row[1])
		documented[row[1]] = cells
	}

	for family := range result.NumFamilies {
		require.Contains(t, documented, family.Name())
		require.Len(t, documented[family.Name()], 2, family.Name())
		delete(documented, family.Name())
	}

	o := testOptions("unused.yml")
	o.feedbackFile = "unused"
	o.externalURL = &url.URL{Scheme: "https", Host: "example.com"}
	e, err := newExporter(o, testQueries(), log.NewNopLogger())
	require.NoError(t, err)
	types := map[string]string{}
	families, err := e.registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		types[family.GetName()] = strings.ToLower(family.GetType().String())
	}
	for _, d := range descriptions(e.registry) {
		name, help := d[1], d[2]
		if !strings.HasPrefix(name, "anomaly_exporter_") {
			require.Regexp(t, `^(go|process)_`, name)
			continue
		}
		require.Contains(t, documented, name)
		cells := documented[name]
		require.Len(t, cells, 3, name)
		if typ, ok := types[name]; ok {
			require.Equal(t, typ, cells[0], name)
		}
		require.Equal(t, strings.HasSuffix(name, "_total"), cells[0] == "counter", name)
		require.ElementsMatch(t, fields(d[3]), fields(strings.ReplaceAll(cells[1], "`", "")), "labels of %s", name)
		require.NotEmpty(t, help, name)
		delete(documented, name)
	}
	require.Empty(t, documented, "documented, but not registered")
}

func descriptions(reg *prometheus.Registry) [][]string {
	ch := make(chan *prometheus.Desc)
	go func() {
		reg.Describe(ch)
		close(ch)
	}()
	var all [][]string
	for d := range ch {
		all = append(all, description.FindStringSubmatch(d.String()))
	}
	slices.SortFunc(all, func(a, b []string) int { return strings.Compare(a[1], b[1]) })
	return all
}

func fields(list string) []string {
	return strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' })
}
