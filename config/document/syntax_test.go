package document_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config/document"
)

// language is that of a file with a public and a private section.
var language = document.Language{Public: []string{"detectors", "global"}, Private: []string{"servers"}}

// Each message says what to do, and the caret is where the mistake is.
func TestParse_ExplainsSyntaxErrors(t *testing.T) {
	for _, tc := range []struct{ source, want string }{
		{
			"detectors:\n- name: x\n  expr: rate(x[5m]) > 0: 1\n",
			`x.yml:3: there cannot be a key here: the line is indented too far, or a value that contains ": " needs quotes
      expr: rate(x[5m]) > 0: 1
                           ^`,
		},
		{
			"detectors:\n- name: x\n    expr: up\n",
			`x.yml:3: there cannot be a key here: the line is indented too far, or a value that contains ": " needs quotes
        expr: up
            ^`,
		},
		{
			"detectors:\n  - name: x\n    expr: up\n   step: 1m\n",
			`x.yml:4: want "- " here: the line is indented neither like the list above it nor like the keys of its entries
       step: 1m
       ^`,
		},
		{
			"detectors:\n\t- name: x\n",
			`x.yml:2: indent with spaces, not with tabs
     - name: x
    ^`,
		},
		{
			"detectors:\n- name: x\n  expr: `up`\n",
			"x.yml:3: a value cannot begin with this character; put quotes around it\n" +
				"      expr: `up`\n            ^",
		},
		{
			"detectors:\n- name: x\n  expr: \"up{job=~\\\"\\d+\\\"}\"\n",
			`x.yml:3: unknown character after \ in double quotes: use single quotes, or write \\ for \
      expr: "up{job=~\"\d+\"}"
                       ^`,
		},
		{
			"detectors:\n- name: x\n  expr: {a: b c: d}\n",
			"x.yml:3: want , or } here: a mapping that begins with { is not closed, or a value in it needs quotes\n" +
				"      expr: {a: b c: d}\n                    ^",
		},
		{
			"detectors:\n- {name: x, publish: [score, state}\nglobal: {}\n",
			"x.yml:2: want , or ] here: a list that begins with [ is not closed, or a value in it needs quotes\n" +
				"    - {name: x, publish: [score, state}\n                                      ^",
		},
		{
			"detectors:\n- name\n  expr: up\n",
			"x.yml:3: there cannot be a key here: the line is indented too far, or a value that contains \": \" needs quotes\n" +
				"      expr: up\n          ^",
		},
		{"global:\n  step 5m\n  history: 1d\n", "x.yml:3: there cannot be a key here: the line is indented too far, " +
			"or a value that contains \": \" needs quotes\n      history: 1d\n             ^"},
		{"global:\n  a: 1\nstep 5m\ndetectors: []\n", "x.yml:3: a key without \": \" after it, here or on a line above\n" +
			"    step 5m\n    ^"},
		{"detectors: - name: x\n", "x.yml:1: a list cannot begin here: put \"- \" on a line of its own, below the key\n" +
			"    detectors: - name: x\n               ^"},
	} {
		t.Run("", func(t *testing.T) {
			doc := document.Parse([]byte(tc.source), "x.yml", language)
			require.Error(t, doc.Err(), tc.source)
			require.Equal(t, tc.want, document.Explain(doc.Err()), tc.source)
			require.NotContains(t, doc.Err().Error(), "\n", "one line in logs")
		})
	}
}

// A large file is not parsed again for each letter.
func TestParse_ShowsNoCaretInLargeFiles(t *testing.T) {
	comment := "#" + strings.Repeat("-", 998) + "\n"
	doc := document.Parse([]byte("detectors:\n"+strings.Repeat(comment, 600)+"- a: b: c\n"), "x.yml", language)
	require.Equal(t, `x.yml:602: there cannot be a key here: the line is indented too far, or a value that contains ": " `+
		"needs quotes\n    - a: b: c", document.Explain(doc.Err()))
}

// No excerpt is shown of what may hold a secret, nor of what is not known to hold none.
func TestParse_ShowsNoExcerptsOfSecrets(t *testing.T) {
	for _, source := range []string{
		"servers:\n- password: hunter2: x\n",
		"servers:\n- url: x\n- password: hunter2: x\n",
		"x-anchor:\n  password: hunter2: x\n",
		"password: hunter2: x\n",
		"  password: hunter2: x\n",
		"{detectors: [], servers: [{password: hunter2 x: y}]}",
		"{\ndetectors: [], servers: [{password: hunter2 x: y}]}",
		"detectors: []\n'servers':\n  password: hunter2: x\n",
		"detectors: []\n? servers\n: password: hunter2: [x\n",
		"detectors: [" + strings.Repeat("x", 300) + ": ]: hunter2",
	} {
		doc := document.Parse([]byte(source), "x.yml", language)
		require.Error(t, doc.Err(), source)
		require.NotContains(t, document.Explain(doc.Err()), "hunter2")
		require.NotContains(t, document.Explain(doc.Err()), "^")
	}
}

func TestProblems_AreThoseOfAllDocuments(t *testing.T) {
	a := document.Parse([]byte(""), "a.yml", language)
	b := document.Parse([]byte("x: *y"), "b.yml", language)
	err := document.Err([]*document.Document{a, b})
	require.EqualError(t, err, "a.yml:1: the file is empty\n"+
		"b.yml:1: unknown anchor; a value that begins with * needs quotes")
	problems := document.Problems(err)
	require.Len(t, problems, 2)
	require.Equal(t, "b.yml", problems[1].File)
	require.Empty(t, document.Problems(nil))
}
