package meaning_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result/meaning"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/candidates"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/classical"
	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

const top = "../../../"

func names(rows []meaning.Row) (all []string) {
	for _, r := range rows {
		all = append(all, r.Names...)
	}
	return all
}

// constants returns the values of the constants of a file whose names match.
func constants(t *testing.T, file string, name *regexp.Regexp) (values []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(top, file), nil, 0)
	require.NoError(t, err)
	ast.Inspect(parsed, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 && name.MatchString(spec.Names[0].Name) {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			values = append(values, value)
		}
		return true
	})
	return values
}

func TestRows_SayWhatEveryNameMeans(t *testing.T) {
	const batch = "detector/result/batch.go"
	require.ElementsMatch(t, append(constants(t, batch, regexp.MustCompile(`^(Learning|Failed|Muted|Stale)$`)),
		meaning.Scored), names(meaning.States()))
	require.ElementsMatch(t, append(constants(t, batch, regexp.MustCompile(`^Reason`)),
		scorer.ErrGaps.Error(), scorer.ErrConstant.Error()), names(meaning.Reasons()))

	models := append(classical.Names(), "constant", "counts")
	for i := range candidates.Last() + 1 {
		models = append(models, candidates.Name(i))
	}
	require.ElementsMatch(t, models, names(meaning.Models()))
	for _, r := range slices.Concat(meaning.States(), meaning.Reasons(), meaning.Models()) {
		require.NotEmpty(t, r.Means, r.Names)
		require.NotEmpty(t, r.Do, r.Names)
	}
}

// The pages link terms and set keys in code; apart from that, they say the same.
func TestRows_AreThoseOfThePages(t *testing.T) {
	for _, tc := range []struct {
		page, section string
		tables        [][]meaning.Row
	}{
		{"metrics.md", "Why a series has no score", [][]meaning.Row{meaning.States(), meaning.Reasons()}},
		{"models.md", "Names of models", [][]meaning.Row{meaning.Models()}},
	} {
		page, err := os.ReadFile(filepath.Join(top, "docs", tc.page))
		require.NoError(t, err)
		_, text, found := strings.Cut(string(page), "\n### "+tc.section+"\n")
		require.True(t, found, tc.section)
		text, _, _ = strings.Cut(text, "\n### ")
		text = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(text, "$1")
		text = strings.ReplaceAll(text, "`", "")
		rows := slices.Concat(tc.tables...)
		for _, r := range rows {
			cells := []string{strings.Join(r.Names, ", "), r.Means, r.Do}
			if r.States != nil {
				cells = slices.Insert(cells, 1, strings.Join(r.States, " or "))
			}
			require.Contains(t, text, strings.ReplaceAll("\n| "+strings.Join(cells, " | ")+" |\n", "`", ""))
		}
		require.Equal(t, len(rows)+2*len(tc.tables), strings.Count(text, "\n|"), "no row more, and the headers")
	}
}
