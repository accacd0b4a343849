//go:build tools

// Package tools pins benchstat, which compares the results of benchmarks.
package tools

import _ "golang.org/x/perf/cmd/benchstat"
