// Package config reads and checks the configuration file: it fills in defaults, parses PromQL and reports every error
// with its line. Unknown keys are errors. Secrets are never printed.
package config

import (
	"bytes"
	"path/filepath"
	"reflect"
	"regexp"

	commoncfg "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/config/document"
	"github.com/anomaly-exporter/anomaly-exporter/config/files"
)

// Config is a checked configuration file. It is read-only after Load. Two files that mean the same give Configs that
// are equal by reflect.DeepEqual, so a reload can tell what has changed.
type Config struct {
	Global     Global       `yaml:"global"`
	RemoteRead []RemoteRead `yaml:"remote_read"`
	Detectors  []Detector   `yaml:"detectors,omitempty"`
	Scalers    []Scaler     `yaml:"scalers,omitempty"`

	// DetectorFiles are patterns of files, whose detectors and scalers come after those of the file itself.
	DetectorFiles []string `yaml:"detector_files,omitempty"`

	Outcomes *Outcomes `yaml:"outcomes,omitempty"` // nil: alerts are not compared with incidents
	Context  Context   `yaml:"context"`
}

// LoadFile reads and checks the file at path, and its detector files; see Load.
func LoadFile(path string) (*Config, error) {
	set, err := files.Read(path)
	if err != nil {
		return nil, err
	}
	return LoadFiles(set)
}

// Load checks source, the content of the file filename. The name is used in errors, and paths in the file are
// relative to its directory. It reads no other file: detector_files are an error.
//
// The error has a line for each independent problem, in the order of the file, such as `file:line: detector "x": key:
// what is wrong`.
func Load(source []byte, filename string) (*Config, error) {
	return LoadFiles(&files.Set{File: files.File{Name: filename, Content: source}})
}

// LoadFiles checks the files of a configuration; see Load.
func LoadFiles(set *files.Set) (*Config, error) {
	doc := document.Parse(set.Content, set.Name, language())
	if err := doc.Err(); err != nil {
		return nil, err
	}
	top := doc.Root()
	top.Check(outline{})
	if !top.Mapping() {
		return nil, doc.Err()
	}

	var c Config
	global := top.Section("global")
	c.Global = loadGlobal(global)
	dir, err := filepath.Abs(filepath.Dir(set.Name))
	if err != nil {
		return nil, err
	}
	for _, s := range top.List("remote_read", "") {
		c.RemoteRead = append(c.RemoteRead, loadRemoteRead(s, dir))
	}
	top.Require(len(c.RemoteRead) > 0, "remote_read", "is missing")

	// What a detector inherits can only be checked if global itself is valid.
	globalValid := !global.Failed()
	docs := append([]*document.Document{doc}, c.readDetectorFiles(top, set)...)
	c.loadDetectors(docs, globalValid)
	c.Outcomes = loadOutcomes(top.Section("outcomes"))
	c.Context = loadContext(top.Section("context"))

	if err := document.Err(docs); err != nil {
		return nil, err
	}
	return &c, nil
}

// outline has the keys of the file. What is inside them is checked by their sections, which report under titles of
// their own.
type outline struct {
	Global     yaml.Node   `yaml:"global"`
	RemoteRead []yaml.Node `yaml:"remote_read"`
	Detectors  []yaml.Node `yaml:"detectors"`
	Scalers    []yaml.Node `yaml:"scalers"`
	Files      []string    `yaml:"detector_files"`
	Outcomes   yaml.Node   `yaml:"outcomes"`
	Context    yaml.Node   `yaml:"context"`
}

// String returns the config as one YAML file, with all defaults filled in and secrets hidden. Except for the secrets
// and DetectorFiles, Load returns an equal Config for it.
func (c *Config) String() string {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	merged := *c
	merged.DetectorFiles = nil
	if err := enc.Encode(merged); err != nil {
		return "# " + err.Error() + "\n"
	}
	return b.String()
}

// legalName matches the names of detectors, scalers and inputs: they become label values, and parts of log lines and
// of file names.
var legalName = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9_.-]*$`)

// language returns what error messages need to know of the file.
func language() document.Language {
	return document.Language{
		Types:   typeNames,
		Public:  []string{"global", "detectors", "scalers", "detector_files", "outcomes", "context"},
		Private: []string{"remote_read"},
	}
}

// typeNames describes, in error messages, types that are written otherwise than their kind suggests.
var typeNames = map[reflect.Type]string{
	reflect.TypeFor[model.Duration]():       "a duration such as 5m",
	reflect.TypeFor[Calls]():                "an expression or {expr: ..., from: ..., to: ...}",
	reflect.TypeFor[Bound]():                "a number or {expr: ..., on: [...]}",
	reflect.TypeFor[Capacity]():             "a number or {utilization: ..., target: ..., replicas: ...}",
	reflect.TypeFor[Horizon]():              "a duration such as 15m or {startup: ...}",
	reflect.TypeFor[Holiday]():              "a date such as 2026-12-25 or 12-25",
	reflect.TypeFor[Expr]():                 "a string",
	reflect.TypeFor[commoncfg.URL]():        "a string",
	reflect.TypeFor[commoncfg.TLSVersion](): "a string",
}
