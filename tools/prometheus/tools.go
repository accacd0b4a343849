//go:build tools

// Package tools pins the Prometheus that the tests and the demo run.
// Alertmanager has a module of its own, as Prometheus requires a version of it that does not build.
package tools

import (
	_ "github.com/prometheus/prometheus/cmd/prometheus"
	_ "github.com/prometheus/prometheus/cmd/promtool"
)
