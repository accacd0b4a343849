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

// The page links terms and sets keys in code; apart from that, it says the same.
func TestRows_AreThoseOfThePage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(top, "docs", "metrics.md"))
	require.NoError(t, err)
	text := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(string(page), "$1")
	text = strings.ReplaceAll(text, "`", "")
	for _, r := range slices.Concat(meaning.States(), meaning.Reasons(), meaning.Models()) {
		cells := []string{strings.Join(r.Names, ", "), r.Means, r.Do}
		if r.States != nil {
			cells = slices.Insert(cells, 1, strings.Join(r.States, " or "))
		}
		require.Contains(t, text, strings.ReplaceAll("\n| "+strings.Join(cells, " | ")+" |\n", "`", ""))
	}
	_, text, _ = strings.Cut(text, "\n### Why a series has no score\n")
	text, _, _ = strings.Cut(text, "\n### Exposition format\n")
	rows := len(meaning.States()) + len(meaning.Reasons()) + len(meaning.Models())
	require.Equal(t, rows+2*3, strings.Count(text, "\n|"), "no row more, and three headers")
}
