package config_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	commoncfg "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/config"
)

// blocks returns the code blocks of the page in a language, by the heading above them.
func blocks(t *testing.T, language string) map[string][]string {
	t.Helper()
	page, err := os.ReadFile("../docs/configuration.md")
	require.NoError(t, err)
	found := map[string][]string{}
	heading, block, inside := "", "", false
	for line := range strings.Lines(string(page)) {
		switch {
		case inside && line == "```\n":
			found[heading] = append(found[heading], block)
			inside = false
		case inside:
			block += line
		case line == "```"+language+"\n":
			block, inside = "", true
		case strings.HasPrefix(line, "#"):
			heading = strings.TrimSpace(strings.TrimLeft(line, "#"))
		}
	}
	return found
}

// yamlKeys returns the keys of a struct type.
func yamlKeys(t reflect.Type) []string {
	var keys []string
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case options == "inline" && f.Type != reflect.TypeFor[commoncfg.HTTPClientConfig](): // the page has a section for it
			keys = append(keys, yamlKeys(f.Type)...)
		case name != "" && name != "-":
			keys = append(keys, name)
		}
	}
	return keys
}

var documented = regexp.MustCompile(`(?m)^(?:\[ )?([a-z0-9_]+):(?:.* \| default = (.*) \])?`)

// Each section of the page has the keys of its struct and no others.
func TestDocs_ListEveryKey(t *testing.T) {
	page := blocks(t, "yml")
	for heading, section := range map[string]any{
		"Configuration": config.Config{},
		"global":        config.Global{},
		"remote_read":   config.RemoteRead{},
		"detector":      config.Detector{},
		"scorer":        config.Scorer{},
		"forecaster":    config.Forecaster{},
		"bounds":        config.Bounds{},
		"selector":      config.Selector{},
		"scaler":        config.Scaler{},
		"capacity":      config.Capacity{},
		"startup":       config.Horizon{},
		"resources":     config.Resources{},
		"outcomes":      config.Outcomes{},
		"context":       config.Context{},
		"calls":         config.Calls{},
		"cost": struct {
			Under float64 `yaml:"under"`
			Over  float64 `yaml:"over"`
		}{},
		"http_client":   commoncfg.HTTPClientConfig{},
		"http_header":   commoncfg.Header{},
		"basic_auth":    commoncfg.BasicAuth{},
		"authorization": commoncfg.Authorization{},
		"oauth2":        commoncfg.OAuth2{},
		"tls_config":    commoncfg.TLSConfig{},
	} {
		t.Run(heading, func(t *testing.T) {
			want := yamlKeys(reflect.TypeOf(section))
			want = slices.DeleteFunc(want, func(key string) bool {
				// The former are rejected; the latter are deprecated, although Prometheus still accepts them.
				return strings.HasSuffix(key, "_ref") || strings.HasPrefix(key, "bearer_token")
			})
			if heading == "scaler" {
				want = append(want, "cost") // Load turns it into the probability
			}
			var got []string
			for _, block := range page[heading] {
				for _, m := range documented.FindAllStringSubmatch(block, -1) {
					got = append(got, m[1])
				}
			}
			require.ElementsMatch(t, want, got)
		})
	}
}

// All defaults on the page are compared with those of a config without the keys.
func TestDocs_HaveTheDefaultsOfTheCode(t *testing.T) {
	c, err := config.Load([]byte(`
remote_read: [{url: 'http://localhost:9090/api/v1/read', authorization: {}}]
detectors: [{name: x, expr: up}]
scalers:
  - {name: x, load: up, capacity_per_replica: 1, max_replicas: 1}
  - {name: y, load: up, capacity_per_replica: {utilization: up, replicas: up}, max_replicas: 1}
outcomes: {truth: {expr: up}}
context: {calls: up}
`), "config.yml")
	require.NoError(t, err)
	var tree struct {
		Global     map[string]any
		RemoteRead []map[string]any `yaml:"remote_read"`
		Detectors  []map[string]any
		Scalers    []map[string]any
		Outcomes   map[string]any
		Context    map[string]any
	}
	require.NoError(t, yaml.Unmarshal([]byte(c.String()), &tree))
	page := blocks(t, "yml")
	for heading, actual := range map[string]any{
		"global":        tree.Global,
		"remote_read":   tree.RemoteRead[0],
		"http_client":   tree.RemoteRead[0],
		"authorization": tree.RemoteRead[0]["authorization"],
		"detector":      tree.Detectors[0],
		"scorer":        tree.Detectors[0]["scorer"],
		"forecaster":    tree.Detectors[0]["forecaster"],
		"scaler":        tree.Scalers[0],
		"capacity":      tree.Scalers[1]["capacity_per_replica"],
		"outcomes":      tree.Outcomes,
		"context":       tree.Context,
		"calls":         tree.Context["calls"],
	} {
		compared := 0
		for _, m := range documented.FindAllStringSubmatch(page[heading][0], -1) {
			key, text := m[1], m[2]
			got, ok := actual.(map[string]any)[key]
			if inherited, is := strings.CutPrefix(text, "global."); is {
				require.Equal(t, key, inherited, heading)
				require.Equal(t, tree.Global[key], got, "%s: %s", heading, key)
				continue
			}
			if text == "" || text == "[]" || text == "false" && !ok { // empty values are not written
				continue
			}
			var want any
			require.NoError(t, yaml.Unmarshal([]byte(text), &want), "%s: %s", heading, key)
			if s, is := want.(string); is {
				if d, err := model.ParseDuration(s); err == nil {
					want = d.String()
				}
			}
			require.EqualValues(t, want, got, "%s: %s", heading, key)
			compared++
		}
		require.NotZero(t, compared, heading)
	}
}

// The page shows whole files as yaml, keys as yml.
func TestDocs_ShowValidExamples(t *testing.T) {
	examples := 0
	for heading, files := range blocks(t, "yaml") {
		for _, source := range files {
			_, err := config.Load([]byte(source), heading)
			require.NoError(t, err)
			examples++
		}
	}
	require.GreaterOrEqual(t, examples, 4)
}
