package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/stretchr/testify/require"
)

// The dashboards in the repository are those that the program writes, and no others.
func TestDashboards_AreAsGenerated(t *testing.T) {
	files, err := filepath.Glob("../*.json")
	require.NoError(t, err)
	all := pages()
	require.Len(t, files, len(all))
	for name, p := range all {
		want, err := p.render()
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join("..", name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s: run make dashboards", name)
	}
}

// decoded reads a dashboard of the repository as strictly as Grafana's schema allows: all required fields, no unknown
// ones, and the types of the schema.
func decoded(t *testing.T, file string) model {
	t.Helper()
	runtime := cog.NewRuntime()
	for _, c := range []variants.PanelcfgConfig{
		timeseries.VariantConfig(), stat.VariantConfig(), table.VariantConfig(), statetimeline.VariantConfig(),
	} {
		runtime.RegisterPanelcfgVariant(c)
	}
	runtime.RegisterDataqueryVariant(prometheus.VariantConfig())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	// The SDK returns its list of mistakes as an error even if it is empty.
	var mistakes cog.BuildErrors
	if err := new(model).UnmarshalJSONStrict(text); !errors.As(err, &mistakes) {
		require.NoError(t, err, file)
	}
	require.Empty(t, mistakes, file)
	var d model
	require.NoError(t, json.Unmarshal(text, &d), file)
	require.NoError(t, d.Validate(), file)
	return d
}

func TestDashboards_FollowTheSchema(t *testing.T) {
	files, err := filepath.Glob("../*.json")
	require.NoError(t, err)
	panels := 0
	for _, file := range files {
		d := decoded(t, file)
		require.Equal(t, dashboard.NewDashboard().SchemaVersion, d.SchemaVersion)
		// What Grafana's types do not know would be gone.
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		again, err := json.Marshal(d)
		require.NoError(t, err)
		require.JSONEq(t, string(text), string(again), file)
		for _, p := range d.Panels {
			if p.Panel == nil {
				continue
			}
			panels++
			at := file + ": " + *p.Panel.Title
			require.IsType(t, options[p.Panel.Type], p.Panel.Options, at)
			for _, target := range p.Panel.Targets {
				require.Equal(t, "prometheus", target.DataqueryType(), at)
			}
		}
	}
	require.Greater(t, panels, 60)
}

var (
	options = map[string]any{
		"timeseries": &timeseries.Options{}, "stat": &stat.Options{}, "table": &table.Options{},
		"state-timeline": &statetimeline.Options{},
	}
	// What overrides may set under "custom.", by type of the panel.
	custom = map[string]func() any{
		"timeseries": func() any { return &common.GraphFieldConfig{} },
		"table":      func() any { return &common.TableFieldOptions{} },
	}
)

// The schema says nothing about what overrides set: they set fields of the schema, to values of their types.
func TestOverrides_SetFieldsOfTheSchema(t *testing.T) {
	files, err := filepath.Glob("../*.json")
	require.NoError(t, err)
	set := 0
	for _, file := range files {
		for _, p := range decoded(t, file).Panels {
			if p.Panel == nil {
				continue
			}
			for _, o := range p.Panel.FieldConfig.Overrides {
				for _, property := range o.Properties {
					var field any = &dashboard.FieldConfig{}
					name, ours := strings.CutPrefix(property.Id, "custom.")
					if ours {
						field = custom[p.Panel.Type]()
					}
					text, err := json.Marshal(map[string]any{name: property.Value})
					require.NoError(t, err)
					strict := json.NewDecoder(bytes.NewReader(text))
					strict.DisallowUnknownFields()
					require.NoError(t, strict.Decode(field), "%s: %s: %s", file, *p.Panel.Title, property.Id)
					set++
				}
			}
		}
	}
	require.Greater(t, set, 50)
}
