package layout_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWorkflows_RunWhatIsThere checks what the workflows of GitHub call: what CI runs, targets of the Makefile, and
// actions by the hash of a commit, because a tag can be moved.
func TestWorkflows_RunWhatIsThere(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(root(t), "Makefile"))
	require.NoError(t, err)
	phony := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\.PHONY: (.+)$`).FindAllStringSubmatch(string(makefile), -1) {
		for target := range strings.FieldsSeq(m[1]) {
			phony[target] = true
		}
	}
	workflows, err := filepath.Glob(filepath.Join(root(t), ".github", "workflows", "*.yml"))
	require.NoError(t, err)
	require.Len(t, workflows, 2)
	for _, file := range workflows {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(text), "- run: .ci/run\n", file)
		for _, m := range regexp.MustCompile(`uses: (\S+)`).FindAllStringSubmatch(string(text), -1) {
			require.Regexp(t, `@[0-9a-f]{40}$`, m[1])
		}
		made := 0
		for _, m := range regexp.MustCompile(`\bmake ((?: ?[a-z-]+\b)+)`).FindAllStringSubmatch(string(text), -1) {
			for target := range strings.FieldsSeq(m[1]) {
				require.True(t, phony[target], "%s: make %s", file, target)
				made++
			}
		}
		require.Greater(t, made, 1, file)
	}
}
