//go:build tools

// Package tools pins the Cortex that test/cortex runs.
package tools

import _ "github.com/cortexproject/cortex/cmd/cortex"
