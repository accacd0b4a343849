package feedback

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/join"
)

const (
	minute = int64(60_000)
	start  = 1000 * minute
)

// truth is an incident of pod a with a value where marks has an x: each character is a step of a minute from start
// on.
func truth(on []string, marks string) *join.Vector {
	var points []promql.FPoint
	for i, c := range marks {
		if c == 'x' {
			points = append(points, promql.FPoint{T: start + int64(i)*minute, F: 1})
		}
	}
	v := join.NewVector(on)
	v.Add(promql.Series{
		Metric: labels.FromStrings("__name__", "ALERTS", "alertname", "Down", "pod", "a", "job", "x"), Floats: points,
	})
	return v
}

func watched(*Incident) bool { return true }

// Each character is a step of a minute; the lead window is 5 minutes. An alert fires at once, in the middle of a
// step.
func TestGrader_DecidesAboutAlertsAndIncidents(t *testing.T) {
	for _, tc := range []struct {
		name   string
		truth  string // x where the truth has a value for pod a
		alerts string // a, b: where an alert fires for that pod, c: for something that has no pod
		on     []string
		blind  bool // no series with a score belongs to the incidents
		want   Outcomes
	}{
		{name: "nothing", truth: "....................", alerts: "...................."},
		{
			name: "told before", truth: "..........xxx.......", alerts: ".......a............",
			want: Outcomes{TruePositives: 1, Leads: []time.Duration{150 * time.Second}},
		},
		{
			name: "too early to be of it", truth: "..............xxx...", alerts: ".......a............",
			want: Outcomes{FalsePositives: 1, FalseNegatives: 1},
		},
		{
			name: "late", truth: "..........xxx.......", alerts: "...........a........",
			want: Outcomes{TruePositives: 1, Leads: []time.Duration{-90 * time.Second}},
		},
		{
			name: "after the end", truth: "..........xxx.......", alerts: ".............a......",
			want: Outcomes{FalsePositives: 1, FalseNegatives: 1},
		},
		{
			name: "twice for one", truth: "..........xxx.......", alerts: "........a.a.........",
			want: Outcomes{TruePositives: 2, Leads: []time.Duration{90 * time.Second}},
		},
		{
			name: "once for two", truth: "........x.xxx.......", alerts: ".......a............",
			want: Outcomes{TruePositives: 1, Leads: []time.Duration{30 * time.Second, 150 * time.Second}},
		},
		{
			name: "of another pod", truth: "..........xxx.......", alerts: "........b...........",
			want: Outcomes{FalsePositives: 1, FalseNegatives: 1},
		},
		{
			name: "that the truth does not cover", truth: "..........xxx.......", alerts: "........c...........",
			want: Outcomes{FalseNegatives: 1},
		},
		{
			name: "while the truth has nothing to say", truth: "....................", alerts: "........a...........",
			want: Outcomes{FalsePositives: 1},
		},
		{
			name: "of two pods", truth: "..........xxx.......", alerts: "......b...a.........", on: []string{"job"},
			want: Outcomes{TruePositives: 2, Leads: []time.Duration{210 * time.Second}},
		},
		{name: "that nobody could tell", truth: "..........xxx.......", alerts: "....................", blind: true},
		{name: "not over yet", truth: "..........xxxxxxxxxx", alerts: "....................", on: []string{"pod"}},
		{name: "not decided yet", truth: "....................", alerts: "................a...", on: []string{"pod"}},
		{
			name: "begun before the first step", truth: "xxxxxxxxxxx.........", alerts: "....................",
			on: []string{"pod"},
		},
		{
			name: "begun before, with a second alert", truth: "xxxxxxxxxxx.........", alerts: ".....a..............",
			want: Outcomes{TruePositives: 1},
		},
		{
			name: "its alert may have been before the first step", truth: "....xxx.............", alerts: "....................",
			on: []string{"pod"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			series := map[rune]labels.Labels{
				'a': labels.FromStrings("pod", "a", "job", "x"),
				'b': labels.FromStrings("pod", "b", "job", "x"),
				'c': labels.FromStrings("job", "x"),
			}
			// Whether steps come one by one or some at a time must not matter to what is known by the end.
			for _, stride := range []int{1, len(tc.truth)} {
				if stride > 1 && strings.Trim(tc.alerts, ".") != "" {
					continue // alerts are noted at the newest step only
				}
				g := NewGrader(tc.on, 5*time.Minute, minute, 0)
				g.Extend(truth(tc.on, tc.truth), start, start+int64(len(tc.truth)-1)*minute)
				var all Outcomes
				for i, c := range tc.alerts {
					at := start + int64(i)*minute
					if i > 0 && (i+1)%stride != 0 {
						continue // the first step is where counting begins
					}
					var fired []Alert
					if l, ok := series[c]; ok {
						fired = []Alert{{At: at + 30_000, Series: l}}
					}
					all.Add(g.Advance(at, fired, func(*Incident) bool { return !tc.blind }))
				}
				require.Equal(t, tc.want, all, "stride %d", stride)
				require.Empty(t, g.truth, "what is over is forgotten")
			}
		})
	}
}

