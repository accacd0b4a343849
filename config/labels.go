package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/common/model"

	"github.com/anomaly-exporter/anomaly-exporter/config/document"
)

// reservedLabels returns the labels that the program itself puts on results.
func reservedLabels() []string {
	return []string{
		"detector", "metric_name", "horizon", "probability", "bound", "feature",
		"state", "reason", "model", "scaler", "source",
	}
}

// checkResultLabels checks the key labels: they are added to results.
func checkResultLabels(s *document.Section, labels map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		key := "labels." + name
		s.Require(!slices.Contains(reservedLabels(), name), key, "is a reserved label name")
		checkLabelName(s, key, name)
		checkLabelValue(s, key, labels[name])
	}
}

// checkLabelNames checks a list of label names: each must be legal and listed once.
func checkLabelNames(s *document.Section, key string, names []string) {
	for i, name := range names {
		at := fmt.Sprintf("%s[%d]", key, i)
		checkLabelName(s, at, name)
		s.Require(!slices.Contains(names[:i], name), at, "%q is listed twice", name)
	}
}

func checkLabelName(s *document.Section, key, name string) {
	s.Require(model.UTF8Validation.IsValidLabelName(name) && !strings.HasPrefix(name, "__"),
		key, "%q is not a label name", name)
}

func checkLabelValue(s *document.Section, key, value string) {
	s.Require(utf8.ValidString(value), key, "%q is not UTF-8", value)
}
