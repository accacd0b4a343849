package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The dashboards in the repository are those that the program writes, and no others.
func TestDashboards_AreAsGenerated(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../*.json")
	require.NoError(t, err)
	require.Len(t, files, len(dashboards()))
	for name, d := range dashboards() {
		want, err := d.render()
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join("..", name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s: run go generate ./dashboards/...", name)
	}
}
