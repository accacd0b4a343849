package house_test

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

// TestLinks checks that what pages link to within the repository is there.
func TestLinks(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	all := pages(t)
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
			}
			if fragment != "" {
				require.True(t, anchors(all[target])[fragment], "%s links to %s: no such heading", file, m[1])
			}
		}
	}
}

// TestReadmeConfig checks that the config that the README shows is a good one, and stands so in the example it names.
func TestReadmeConfig(t *testing.T) {
	t.Parallel()
	block := regexp.MustCompile("(?s)```yaml\n(remote_read:.+?)```").FindStringSubmatch(pages(t)[filepath.Join(root(t), "README.md")])
	require.NotNil(t, block)
	cfg, err := config.Load([]byte(block[1]), "README.md")
	require.NoError(t, err)
	example, err := config.LoadFile(filepath.Join(root(t), "examples", "prometheus.yml"))
	require.NoError(t, err)
	byName := map[string]config.Detector{}
	for _, d := range example.Detectors {
		byName[d.Name] = d
	}
	for _, d := range cfg.Detectors {
		require.Equal(t, byName[d.Name].Expr.String(), d.Expr.String(), d.Name)
	}
}

// TestReadmeMap checks that the README's table has the packages of the house, from the roof down.
func TestReadmeMap(t *testing.T) {
	t.Parallel()
	readme := pages(t)[filepath.Join(root(t), "README.md")]
	last := 0
	for _, f := range floors {
		if _, err := os.Stat(filepath.Join(root(t), f.folder)); err != nil {
			continue
		}
		at := strings.Index(readme, "| [`"+f.folder+"/`]")
		require.Greater(t, at, last, "%s in the README's table", f.folder)
		last = at
	}
}
