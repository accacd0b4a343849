package document_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config/document"
)

func parse(t *testing.T, source string) *document.Document {
	t.Helper()
	doc := document.Parse([]byte(source), "x.yml", document.Language{})
	require.NoError(t, doc.Err())
	return doc
}

// bounds is a section with two keys that depend on each other.
type bounds struct {
	Low  int `yaml:"low"`
	High int `yaml:"high"`
}

func TestSection_RequireOrderBlamesTheKeyThatIsSet(t *testing.T) {
	for source, want := range map[string]string{
		"limits:\n  low: 5":            "x.yml:2: limits: low: 5 is above high 3",
		"limits:\n  high: 1":           "x.yml:2: limits: high: 1 is below low 2",
		"limits:\n  high: 1\n  low: 5": "x.yml:3: limits: low: 5 is above high 1",
	} {
		doc := parse(t, source)
		b := bounds{Low: 2, High: 3}
		s := doc.Root().Section("limits")
		require.True(t, s.Decode(&b))
		s.RequireOrder(b.Low <= b.High, "low", b.Low, "high", b.High)
		require.EqualError(t, doc.Err(), want)
		require.True(t, s.Failed())
	}
}

func TestSection_LastOfFindsTheKeyThatComesLast(t *testing.T) {
	doc := parse(t, "high: 1\nlow: 2")
	root := doc.Root()
	root.Check(bounds{})
	require.Equal(t, "low", root.LastOf("only one of low, high & middle may be set"))
	require.Empty(t, root.LastOf("nothing that is set"))
}

func TestSection_MissingSectionLeavesDefaults(t *testing.T) {
	doc := parse(t, "other: 1")
	b := bounds{Low: 2}
	s := doc.Root().Section("limits")
	require.True(t, s.Empty())
	require.False(t, s.Mapping())
	require.True(t, s.Decode(&b))
	require.Equal(t, bounds{Low: 2}, b)
	require.Empty(t, s.Paths())
	require.NoError(t, doc.Err())
}

func TestParse_ReportsNoValueThatMayBeSecret(t *testing.T) {
	for source, want := range map[string]string{
		"limits: hunter2":          "x.yml:1: limits: want a mapping, got a plain value",
		"limits: {low: [hunter2]}": "x.yml:1: limits: low: want a whole number, got a list",
		"limits: !!int hunter2":    "x.yml:1: the value does not fit its tag",
		"limits: *hunter2":         "x.yml:1: unknown anchor; a value that begins with * needs quotes",
	} {
		doc := document.Parse([]byte(source), "x.yml", document.Language{})
		if doc.Err() == nil {
			doc.Root().Section("limits").Decode(&bounds{})
		}
		require.EqualError(t, doc.Err(), want)
	}
}
