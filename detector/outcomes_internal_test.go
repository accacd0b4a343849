package detector

import (
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
)

// What the rule does is seen from rules/anomalies.yml: for 5m, keep_firing_for 15m, evaluated as soon as a score is published.
func TestAlerting(t *testing.T) {
	for _, tc := range []struct {
		name  string
		step  time.Duration
		over  string // x where the score is at or over the threshold
		fires string // x where the alert begins to fire
	}{
		{"one step of 5m is not enough", 5 * time.Minute, "..x....x.", "........."},
		{"two are", 5 * time.Minute, "..xx.", "...x."},
		{"a run fires once", 5 * time.Minute, "..xxxxxxx", "...x....."},
		{"pauses of 15m are none", 5 * time.Minute, ".xx...x...xx", "..x........."},
		{"but longer ones are", 5 * time.Minute, ".xx....x...xx", "..x.........x"},
		{"at 1m it takes six", time.Minute, "xxxxx.xxxxxx", "...........x"},
		{"at 2m three", 2 * time.Minute, "xx.xxx", ".....x"},
		{"at 1h each step is long enough", time.Hour, ".x.x.xx..", ".x.x.x..."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var a alerting
			fires := ""
			for i, c := range tc.over {
				mark := "."
				if c == 'x' && a.over(int64(1000+i)*tc.step.Milliseconds(), tc.step.Milliseconds()) {
					mark = "x"
				}
				fires += mark
			}
			require.Equal(t, tc.fires, fires)
		})
	}
}

// Each character is a step of a minute; the lead window is 5 minutes. An alert fires at once, in the middle of its step.
func TestOutcomes(t *testing.T) {
	const minute = time.Minute
	for _, tc := range []struct {
		name   string
		truth  string // x where the truth has a value for pod a
		alerts string // a, b: where an alert fires for that pod, c: for something that has no pod
		on     []string
		blind  bool // no series with a score belongs to the incidents
		want   Outcomes
	}{
		{name: "nothing", truth: "....................", alerts: "...................."},
		{name: "told before", truth: "..........xxx.......", alerts: ".......a............", want: Outcomes{TruePositives: 1, Leads: []time.Duration{150 * time.Second}}},
		{name: "too early to be of it", truth: "..............xxx...", alerts: ".......a............", want: Outcomes{FalsePositives: 1, FalseNegatives: 1}},
		{name: "late", truth: "..........xxx.......", alerts: "...........a........", want: Outcomes{TruePositives: 1, Leads: []time.Duration{-90 * time.Second}}},
		{name: "after the end", truth: "..........xxx.......", alerts: ".............a......", want: Outcomes{FalsePositives: 1, FalseNegatives: 1}},
		{name: "twice for one", truth: "..........xxx.......", alerts: "........a.a.........", want: Outcomes{TruePositives: 2, Leads: []time.Duration{90 * time.Second}}},
		{name: "once for two", truth: "........x.xxx.......", alerts: ".......a............", want: Outcomes{TruePositives: 1, Leads: []time.Duration{30 * time.Second, 150 * time.Second}}},
		{name: "of another pod", truth: "..........xxx.......", alerts: "........b...........", want: Outcomes{FalsePositives: 1, FalseNegatives: 1}},
		{name: "that the truth does not speak of", truth: "..........xxx.......", alerts: "........c...........", want: Outcomes{FalseNegatives: 1}},
		{name: "while the truth has nothing to say", truth: "....................", alerts: "........a...........", want: Outcomes{FalsePositives: 1}},
		{name: "of two pods", truth: "..........xxx.......", alerts: "......b...a.........", on: []string{"job"}, want: Outcomes{TruePositives: 2, Leads: []time.Duration{210 * time.Second}}},
		{name: "that nobody could tell", truth: "..........xxx.......", alerts: "....................", blind: true},
		{name: "not over yet", truth: "..........xxxxxxxxxx", alerts: "....................", on: []string{"pod"}},
		{name: "not decided yet", truth: "....................", alerts: "................a...", on: []string{"pod"}},
		{name: "begun before the first step", truth: "xxxxxxxxxxx.........", alerts: "....................", on: []string{"pod"}},
		{name: "begun before, with a second alert", truth: "xxxxxxxxxxx.........", alerts: ".....a..............", want: Outcomes{TruePositives: 1}},
		{name: "its alert may have been before the first step", truth: "....xxx.............", alerts: "....................", on: []string{"pod"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			truth := labels.FromStrings("__name__", "ALERTS", "alertname", "Down", "pod", "a", "job", "x")
			series := map[rune]labels.Labels{
				'a': labels.FromStrings("pod", "a", "job", "x"), 'b': labels.FromStrings("pod", "b", "job", "x"), 'c': labels.FromStrings("job", "x"),
			}
			var points []promql.FPoint
			start := int64(1000)
			for i, c := range tc.truth {
				if c == 'x' {
					points = append(points, promql.FPoint{T: (start + int64(i)) * minute.Milliseconds(), F: 1})
				}
			}
			// Whether steps come one by one or some at a time must not matter to what is known by the end.
			for _, stride := range []int64{1, int64(len(tc.truth))} {
				if stride > 1 && tc.alerts != "...................." {
					continue // alerts are noted at the newest step only
				}
				g := newGrader(&config.Outcomes{Truth: &config.Selector{On: tc.on}, LeadWindow: model.Duration(5 * minute)}, minute.Milliseconds())
				g.begun, g.at = start*minute.Milliseconds(), (start-1)*minute.Milliseconds()
				read := newSide(tc.on)
				read.add(promql.Series{Metric: truth, Floats: points})
				read.last = (start + int64(len(tc.truth)) - 1) * minute.Milliseconds()
				g.read = []*side{read}
				var all Outcomes
				for i, c := range tc.alerts {
					at := (start + int64(i)) * minute.Milliseconds()
					if (int64(i)+1)%stride != 0 {
						continue
					}
					var fired []Alert
					if l, ok := series[c]; ok {
						fired = []Alert{{At: at + 30_000, series: l}}
					}
					all.Add(g.advance(at, fired, func(*incident) bool { return !tc.blind }))
				}
				require.Equal(t, tc.want, all, "stride %d", stride)
				require.Empty(t, g.read, "what is over is forgotten")
			}
		})
	}
}

func TestIncidentsBelongToSeries(t *testing.T) {
	truth := labels.FromStrings("__name__", "ALERTS", "alertname", "Down", "job", "a", "namespace", "shop", "pod", "web-1")
	for _, tc := range []struct {
		name               string
		series             labels.Labels
		on                 []string
		belongs, spokenFor bool
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
			g := newGrader(&config.Outcomes{Truth: &config.Selector{On: tc.on}}, 60_000)
			g.wrong(truth, []string{"__name__", "alertname", "job", "namespace", "pod"})
			require.Equal(t, tc.belongs, g.belongs(g.incidents[0], tc.series))
			require.Equal(t, tc.spokenFor, g.speaksOf(tc.series))
		})
	}
}
