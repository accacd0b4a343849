// Package schema makes JSON Schemas of the configuration from its Go types and its page, for editors that complete and
// check YAML. What depends on several keys only Load can check.
package schema

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	commoncfg "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/config/document"
)

// draft is the one that editors know best.
const draft = "http://json-schema.org/draft-07/schema#"

// Config returns the schema of a configuration file. The page is docs/configuration.md, which describes the keys.
func Config(page string) (*jsonschema.Schema, error) {
	return file(page, "Configuration of anomaly-exporter", []string{"remote_read"}, func(string) bool { return true })
}

// DetectorFile returns the schema of the files in detector_files.
func DetectorFile(page string) (*jsonschema.Schema, error) {
	return file(page, "Detectors and scalers of anomaly-exporter", nil, func(key string) bool {
		return key == "detectors" || key == "scalers"
	})
}

// file returns the schema of a file that has some of the keys of the configuration.
func file(page, title string, required []string, has func(key string) bool) (*jsonschema.Schema, error) {
	m := maker{described: descriptions(page)}
	s := m.of(reflect.TypeFor[config.Config](), "Configuration")
	maps.DeleteFunc(s.Properties, func(key string, _ *jsonschema.Schema) bool { return !has(key) })
	s.PropertyOrder = slices.DeleteFunc(s.PropertyOrder, func(key string) bool { return !has(key) })
	s.Schema, s.Title, s.Required = draft, title, required
	s.PatternProperties = map[string]*jsonschema.Schema{
		"^" + document.FreePrefix: {Description: "Means nothing: a place for YAML anchors."},
	}
	return s, m.err
}

// maker makes schemas of types.
type maker struct {
	described map[string]map[string]string // by heading and key
	err       error
}

// heading returns under which heading of the page the keys of a type are.
func heading(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[commoncfg.Header]():
		return "http_header"
	case reflect.TypeFor[commoncfg.TLSConfig]():
		return "tls_config"
	case reflect.TypeFor[commoncfg.BasicAuth]():
		return "basic_auth"
	case reflect.TypeFor[config.RemoteRead]():
		return "remote_read"
	case reflect.TypeFor[config.Horizon]():
		return "startup"
	case reflect.TypeFor[config.Bound](), reflect.TypeFor[config.Weight](), reflect.TypeFor[config.Selector]():
		return "selector"
	}
	return strings.ToLower(t.Name())
}

// of returns the schema of a type, whose keys are under a heading of the page.
func (m *maker) of(t reflect.Type, under string) *jsonschema.Schema {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[model.Duration]():
		return duration()
	case reflect.TypeFor[config.Expr](), reflect.TypeFor[commoncfg.URL](), reflect.TypeFor[commoncfg.TLSVersion]():
		return &jsonschema.Schema{Type: "string"}
	case reflect.TypeFor[config.Holiday]():
		return &jsonschema.Schema{Type: "string", Pattern: `^([0-9]{4}-)?[0-9]{2}-[0-9]{2}$`}
	case reflect.TypeFor[labels.Labels]():
		return m.of(reflect.TypeFor[map[string]string](), "")
	case reflect.TypeFor[config.Weight]():
		return either(&jsonschema.Schema{Type: "string"}, m.object(reflect.TypeFor[config.Selector](), "selector"))
	case reflect.TypeFor[config.Calls]():
		return either(&jsonschema.Schema{Type: "string"}, m.object(t, heading(t)))
	case reflect.TypeFor[config.Bound](), reflect.TypeFor[config.Capacity]():
		return either(&jsonschema.Schema{Type: "number"}, m.object(t, heading(t)))
	case reflect.TypeFor[config.Horizon]():
		return either(duration(), m.object(t, heading(t)))
	}
	switch t.Kind() {
	case reflect.String:
		return &jsonschema.Schema{Type: "string"}
	case reflect.Bool:
		return &jsonschema.Schema{Type: "boolean"}
	case reflect.Int:
		return &jsonschema.Schema{Type: "integer"}
	case reflect.Float64:
		return &jsonschema.Schema{Type: "number"}
	case reflect.Slice:
		return &jsonschema.Schema{Type: "array", Items: m.of(t.Elem(), heading(t.Elem()))}
	case reflect.Array:
		n := t.Len()
		return &jsonschema.Schema{Type: "array", Items: m.of(t.Elem(), ""), MinItems: &n, MaxItems: &n}
	case reflect.Map:
		values := m.of(t.Elem(), heading(t.Elem()))
		if t.Elem().Kind() == reflect.String { // a number or a bool is read as a text
			values = &jsonschema.Schema{Types: []string{"string", "number", "boolean"}}
		}
		return &jsonschema.Schema{Type: "object", AdditionalProperties: values}
	case reflect.Interface:
		return &jsonschema.Schema{}
	case reflect.Struct:
		return m.object(t, under)
	}
	m.err = fmt.Errorf("no schema for %s", t)
	return nil
}

// either returns a schema of two forms.
func either(a, b *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{a, b}}
}

