package schema_test

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/config/schema"
)

var update = flag.Bool("update", false, "write the schemas in examples/")

// The schemas in examples/ are those of the code: go test ./config/schema -update writes them.
func TestSchemas_AreThoseOfTheCode(t *testing.T) {
	for file, s := range schemas(t) {
		text, err := json.MarshalIndent(s, "", "  ")
		require.NoError(t, err)
		text = append(text, '\n')
		if *update {
			require.NoError(t, os.WriteFile(file, text, 0o644))
		}
		had, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(text), string(had), "go test ./config/schema -update")
	}
}

const (
	configSchema   = "../../examples/config.schema.json"
	detectorSchema = "../../examples/detectors.schema.json"
)

func schemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	page, err := os.ReadFile("../../docs/configuration.md")
	require.NoError(t, err)
	c, err := schema.Config(string(page))
	require.NoError(t, err)
	d, err := schema.DetectorFile(string(page))
	require.NoError(t, err)
	return map[string]*jsonschema.Schema{configSchema: c, detectorSchema: d}
}

// resolve reads a schema.
func resolve(t *testing.T, file string) *jsonschema.Resolved {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	var s jsonschema.Schema
	require.NoError(t, json.Unmarshal(b, &s))
	resolved, err := s.Resolve(nil)
	require.NoError(t, err)
	return resolved
}

// validate validates a YAML text as an editor does.
func validate(t *testing.T, schema *jsonschema.Resolved, source string) error {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(source), &v); err != nil {
		return err
	}
	text, err := json.Marshal(plain(v))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &v))
	return schema.Validate(v)
}

// plain returns a value of YAML without what JSON does not have.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			v[key] = plain(v[key])
		}
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case time.Time:
		return v.Format(time.DateOnly)
	case float64:
		return max(-math.MaxFloat64, min(v, math.MaxFloat64))
	}
	return v
}

func TestSchema_AcceptsWhatLoadDoes(t *testing.T) {
	whole, part, validated := resolve(t, configSchema), resolve(t, detectorSchema), 0
	for _, pattern := range []string{"../testdata/good-*.yml", "../../examples/*.yml", "../../examples/*/*.yml"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range found {
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			if strings.Contains(string(source), "\nremote_read:") {
				require.NoError(t, validate(t, whole, string(source)), file)
				validated++
			}
		}
	}
	require.Greater(t, validated, 10)
	require.NoError(t, validate(t, part, "x-a: 1\ndetectors: [{name: x, expr: up}]\n"))
	require.Error(t, validate(t, part, "remote_read: [{url: 'http://x'}]\n"))
	require.NoError(t, validate(t, whole, "remote_read: [{url: 'http://x'}]\nglobal: {query_offset: 0}"))
}

func TestSchema_RefusesUnknownKeysAndWrongTypes(t *testing.T) {
	whole, refused := resolve(t, configSchema), 0
	for _, pattern := range []string{"bad-unknown-*.yml", "bad-type-*.yml"} {
		found, err := filepath.Glob(filepath.Join("../testdata", pattern))
		require.NoError(t, err)
		for _, file := range found {
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Error(t, validate(t, whole, string(source)), file)
			refused++
		}
	}
	require.Greater(t, refused, 20)
	for _, file := range []string{
		"bad-scorer-model.yml", "bad-scorer-direction.yml", "bad-forecaster-model.yml", "bad-missing.yml", "bad-publish.yml",
		"bad-name-missing.yml", "bad-remote-read-missing.yml", "bad-remote-read-url-missing.yml",
	} {
		source, err := os.ReadFile(filepath.Join("../testdata", file))
		require.NoError(t, err)
		require.Error(t, validate(t, whole, string(source)), file)
	}
}

// Editors show what the page says.
func TestSchema_DescribesEveryKeyOfOurs(t *testing.T) {
	s := schemas(t)[configSchema]
	var undescribed []string
	var walk func(path string, s *jsonschema.Schema)
	walk = func(path string, s *jsonschema.Schema) {
		if s == nil {
			return
		}
		for key, p := range s.Properties {
			plain := key == "expr" || strings.HasPrefix(path, ".remote_read") // as in Prometheus
			if p.Description == "" && !plain {
				undescribed = append(undescribed, path+"."+key)
			}
			walk(path+"."+key, p)
		}
		walk(path, s.Items)
		walk(path, s.AdditionalProperties)
		for _, one := range s.AnyOf {
			walk(path, one)
		}
	}
	walk("", s)
	require.Empty(t, undescribed)
	require.NotEmpty(t, s.Properties["remote_read"].Items.Properties["url"].Description)
	require.NotEmpty(t, s.Properties["remote_read"].Items.Properties["proxy_url"].Description)
	require.Contains(t, s.Properties["detectors"].Items.Properties["missing"].Description, "Default: drop")
	require.Contains(t, s.Properties["detectors"].Items.Properties["missing"].Enum, "zero")
}