func TestGrader_CoversSeriesByTheLabelsInCommon(t *testing.T) {
	truth := labels.FromStrings(
		"__name__", "ALERTS", "alertname", "Down", "job", "a", "namespace", "shop", "pod", "web-1",
	)
	for _, tc := range []struct {
		name          string
		series        labels.Labels
		on            []string
		covers, knows bool
	}{
		{"the same pod", labels.FromStrings("namespace", "shop", "pod", "web-1", "job", "b"), nil, true, true},
		{"the whole namespace", labels.FromStrings("namespace", "shop"), nil, true, true},
		{"another pod", labels.FromStrings("namespace", "shop", "pod", "web-2"), nil, false, true},
		{"nothing in common", labels.FromStrings("device", "sda", "job", "a"), nil, false, false},
		{"asked for", labels.FromStrings("device", "sda", "job", "a"), []string{"job"}, true, true},
		{"asked for, and not there", labels.FromStrings("job", "a"), []string{"namespace"}, false, false},
		{"asked for, and another", labels.FromStrings("namespace", "shop", "job", "b"), []string{"job"}, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewGrader(tc.on, 0, minute, 0)
			g.extendIncident(truth)
			require.Equal(t, tc.covers, g.Covers(g.incidents[0], tc.series))
			require.Equal(t, tc.knows, g.knows(tc.series))
		})
	}
}

// A reload makes a new Grader. What fires right after it counts, and so do the steps since the one it begins at.
func TestGrader_CountsAnAlertThatFiresAtTheStepAfterAReload(t *testing.T) {
	pod := labels.FromStrings("pod", "a", "job", "x")
	for _, tc := range []struct {
		name, truth string
		want        Outcomes
	}{
		{"true", "...x................", Outcomes{TruePositives: 1}},
		{"false", "....................", Outcomes{FalsePositives: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewGrader(nil, 5*time.Minute, minute, start)
			require.True(t, g.Begun(), "the truth is read without a pause")
			require.Equal(t, start, g.At())
			g.Extend(truth(nil, tc.truth), start+minute, start+19*minute)
			all := g.Advance(start+minute, []Alert{{Series: pod, At: start + minute + 30_000}}, watched)
			all.Add(g.Advance(start+19*minute, nil, watched))
			require.Equal(t, tc.want, all)
		})
	}
}

func TestGrader_TakesTheStepsThatWereSkippedSinceItBegan(t *testing.T) {
	marks := ".......x............" // begins more than a lead window after start, and is over at once
	advance := func(begun int64) Outcomes {
		g := NewGrader(nil, 5*time.Minute, minute, begun)
		g.Extend(truth(nil, marks), start+minute, start+19*minute)
		return g.Advance(start+19*minute, nil, watched)
	}
	require.Equal(t, Outcomes{FalseNegatives: 1}, advance(start))
	require.Equal(t, Outcomes{}, advance(0), "what was before the first step counts for nothing")
}

func TestGrader_TellsWhichIncidentsAreInProgress(t *testing.T) {
	g := NewGrader(nil, 5*time.Minute, minute, 0)
	g.Extend(truth(nil, ".xx."), start, start+3*minute)
	of, other := labels.FromStrings("pod", "a", "job", "y"), labels.FromStrings("pod", "b", "job", "x")
	for i, want := range []bool{false, true, true, false} {
		g.Advance(start+int64(i)*minute, nil, watched)
		require.Equal(t, want, g.Ongoing().Any(), i)
		require.Equal(t, want, g.Ongoing().Cover(of), i)
		require.False(t, g.Ongoing().Cover(other))
	}
}

func TestGrader_BeginsWithItsFirstStep(t *testing.T) {
	g := NewGrader(nil, 5*time.Minute, minute, 0)
	require.False(t, g.Begun())
	require.Zero(t, g.At())
	require.Equal(t, Outcomes{}, g.Advance(start, nil, watched))
	require.True(t, g.Begun())
	require.Equal(t, start, g.At())
}

func TestGrader_ReplacesWhatIsReadAgain(t *testing.T) {
	g := NewGrader(nil, 5*time.Minute, minute, start)
	g.Extend(truth(nil, "........x..........."), start+minute, start+9*minute)
	g.Extend(truth(nil, "...................."), start+minute, start+9*minute) // a retry of the same slice
	g.Extend(truth(nil, ".............x......"), start+10*minute, start+19*minute)
	require.Len(t, g.truth, 2)
	require.Equal(t, Outcomes{}, g.Advance(start+9*minute, nil, watched))
	require.Len(t, g.truth, 1, "what is over is forgotten")
	require.Equal(t, Outcomes{FalseNegatives: 1}, g.Advance(start+19*minute, nil, watched))
}

func TestGrader_WatchesAnIncidentIfAScoreWasWithinTheLeadWindow(t *testing.T) {
	g := NewGrader(nil, 5*time.Minute, minute, 0)
	incident := &Incident{Start: start}
	require.True(t, g.Watched(incident, start-5*minute))
	require.False(t, g.Watched(incident, start-6*minute))
}

func TestGrader_ForgetsAlertsAndIncidentsThatAreDecided(t *testing.T) {
	pod := labels.FromStrings("pod", "a")
	g := NewGrader(nil, 5*time.Minute, minute, start)
	g.Extend(truth(nil, "...xx..............."), start+minute, start+19*minute)
	g.Advance(start+minute, []Alert{{Series: pod, At: start + minute}}, watched)
	g.Advance(start+4*minute, nil, watched)
	require.Len(t, g.alerts, 1)
	require.Len(t, g.incidents, 1)
	g.Advance(start+6*minute, nil, watched)
	require.Empty(t, g.alerts)
	require.Empty(t, g.incidents)
}

func TestOutcomes_AddSumsCountsAndAppendsLeads(t *testing.T) {
	o := Outcomes{TruePositives: 1, FalsePositives: 2, FalseNegatives: 3, Leads: []time.Duration{1}}
	o.Add(Outcomes{TruePositives: 10, FalsePositives: 20, FalseNegatives: 30, Leads: []time.Duration{2, 3}})
	require.Equal(t, Outcomes{11, 22, 33, []time.Duration{1, 2, 3}}, o)
}
