package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/common/model"
)

// reservedLabels are those that results carry themselves.
func reservedLabels() []string {
	return []string{
		"detector", "metric_name", "horizon", "probability", "bound", "feature",
		"state", "reason", "model", "scaler", "source", "cause",
	}
}

// checkResultLabels checks the labels to be put on results.
func checkResultLabels(s *section, labels map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		key := "labels." + name
		s.require(!slices.Contains(reservedLabels(), name), key, "the name is reserved")
		checkLabelName(s, key, name)
		checkLabelValue(s, key, labels[name])
	}
}

// checkLabelNames checks a list of label names.
func checkLabelNames(s *section, key string, names []string) {
	for i, name := range names {
		at := fmt.Sprintf("%s[%d]", key, i)
		checkLabelName(s, at, name)
		s.require(!slices.Contains(names[:i], name), at, "%q stands twice", name)
	}
}

func checkLabelName(s *section, key, name string) {
	s.require(model.UTF8Validation.IsValidLabelName(name) && !strings.HasPrefix(name, "__"),
		key, "%q is not a label name", name)
}

func checkLabelValue(s *section, key, value string) {
	s.require(utf8.ValidString(value), key, "%q is not UTF-8", value)
}
