// Package config is the YAML file, checked: strict, with defaults filled in,
// PromQL parsed and every mistake reported with the line it stands in. Secrets
// never print.
package config

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// Config is a checked file. It is read-only after Load. Two configs that mean
// the same are equal to reflect.DeepEqual, so a reload can tell what changed.
type Config struct {
	Global     Global       `yaml:"global"`
	RemoteRead []RemoteRead `yaml:"remote_read"`
	Detectors  []Detector   `yaml:"detectors,omitempty"`
	Scalers    []Scaler     `yaml:"scalers,omitempty"`
	Outcomes   *Outcomes    `yaml:"outcomes,omitempty"` // nil: alerts are not compared with anything
}

// LoadFile reads and checks the file at path; see Load.
func LoadFile(path string) (*Config, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Load(source, path)
}

// Load checks source, the text of the file filename. The name is used in errors,
// and relative paths in the text are relative to its directory.
//
// The error tells all independent mistakes, one a line in the order of the file,
// each as `file:line: detector "x": key: what is wrong`.
func Load(source []byte, filename string) (*Config, error) {
	doc := parse(source, filename)
	if err := doc.err(); err != nil {
		return nil, err
	}
	top := doc.root()
	top.check(top.node, reflect.TypeFor[layout](), "")

	if resolve(top.node).Kind != yaml.MappingNode {
		return nil, doc.err()
	}

	var c Config
	global := &section{doc: doc, title: "global", node: top.value("global")}
	c.Global = loadGlobal(global)
	dir, err := filepath.Abs(filepath.Dir(filename))
	if err != nil {
		return nil, err
	}
	for _, s := range top.list("remote_read", "") {
		c.RemoteRead = append(c.RemoteRead, loadRemoteRead(s, dir))
	}
	top.require(len(c.RemoteRead) > 0, "remote_read", "is missing")

	// What a detector inherits can only be judged if global itself is sound.
	sound := !global.bad
	detectors := top.list("detectors", "detector")
	for _, s := range detectors {
		c.Detectors = append(c.Detectors, loadDetector(s, c.Global, sound))
	}
	checkNames(detectors)
	scalers := top.list("scalers", "scaler")
	for _, s := range scalers {
		c.Scalers = append(c.Scalers, loadScaler(s, c.Global, sound))
	}
	checkNames(scalers)
	c.Outcomes = loadOutcomes(&section{doc: doc, title: "outcomes", node: top.value("outcomes")})

	if err := doc.err(); err != nil {
		return nil, err
	}
	return &c, nil
}

// layout is the outline of the file. What is inside is left to its sections,
// which report under names of their own.
type layout struct {
	Global     yaml.Node   `yaml:"global"`
	RemoteRead []yaml.Node `yaml:"remote_read"`
	Detectors  []yaml.Node `yaml:"detectors"`
	Scalers    []yaml.Node `yaml:"scalers"`
	Outcomes   yaml.Node   `yaml:"outcomes"`
}

// String is the config as YAML, with all defaults filled in and secrets hidden.
// But for the secrets, Load makes the same Config of it.
func (c *Config) String() string {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(c); err != nil {
		return "# " + err.Error() + "\n"
	}
	return b.String()
}
