package layout_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
)

// pages returns all Markdown files of the repository, by path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*.md", "examples/*/*.md"} {
		files, err := filepath.Glob(filepath.Join(root(t), pattern))
		require.NoError(t, err)
		for _, file := range files {
			b, err := os.ReadFile(file)
			require.NoError(t, err)
			all[file] = string(b)
		}
	}
	return all
}

// anchors are the fragments that GitHub gives to the headings of a page.
func anchors(page string) map[string]bool {
	found := map[string]bool{}
	punctuation := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(page, -1) {
		slug := punctuation.ReplaceAllString(strings.ToLower(heading[1]), "")
		found[strings.ReplaceAll(slug, " ", "-")] = true
	}
	return found
}

// TestPages_LinkToWhatIsThere checks what pages link to within the repository: files, folders and headings.
func TestPages_LinkToWhatIsThere(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	all := pages(t)
	files, headings := 0, 0
	for file, page := range all {
		for _, m := range link.FindAllStringSubmatch(page, -1) {
			path, fragment, _ := strings.Cut(m[1], "#")
			if strings.Contains(path, "://") {
				continue
			}
			target := file
			if path != "" {
				target = filepath.Join(filepath.Dir(file), path)
				_, err := os.Stat(target)
				require.NoError(t, err, "%s links to %s", file, m[1])
				files++
			}
			if fragment != "" {
				require.True(t, anchors(all[target])[fragment], "%s links to %s: no such heading", file, m[1])
				headings++
			}
		}
	}
	require.Greater(t, files, 50, "links to files were found")
	require.Greater(t, headings, 20, "links to headings were found")
}

// TestReadme_ShowsAGoodConfig checks that the config in the README loads, and that its detectors are those of the
// example that it names.
func TestReadme_ShowsAGoodConfig(t *testing.T) {
	t.Parallel()
	readme := pages(t)[filepath.Join(root(t), "README.md")]
	block := regexp.MustCompile("(?s)```yaml\n(remote_read:.+?)```").FindStringSubmatch(readme)
	require.NotNil(t, block)
	cfg, err := config.Load([]byte(block[1]), "README.md")
	require.NoError(t, err)
	require.NotEmpty(t, cfg.Detectors)
	example, err := config.LoadFile(filepath.Join(root(t), "examples", "prometheus.yml"))
	require.NoError(t, err)
	byName := map[string]config.Detector{}
	for _, d := range example.Detectors {
		byName[d.Name] = d
	}
	for _, d := range cfg.Detectors {
		require.Contains(t, byName, d.Name)
		require.Equal(t, byName[d.Name].Expr.String(), d.Expr.String(), d.Name)
	}
}

// TestReadme_MapsThePackages checks that the README's table has the packages of the layout, from the top down.
func TestReadme_MapsThePackages(t *testing.T) {
	t.Parallel()
	var want, got []string
	for _, r := range layers {
		want = append(want, r.folder)
	}
	readme := pages(t)[filepath.Join(root(t), "README.md")]
	for _, m := range regexp.MustCompile("(?m)^\\| \\[`(.+?)/`\\]").FindAllStringSubmatch(readme, -1) {
		if m[1] != "docs" && !under(m[1], outside...) {
			got = append(got, m[1])
		}
	}
	require.Equal(t, want, got, "folders in the README's table")
}
