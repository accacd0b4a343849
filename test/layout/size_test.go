package layout_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// How many lines without tests a package and a file may have, comments and blank lines included. What is larger hides
// more than one thing: split it.
const (
	maxPackageLines = 1500
	maxFileLines    = 700
)

func TestPackages_StaySmall(t *testing.T) {
	t.Parallel()
	var large []string
	total := 0
	for _, p := range list(t, "./...") {
		lines := 0
		for file, n := range fileLines(t, p.Dir) {
			lines += n
			if n > maxFileLines {
				large = append(large, file)
			}
		}
		if lines > maxPackageLines {
			large = append(large, p.folder())
		}
		total += lines
	}
	require.Empty(t, large, "at most %d lines a package and %d a file", maxPackageLines, maxFileLines)
	require.Greater(t, total, 10_000, "lines")
}

// fileLines counts the lines of the Go files of a folder, those for other systems included, tests left out.
func fileLines(t *testing.T, dir string) map[string]int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	lines := map[string]int{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		lines[file] = bytes.Count(b, []byte("\n"))
	}
	return lines
}
