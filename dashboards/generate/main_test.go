package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestInStep checks that the dashboards in the repository are those that the program writes.
func TestInStep(t *testing.T) {
	t.Parallel()
	for name, d := range dashboards() {
		want, err := d.render()
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join("..", name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s: run go generate ./dashboards/...", name)
	}
}
