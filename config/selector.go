package config

import "github.com/anomaly-exporter/anomaly-exporter/config/document"

// Selector is an expression whose result is joined to the series of a detector: it has a value for a series if one of
// its own series has the same values of the labels On.
type Selector struct {
	Expr Expr     `yaml:"expr"`
	On   []string `yaml:"on,omitempty,flow"` // nil: the labels that both have, except job and instance
}

func (sel *Selector) check(s *document.Section, key string) {
	if sel == nil {
		return
	}
	s.Require(sel.Expr != Expr{}, key+".expr", "is missing")
	s.Require(
		sel.On == nil || len(sel.On) > 0, key+".on", "is empty; remove it to join on the labels that both sides have",
	)
	checkLabelNames(s, key+".on", sel.On)
}
