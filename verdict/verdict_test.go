package verdict_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/verdict"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// about returns a verdict about a pod from some minutes after noon to some others.
func about(kind verdict.Kind, pod string, from, to int) verdict.Verdict {
	return verdict.Verdict{
		Series: labels.FromStrings("detector", "load", "pod", pod), Kind: kind,
		From: noon.Add(time.Duration(from) * time.Minute), To: noon.Add(time.Duration(to) * time.Minute),
	}
}

func TestParse_ReadsWhatPeopleWrite(t *testing.T) {
	s := verdict.Parse(strings.ReplaceAll(`---
# game day
- {series: '{detector="load", pod="a"}', from: 2026-11-28T12:00:00Z, to: 2026-11-28T13:00:00+01:00, verdict: rejected}

- {"series": "{namespace=\"shop\"}", "from": "2026-11-28T12:00:00Z", "to": "2026-11-28T12:30:00Z", LONG} # a comment
-   {series: 'up{job="x"}', from: 2026-11-28T12:00:00.25Z, to: 2026-11-28T12:30:00Z, verdict: confirmed, who: 7}
`, "LONG", `"verdict": "confirmed", "who": "alice", "comment": "it's 5 o'clock: \"somewhere\" # not a comment"`))
	require.Empty(t, s.Invalid)
	require.Equal(t, []verdict.Verdict{
		about(verdict.Rejected, "a", 0, 0),
		{
			Series: labels.FromStrings("namespace", "shop"), From: noon, To: noon.Add(30 * time.Minute),
			Kind: verdict.Confirmed, Who: "alice", Comment: `it's 5 o'clock: "somewhere" # not a comment`,
		},
		{
			Series: labels.FromStrings("metric_name", "up", "job", "x"),
			From:   noon.Add(250 * time.Millisecond), To: noon.Add(30 * time.Minute), Kind: verdict.Confirmed, Who: "7",
		},
	}, s.All())
}

func TestParse_SkipsALineThatIsNoVerdictAndSaysWhy(t *testing.T) {
	const good = `- {series: '{pod="a"}', from: 2026-11-28T12:00:00Z, to: 2026-11-28T13:00:00Z, verdict: confirmed}`
	const from, to, kind = "from: 2026-11-28T12:00:00Z", "to: 2026-11-28T13:00:00Z", "verdict: confirmed"
	for _, tc := range []struct{ old, changed, want string }{
		{`:00Z, verdict: confirmed}`, ``, "did not find expected ',' or '}'"},
		{`- `, ``, "not of the form - {series: '{...}', from: TIME, to: TIME, verdict: VERDICT}"},
		{good, `- confirmed`, "not of the form"},
		{kind, `verdict: perhaps`, `verdict: "perhaps" is not one of "confirmed", "rejected" and "revoked"`},
		{`, ` + kind, ``, `verdict: "" is not one of`},
		{kind, kind + `, whom: x`, "field whom not found"},
		{kind, kind + `, verdict: rejected`, `"verdict" already`},
		{kind, kind + `} {a: b`, "something comes after the closing brace"},
		{`{pod="a"}`, `pod=a`, "series: 1:4: parse error"},
		{`{pod="a"}`, `{pod=~"a"}`, "series: 1:5: parse error"},
		{`{pod="a"}`, `{pod="a",pod="b"}`, "series: label pod is there twice"},
		{`{pod="a"}`, `{}`, "series: no labels"},
		{`{pod="a"}`, `{pod=""}`, "series: no labels"},
		{from, `from: noon`, `from: "noon" is not a time such as 2026-11-28T16:24:00Z`},
		{to, `to: 2026-11-28T11:00:00Z`, "to: 2026-11-28T11:00:00Z is before from, 2026-11-28T12:00:00Z"},
		{from, `from: 1026-11-28T13:00:00Z`, "from: not between the years 1970 and 2999"},
		{kind, kind + `, comment: ` + strings.Repeat("x", 1025), "comment: more than 1024 bytes"},
		{kind, kind + `, comment: ` + strings.Repeat("x", 20<<10), "more than 16384 bytes"},
	} {
		line := strings.ReplaceAll(good, tc.old, tc.changed)
		s := verdict.Parse(good + "\n" + line + "\n" + strings.ReplaceAll(good, `"a"`, `"c"`))
		require.Len(t, s.All(), 2, line)
		require.Len(t, s.Invalid, 1, line)
		require.Equal(t, 2, s.Invalid[0].Line)
		require.ErrorContains(t, s.Invalid[0], tc.want, line)
		require.NotContains(t, s.Invalid[0].Error(), "\n")
	}
}

