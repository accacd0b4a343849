package layout_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// depguardRule is a rule of depguard in .golangci.yml.
type depguardRule struct {
	Mode  string   `yaml:"list-mode"`
	Files []string `yaml:"files"`
	Allow []string `yaml:"allow"`
	Deny  []struct {
		Pkg string `yaml:"pkg"`
	} `yaml:"deny"`
}

// TestDepguard_AgreesWithTheLayers asks both of them about every pair of folders, and about a sub-folder of each.
func TestDepguard_AgreesWithTheLayers(t *testing.T) {
	t.Parallel()
	rules := depguardRules(t)
	for _, r := range layers {
		for _, from := range []string{r.folder, r.folder + "/part"} {
			for _, other := range layers {
				for _, to := range []string{other.folder, other.folder + "/part"} {
					require.Equal(t, mayImport(r, to), depguardAllows(rules, from, to), "%s imports %s", from, to)
				}
			}
		}
	}
}

func depguardRules(t *testing.T) map[string]depguardRule {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(t), ".golangci.yml"))
	require.NoError(t, err)
	var config struct {
		Linters struct {
			Settings struct {
				Depguard struct {
					Rules map[string]depguardRule `yaml:"rules"`
				} `yaml:"depguard"`
			} `yaml:"settings"`
		} `yaml:"linters"`
	}
	require.NoError(t, yaml.Unmarshal(b, &config))
	rules := config.Linters.Settings.Depguard.Rules
	require.Greater(t, len(rules), 5)
	return rules
}

// depguardAllows tells whether all rules about a folder let it import another one of ours. A folder is written
// ${base-path}/FOLDER/** there. Of an allowed and a denied prefix the longer one holds.
func depguardAllows(rules map[string]depguardRule, from, to string) bool {
	imported := module + "/" + to
	for _, rule := range rules {
		matches := func(pattern string) bool {
			folder, ok := strings.CutPrefix(pattern, "${base-path}/")
			return ok && under(from, strings.TrimSuffix(folder, "/**"))
		}
		excludes := func(pattern string) bool {
			pattern, negated := strings.CutPrefix(pattern, "!")
			return negated && matches(pattern)
		}
		if !slices.ContainsFunc(rule.Files, matches) || slices.ContainsFunc(rule.Files, excludes) {
			continue
		}
		denied, allowed := -1, -1
		for _, d := range rule.Deny {
			if under(imported, d.Pkg) {
				denied = max(denied, len(d.Pkg))
			}
		}
		for _, a := range rule.Allow {
			if strings.TrimSuffix(a, "$") == imported || !strings.HasSuffix(a, "$") && under(imported, a) {
				allowed = max(allowed, len(a))
			}
		}
		if denied > allowed {
			return false
		}
	}
	return true
}
