package config

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/config/document"
	"github.com/anomaly-exporter/anomaly-exporter/config/files"
)

// replaceable has the keys that Replace takes, and that detector files may have.
type replaceable struct {
	Detectors []yaml.Node `yaml:"detectors"`
	Scalers   []yaml.Node `yaml:"scalers"`
}

// Replace checks source, which holds detectors and scalers and nothing else. It returns a copy of c with these instead
// of its own. They inherit from the global settings of c, and cannot name a server or a file. Errors are those of Load.
func (c *Config) Replace(source []byte, filename string) (*Config, error) {
	doc := parseDetectors(source, filename)
	replaced := *c
	if doc.Err() == nil {
		replaced.loadDetectors([]*document.Document{doc}, true)
	}
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return &replaced, nil
}

// parseDetectors parses a file of detectors and scalers. The document has what is wrong with it as a whole.
func parseDetectors(source []byte, filename string) *document.Document {
	doc := document.Parse(source, filename, language())
	if doc.Err() == nil {
		doc.Root().Check(replaceable{})
	}
	return doc
}

// readDetectorFiles sets DetectorFiles, and parses the files that they match, each once.
func (c *Config) readDetectorFiles(top *document.Section, set *files.Set) []*document.Document {
	var docs []*document.Document
	read := map[string]bool{}
	for i, pattern := range top.Strings("detector_files") {
		c.DetectorFiles = append(c.DetectorFiles, pattern)
		found, err := set.Match(pattern)
		if err != nil {
			top.Errorf(fmt.Sprintf("detector_files[%d]", i), "%s", err)
		}
		for _, f := range found {
			if !read[f.Name] {
				read[f.Name] = true
				docs = append(docs, parseDetectors(f.Content, f.Name))
			}
		}
	}
	return docs
}

// loadDetectors decodes and checks the detectors and scalers of several files. Their names differ.
func (c *Config) loadDetectors(docs []*document.Document, globalValid bool) {
	c.Detectors, c.Scalers = nil, nil
	var detectors, scalers []*document.Section
	for _, doc := range docs {
		if top := doc.Root(); top.Mapping() {
			detectors = append(detectors, top.List("detectors", "detector")...)
			scalers = append(scalers, top.List("scalers", "scaler")...)
		}
	}
	for _, s := range detectors {
		c.Detectors = append(c.Detectors, loadDetector(s, c.Global, globalValid))
	}
	document.CheckNames(detectors, legalName)
	for _, s := range scalers {
		c.Scalers = append(c.Scalers, loadScaler(s, c.Global, globalValid))
	}
	document.CheckNames(scalers, legalName)
}