func TestSet_TheLastVerdictAboutASeriesAndPeriodCounts(t *testing.T) {
	s := verdict.NewSet(
		about(verdict.Confirmed, "a", 0, 10), about(verdict.Confirmed, "b", 0, 10), about(verdict.Rejected, "a", 5, 10),
		about(verdict.Rejected, "a", 0, 10), about(verdict.Revoked, "b", 0, 10), about(verdict.Revoked, "c", 0, 10),
	)
	require.Equal(t, []verdict.Verdict{about(verdict.Rejected, "a", 5, 10), about(verdict.Rejected, "a", 0, 10)}, s.All())
	require.Nil(t, (*verdict.Set)(nil).All())
}

func TestSet_AboutADetectorAreItsOwnAndThoseThatNameNone(t *testing.T) {
	all, scaler := about(verdict.Confirmed, "a", 0, 1), about(verdict.Confirmed, "a", 0, 1)
	all.Series, scaler.Series = labels.FromStrings("pod", "a"), labels.FromStrings("scaler", "load", "pod", "a")
	own := about(verdict.Confirmed, "a", 0, 1)
	s := verdict.NewSet(all, scaler, own)
	require.Equal(t, []verdict.Verdict{own, all}, s.About("load"))
	require.Equal(t, []verdict.Verdict{all}, s.About("latency"))
}

func TestVerdict_MatchesSeriesThatHaveItsLabels(t *testing.T) {
	v := about(verdict.Confirmed, "a", 0, 1)
	for _, tc := range []struct {
		labels labels.Labels
		want   bool
	}{
		{labels.FromStrings("detector", "load", "pod", "a", "namespace", "shop"), true},
		{labels.FromStrings("detector", "load", "pod", "b"), false},
		{labels.FromStrings("detector", "load"), false},
	} {
		require.Equal(t, tc.want, v.Matches(tc.labels.Get), tc.labels)
	}
}

func TestPeriods_DoNotOverlapAndConfirmWhatIsBoth(t *testing.T) {
	at := func(minute int) int64 { return noon.Add(time.Duration(minute) * time.Minute).UnixMilli() }
	for _, tc := range []struct {
		name  string
		given []verdict.Verdict
		want  []verdict.Period
	}{
		{name: "none"},
		{
			"apart",
			[]verdict.Verdict{about(verdict.Rejected, "a", 20, 30), about(verdict.Confirmed, "a", 0, 10)},
			[]verdict.Period{{at(0), at(10), true}, {at(20), at(30), false}},
		},
		{
			"the same twice",
			[]verdict.Verdict{about(verdict.Rejected, "a", 0, 10), about(verdict.Rejected, "a", 5, 20)},
			[]verdict.Period{{at(0), at(20), false}},
		},
		{
			"within another",
			[]verdict.Verdict{about(verdict.Rejected, "a", 0, 30), about(verdict.Confirmed, "a", 10, 20)},
			[]verdict.Period{{at(0), at(10) - 1, false}, {at(10), at(20), true}, {at(20) + 1, at(30), false}},
		},
		{
			"a moment",
			[]verdict.Verdict{about(verdict.Confirmed, "a", 10, 10)},
			[]verdict.Period{{at(10), at(10), true}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, verdict.Periods(tc.given)) })
	}
}
