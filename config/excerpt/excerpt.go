// Package excerpt writes a detector or a scaler of a configuration as people would: without what it inherits.
package excerpt

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/config"
)

// excerpt is the part of a configuration that Replace takes.
type excerpt struct {
	Detectors []yaml.Node `yaml:"detectors,omitempty"`
	Scalers   []yaml.Node `yaml:"scalers,omitempty"`
}

// Of returns the YAML of a detector or scaler of a configuration, of which Replace makes an equal one. Values that it
// would inherit are left out. An error says that there is no such detector or scaler.
func Of(c *config.Config, scaler bool, name string) (string, error) {
	one := *c
	one.Detectors, one.Scalers = nil, nil
	plain := "detectors: [{name: x, expr: x}]"
	if scaler {
		i := slices.IndexFunc(c.Scalers, func(s config.Scaler) bool { return s.Name == name })
		if i < 0 {
			return "", fmt.Errorf("there is no scaler %q", name)
		}
		one.Scalers = []config.Scaler{c.Scalers[i]}
		plain = "scalers: [{name: x, load: x, capacity_per_replica: 1, max_replicas: 1}]"
	} else {
		i := slices.IndexFunc(c.Detectors, func(d config.Detector) bool { return d.Name == name })
		if i < 0 {
			return "", fmt.Errorf("there is no detector %q", name)
		}
		one.Detectors = []config.Detector{c.Detectors[i]}
	}
	defaults, err := c.Replace([]byte(plain), "defaults")
	if err != nil {
		return "", err
	}
	whole, err := newExcerpt(&one)
	if err != nil {
		return "", err
	}
	without, err := newExcerpt(defaults)
	if err != nil {
		return "", err
	}
	short := *whole
	if scaler {
		short.Scalers = []yaml.Node{pruned(short.Scalers[0], without.Scalers[0])}
	} else {
		short.Detectors = []yaml.Node{pruned(short.Detectors[0], without.Detectors[0])}
	}
	text, err := short.text()
	if err != nil {
		return "", err
	}
	// Some defaults follow from other values. Where these make a difference, nothing is left out.
	again, err := c.Replace([]byte(text), "excerpt")
	if err == nil && reflect.DeepEqual(again, &one) {
		return text, nil
	}
	return whole.text()
}

// newExcerpt returns the detectors and scalers of a configuration.
func newExcerpt(c *config.Config) (*excerpt, error) {
	text, err := yaml.Marshal(struct {
		Detectors []config.Detector `yaml:"detectors,omitempty"`
		Scalers   []config.Scaler   `yaml:"scalers,omitempty"`
	}{c.Detectors, c.Scalers})
	if err != nil {
		return nil, err
	}
	var e excerpt
	return &e, yaml.Unmarshal(text, &e)
}

func (e *excerpt) text() (string, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	err := enc.Encode(e)
	return b.String(), errors.Join(err, enc.Close())
}

// pruned returns a mapping without the keys that have the same value in another one, except its name.
func pruned(n, without yaml.Node) yaml.Node {
	kept := n
	kept.Content = nil
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		other := valueOf(without, key.Value)
		switch {
		case key.Value == "name" || other == nil:
		case equalNodes(value, other):
			continue
		case value.Kind == yaml.MappingNode && other.Kind == yaml.MappingNode:
			less := pruned(*value, *other)
			value = &less
		}
		kept.Content = append(kept.Content, key, value)
	}
	return kept
}

// valueOf returns the value of a key in a mapping; nil: it has none.
func valueOf(n yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func equalNodes(a, b *yaml.Node) bool {
	return a.Kind == b.Kind && a.Value == b.Value && slices.EqualFunc(a.Content, b.Content, equalNodes)
}
