package doctor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

func TestCheckSteps_SaysWhyThereAreNoResults(t *testing.T) {
	now := time.Unix(1e9, 0)
	step := now.Add(-time.Minute)
	why := &view.Failing{At: now, Error: "query a: many-to-many matching not allowed"}
	d := &doctor{now: now, detectors: []view.Detector{
		{Kind: "detector", Name: "a", Failing: why},
		{Kind: "scaler", Name: "b", Step: &step, Stale: true, Failing: why},
		{Kind: "detector", Name: "c", Step: &step, Failing: why}, // its results are still there
		{Kind: "detector", Name: "d"},
	}}
	d.checkSteps()
	var got []string
	for _, c := range d.checks {
		got = append(got, c.Status+" "+c.Message)
	}
	require.Equal(t, []string{
		"error detector a fails: query a: many-to-many matching not allowed",
		"error scaler b fails: query a: many-to-many matching not allowed",
		"warning detector d has no results yet",
		"ok 1 of 4 detectors and scalers have a step that is at most 1 min old",
	}, got)
}

// What is refused has no state: without this line, nothing says why a pod is not there.
func TestCheckScores_TellsWhatIsRefused(t *testing.T) {
	step := time.Unix(1e9, 0)
	d := &doctor{now: step}
	d.checkScores(&view.Detector{Kind: "detector", Name: "pods", Step: &step, Scored: 2000, Refused: 8000})
	require.Len(t, d.checks, 2)
	require.Equal(t, Warning, d.checks[0].Status)
	require.Equal(t, "detector pods refuses 8000 series over series_limit: they have no results", d.checks[0].Message)
	require.Equal(t, "detector pods: 2000 of 2000 series have a score", d.checks[1].Message)
}

// Just after its start, a Prometheus has nothing yet: that is one cause, and one line.
func TestCheckSeries_SaysOnceThatNothingHasOne(t *testing.T) {
	step := time.Unix(1e9, 0)
	for scored, want := range []string{
		"none of 2 detectors and scalers has a series now",
		"detector a has no series now; scaler b: 1 of 1 series have a recommendation",
	} {
		d := &doctor{now: step, detectors: []view.Detector{
			{Kind: "detector", Name: "a", Step: &step}, {Kind: "scaler", Name: "b", Step: &step, Scored: scored},
		}}
		d.checkSeries()
		var got []string
		for _, c := range d.checks {
			got = append(got, c.Message)
		}
		require.Equal(t, want, strings.Join(got, "; "))
	}
}

func TestShipped_AreTheRulesInTheFiles(t *testing.T) {
	for file, names := range shipped {
		text, err := os.ReadFile(filepath.Join("../../../rules", file))
		require.NoError(t, err)
		var parsed struct {
			Groups []struct {
				Rules []struct{ Alert, Record string }
			}
		}
		require.NoError(t, yaml.Unmarshal(text, &parsed))
		var want []string
		for _, g := range parsed.Groups {
			for _, r := range g.Rules {
				if file == "recording.yml" {
					r.Alert = r.Record
				}
				if r.Alert != "" {
					want = append(want, r.Alert)
				}
			}
		}
		slices.Sort(want)
		require.Equal(t, slices.Compact(want), slices.Sorted(slices.Values(names)), file)
	}
	files, err := filepath.Glob("../../../rules/*.yml")
	require.NoError(t, err)
	files = slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, "_test.yml") })
	require.Len(t, files, len(shipped))
}

func TestRoute_FollowsAlertmanager(t *testing.T) {
	for _, tc := range []struct{ routes, want string }{
		{`[]`, "top"},
		{`[{receiver: a, matchers: ['severity="critical"']}, {receiver: b}]`, "a"},
		{`[{receiver: a, matchers: ['severity="critical"'], continue: true}, {receiver: b}]`, "a b"},
		{`[{receiver: a, matchers: ['severity!="critical"']}, {receiver: b, matchers: ['severity=~"crit.*"']}]`, "b"},
		{`[{receiver: a, matchers: ['severity=~"crit"']}]`, "top"},
		{`[{receiver: a, matchers: ['severity!~"crit"', '"source" = "x\"y"']}]`, "a"},
		{`[{receiver: a, match: {severity: critical}, match_re: {source: x.*}}]`, "a"},
		{`[{receiver: a, match_re: {source: x}}]`, "top"},
		{`[{receiver: a, routes: [{matchers: ['team="x"'], receiver: c}, {matchers: ['team=""']}]}]`, "a"},
		{`[{matchers: ['severity="critical"'], routes: [{receiver: a, continue: true}]}, {receiver: b}]`, "a"},
	} {
		r := route{Receiver: "top"}
		require.NoError(t, yaml.Unmarshal([]byte(tc.routes), &r.Routes))
		got, err := r.receivers(map[string]string{"severity": "critical", "source": `x"y`}, "")
		require.NoError(t, err)
		require.Equal(t, tc.want, strings.Join(got, " "), tc.routes)
	}
	r := route{Routes: []route{{Matchers: []string{"severity"}}}}
	_, err := r.receivers(nil, "")
	require.ErrorContains(t, err, "unknown matcher severity")
}
