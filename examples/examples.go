// Package examples holds the example configurations, for the command init.
package examples

import "embed"

// Files are the configurations, and those of the folder keda.
//
//go:embed *.yml keda/*.yml keda/*.yaml
var Files embed.FS
