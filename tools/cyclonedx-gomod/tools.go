//go:build tools

// Package tools pins cyclonedx-gomod, which writes the software bill of materials of a release.
package tools

import _ "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod"