// duration returns the schema of a duration, with units from years to milliseconds. A 0 needs none.
func duration() *jsonschema.Schema {
	zero := 0.0
	return &jsonschema.Schema{
		Types: []string{"string", "integer"}, Minimum: &zero, Maximum: &zero,
		Pattern: `^(0|(?:[0-9]+y)?(?:[0-9]+w)?(?:[0-9]+d)?(?:[0-9]+h)?(?:[0-9]+m)?(?:[0-9]+s)?(?:[0-9]+ms)?)$`,
	}
}

// required are the keys that a mapping must have, by the heading of its keys.
func required(under string) []string {
	switch under {
	case "remote_read":
		return []string{"url"}
	case "detector", "scaler":
		return []string{"name"}
	case "selector", "calls":
		return []string{"expr"}
	case "capacity":
		return []string{"utilization", "replicas"}
	case "outcomes":
		return []string{"truth"}
	}
	return nil
}

// object returns the schema of a struct.
func (m *maker) object(t reflect.Type, under string) *jsonschema.Schema {
	known, others := document.Keys(t)
	if t == reflect.TypeFor[config.Scaler]() { // Load turns it into the probability
		known["cost"] = reflect.TypeFor[struct {
			Under float64 `yaml:"under"`
			Over  float64 `yaml:"over"`
		}]()
	}
	s := &jsonschema.Schema{
		Type: "object", Properties: map[string]*jsonschema.Schema{}, Required: required(under),
		AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}},
	}
	if others != nil {
		s.AdditionalProperties = m.of(others, heading(others))
	}
	for _, key := range slices.Sorted(maps.Keys(known)) {
		if strings.HasSuffix(key, "_ref") { // Load refuses it: there are no secret managers here
			continue
		}
		inner := known[key]
		for inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		below := heading(inner)
		if below == "" {
			below = key
		}
		p := m.of(known[key], below)
		m.addWords(p, under, key)
		p.Description = m.describe(under, key)
		p.Deprecated = strings.HasPrefix(key, "bearer_token") // Prometheus, too, prefers authorization
		s.Properties[key] = p
		s.PropertyOrder = append(s.PropertyOrder, key)
	}
	return s
}

// describe returns what the page says about a key.
func (m *maker) describe(under, key string) string {
	if text := m.described[under][key]; text != "" || under != "remote_read" {
		return text
	}
	return m.described["http_client"][key] // which an entry takes too
}

// addWords adds the words that a key may have.
func (m *maker) addWords(s *jsonschema.Schema, under, key string) {
	format := map[string]string{
		"scorer.model": "scorer: {model: %s}", "scorer.direction": "scorer: {direction: %s}",
		"forecaster.model": "forecaster: {model: %s}", "detector.missing": "missing: %s", "detector.publish": "publish: [%s]",
	}[under+"."+key]
	if format == "" {
		return
	}
	var words []any
	for _, word := range wordsOf(format) {
		words = append(words, word)
	}
	if len(words) == 0 {
		m.err = fmt.Errorf("no words for %s.%s", under, key)
	}
	switch {
	case s.Items != nil:
		s.Items.Enum = words
	case under == "forecaster":
		s.Type = ""
		s.AnyOf = []*jsonschema.Schema{{Enum: words}, {Type: "string", Pattern: `^arima\([0-5],[0-2],[0-5]\)$`}}
	default:
		s.Enum = words
	}
}

// notOneOf matches what Load says about a word that is unknown.
var notOneOf = regexp.MustCompile(`"unknown" is not one of (.+)`)

// wordsOf returns the words that Load accepts in a detector.
func wordsOf(format string) []string {
	_, err := config.Load([]byte("remote_read: [{url: 'http://x'}]\ndetectors: [{name: x, expr: x, "+
		fmt.Sprintf(format, "unknown")+"}]"), "words")
	if err == nil {
		return nil
	}
	if found := notOneOf.FindStringSubmatch(err.Error()); found != nil {
		return strings.Split(found[1], ", ")
	}
	return nil
}

var (
	headingLine = regexp.MustCompile(`^#+ (.+)$`)
	keyLine     = regexp.MustCompile(`^(?:\[ )?([a-z0-9_]+):(?:.* \| default = (.*) \])?`)
)

// descriptions returns what a page says about each key, by the heading above it: the comment before the key, and its
// default.
func descriptions(page string) map[string]map[string]string {
	all := map[string]map[string]string{}
	under, inside := "", false
	var comment []string
	for line := range strings.Lines(page) {
		line = strings.TrimRight(line, "\n")
		if !inside {
			if h := headingLine.FindStringSubmatch(line); h != nil {
				under = h[1]
			}
			inside = line == "```yml"
			comment = nil
			continue
		}
		k := keyLine.FindStringSubmatch(line)
		switch text, isComment := strings.CutPrefix(line, "# "); {
		case isComment:
			comment = append(comment, text)
		case line == "":
			comment = nil
		case line == "```":
			inside = false
		case k != nil:
			if all[under] == nil {
				all[under] = map[string]string{}
			}
			text := strings.Join(comment, "\n")
			if k[2] != "" {
				text = strings.TrimLeft(text+"\nDefault: "+k[2], "\n")
			}
			all[under][k[1]] = text
		}
	}
	return all
}
