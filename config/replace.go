package config

import (
	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/config/document"
)

// replaceable has the keys that Replace takes.
type replaceable struct {
	Detectors []yaml.Node `yaml:"detectors"`
	Scalers   []yaml.Node `yaml:"scalers"`
}

// Replace checks source, which holds detectors and scalers and nothing else. It returns a copy of c with these instead
// of its own. They inherit from the global settings of c, and cannot name a server or a file. Errors are those of Load.
func (c *Config) Replace(source []byte, filename string) (*Config, error) {
	doc := document.Parse(source, filename, typeNames)
	if err := doc.Err(); err != nil {
		return nil, err
	}
	top := doc.Root()
	top.Check(replaceable{})
	if !top.Mapping() {
		return nil, doc.Err()
	}
	replaced := *c
	replaced.loadDetectors(top, true)
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return &replaced, nil
}

// loadDetectors decodes and checks the detectors and scalers.
func (c *Config) loadDetectors(top *document.Section, globalValid bool) {
	c.Detectors, c.Scalers = nil, nil
	detectors := top.List("detectors", "detector")
	for _, s := range detectors {
		c.Detectors = append(c.Detectors, loadDetector(s, c.Global, globalValid))
	}
	document.CheckNames(detectors, legalName)
	scalers := top.List("scalers", "scaler")
	for _, s := range scalers {
		c.Scalers = append(c.Scalers, loadScaler(s, c.Global, globalValid))
	}
	document.CheckNames(scalers, legalName)
}
