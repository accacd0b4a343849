package verdict

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzParse(f *testing.F) {
	const line = `- {series: '{detector="load"}', ` +
		"from: 2026-11-28T12:00:00Z, to: 2026-11-28T12:10:00Z, verdict: confirmed}\n"
	f.Add(line)
	f.Add(line + line[:len(line)/2])
	f.Add("# comment\n---\n\n" + strings.ReplaceAll(line, "confirmed", `rejected, who: 'x', comment: "a\u2028b"`))
	f.Add(`- {"series": "up{a=\"b\"}", "from": "2026-11-28T12:00:00.001+05:30", ` +
		`"to": "2999-01-01T00:00:00Z", "verdict": "revoked"}`)
	f.Add("- {series: &a '{a=\"b\"}', from: *a, to: !!binary x, verdict: [], <<: {}}\n- {? a}\r\n\xff")
	f.Fuzz(func(t *testing.T, text string) {
		s := Parse(text)
		for _, err := range s.Invalid {
			require.Positive(t, err.Line)
			require.LessOrEqual(t, err.Line, 1+strings.Count(text, "\n"))
			require.NotContains(t, err.Error(), "\n")
		}
		// What was understood is written so that it is understood again.
		var written strings.Builder
		for _, v := range s.All() {
			written.WriteString(v.Line() + "\n")
		}
		require.Equal(t, &Set{verdicts: s.All()}, Parse(written.String()))
		before := int64(-1)
		for _, p := range Periods(s.About("load")) {
			require.Less(t, before, p.From)
			require.LessOrEqual(t, p.From, p.To)
			before = p.To
		}
	})
}
