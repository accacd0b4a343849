//go:build tools

// Package tools pins the Alertmanager that the tests and the demo run.
// From v0.32 on the module lacks its built page and does not compile.
package tools

import _ "github.com/prometheus/alertmanager/cmd/alertmanager"
