package detector_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/verdict"
)

// judgedConfig has a detector of each kind over the same series.
const judgedConfig = `
global: {history: 4d, min_history: 1d, step: 5m}
detectors:
  - {name: alone, expr: load, forecaster: {horizons: [15m]}, publish: [score, onset, expected, forecast, state]MASK}
  - {name: pooled, expr: load, pool_by: [job]MASK}
  - {name: joint, inputs: {a: load, b: load * load}, by: [pod], publish: [score, state]MASK}
`

var (
	judgedEnd  = epoch.Add(6 * 24 * time.Hour)
	judgedFrom = judgedEnd.Add(-30 * time.Hour)
	judgedTo   = judgedFrom.Add(3 * time.Hour)
)

// judged is a storage of four pods. The load of the second one triples in the judged period, in which the series
// incident has a value for it.
func judged(t *testing.T) *tsdb.DB {
	t.Helper()
	var series []labels.Labels
	for i := range 4 {
		series = append(series, labels.FromStrings("__name__", "load", "job", "api", "pod", fmt.Sprintf("pod-%02d", i)))
	}
	series = append(series, labels.FromStrings("__name__", "incident", "pod", "pod-01"))
	return newStorage(t, epoch, judgedEnd, 5*time.Minute, series, func(i int, at time.Time) float64 {
		during := !at.Before(judgedFrom) && !at.After(judgedTo)
		switch {
		case i == 4 && during:
			return 1
		case i == 4:
			return math.NaN()
		case i == 1 && during:
			return 3 * daily(i, at)
		}
		return daily(i, at)
	})
}

func masked(mask string) string {
	if mask != "" {
		mask = ", mask: {expr: '" + mask + "', on: [pod]}"
	}
	return strings.ReplaceAll(judgedConfig, "MASK", mask)
}

func say(kind verdict.Kind, pairs ...string) verdict.Verdict {
	return verdict.Verdict{Series: labels.FromStrings(pairs...), From: judgedFrom, To: judgedTo, Kind: kind}
}

// follow runs cycles over the last hours before the end, and returns what is published then. The verdicts change before
// the last cycle.
func follow(t *testing.T, db *tsdb.DB, text string, before, after *verdict.Set) map[string]float64 {
	t.Helper()
	m := newManager(t, detector.Options{})
	require.NoError(t, m.ApplyVerdicts(before))
	require.NoError(t, m.ApplyConfig(load(t, text), db))
	for _, at := range []time.Duration{-9 * time.Hour, -8 * time.Hour, -time.Hour} {
		cycle(t, m, judgedEnd.Add(at))
	}
	require.NoError(t, m.ApplyVerdicts(after))
	cycle(t, m, judgedEnd)
	return results(m.Snapshot())
}

// It compares with what a mask does, or none, and a process that knows from the start with one that is told later.
func TestManager_LearnsWhatPeopleSay(t *testing.T) {
	skipSlow(t)
	db := judged(t)
	none := &verdict.Set{}
	plain, mask := follow(t, db, masked(""), nil, nil), follow(t, db, masked("incident"), nil, nil)
	require.Greater(t, len(plain), 30)
	require.NotEqual(t, plain, mask)
	require.Equal(t, plain, follow(t, db, masked(""), none, none), "nothing was said")

	pod := []string{"pod", "pod-01"}
	confirmed, rejected := verdict.NewSet(say(verdict.Confirmed, pod...)), verdict.NewSet(say(verdict.Rejected, pod...))
	accepted := follow(t, db, masked(""), rejected, rejected)
	require.NotEqual(t, plain, accepted, "what is not masked may be an incident; what was rejected is none")
	// Only an expression applies a verdict about another detector.
	other := append([]string{"detector", "other"}, pod...)
	apart, not := verdict.NewSet(say(verdict.Confirmed, other...)), verdict.NewSet(say(verdict.Rejected, other...))
	elsewhere := verdict.NewSet(say(verdict.Confirmed, other...), say(verdict.Confirmed, "pod", "x"))
	for _, tc := range []struct {
		name         string
		config       string
		before, said *verdict.Set
		want         map[string]float64
	}{
		{"confirmed is masked", masked(""), confirmed, confirmed, mask},
		{"confirmed later", masked(""), none, confirmed, mask},
		{"rejected though masked", masked("incident"), rejected, rejected, accepted},
		{"rejected later", masked(""), none, rejected, accepted},
		{"rejected later though masked", masked("incident"), none, rejected, accepted},
		{"rejected instead", masked(""), confirmed, rejected, accepted},
		{"revoked", masked(""), confirmed, none, plain},
		{"revoked, too", masked(""), rejected, none, plain},
		{"about others", masked(""), none, elsewhere, plain},
		{"selected by the mask", masked(`anomaly_feedback{verdict="confirmed"}`), none, apart, mask},
		{"excluded from the mask", masked("incident unless on (pod) anomaly_feedback"), none, not, plain},
		{"no longer selected", masked(`anomaly_feedback{verdict="confirmed"}`), apart, not, plain},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := follow(t, db, tc.config, tc.before, tc.said)
			require.Equal(t, slices.Sorted(maps.Keys(tc.want)), slices.Sorted(maps.Keys(got)))
			for key, want := range tc.want {
				require.Truef(t, sameBits(want, got[key]), "%s: %v, not %v", key, got[key], want)
			}
		})
	}
}

func TestManager_CountsVerdictsAboutAlerts(t *testing.T) {
	outage := epoch.Add(8 * 24 * time.Hour)
	db := incidents(t, outage, outage.Add(4*time.Hour))
	said := func(kind verdict.Kind, pod string, from time.Duration) verdict.Verdict {
		return verdict.Verdict{
			Series: labels.FromStrings("detector", "load", "pod", pod), Kind: kind,
			From: outage.Add(from), To: outage.Add(from + time.Hour),
		}
	}
	withoutTruth := outcomesConfig[:strings.Index(outcomesConfig, "outcomes:")]
	for _, tc := range []struct {
		name                    string
		config                  string
		given                   []verdict.Verdict // after the outage, at once
		later                   []verdict.Verdict // instead of them
		right, wrong, missed, n int               // n: incidents with an alert
	}{
		{name: "nothing", config: withoutTruth},
		{
			name: "confirmed", config: withoutTruth, right: 1, n: 1,
			given: []verdict.Verdict{said(verdict.Confirmed, "pod-00", 30*time.Minute)},
			later: []verdict.Verdict{said(verdict.Confirmed, "pod-00", 30*time.Minute), said(verdict.Rejected, "pod-00", 0)},
		},
		{
			name: "rejected, and confirmed after all", config: withoutTruth, wrong: 1,
			given: []verdict.Verdict{said(verdict.Rejected, "pod-03", 0)},
			later: []verdict.Verdict{said(verdict.Confirmed, "pod-03", 0)},
		},
		{
			name: "without an alert", config: withoutTruth, missed: 1,
			given: []verdict.Verdict{
				said(verdict.Confirmed, "pod-01", 0), said(verdict.Rejected, "pod-02", 0), said(verdict.Confirmed, "gone", 0),
				said(verdict.Confirmed, "pod-00", -5*time.Hour), // before the first step
			},
		},
		{
			// The truth knows of pod-00, and has an incident of pod-02 in which no alert fires.
			name: "decided by the truth before", config: outcomesConfig, right: 1, wrong: 1, n: 1,
			given: []verdict.Verdict{said(verdict.Confirmed, "pod-00", 0), said(verdict.Confirmed, "pod-03", 0)},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			m := newManager(t, detector.Options{Registerer: reg})
			require.NoError(t, m.ApplyVerdicts(&verdict.Set{}))
			require.NoError(t, m.ApplyConfig(load(t, tc.config), db))
			require.Equal(t, 3, count(t, reg, "anomaly_exporter_outcomes_total"), "counters begin at 0")
			at := outage.Add(-time.Hour + time.Minute)
			follow := func(until time.Duration) {
				for ; at.Before(outage.Add(until)); at = at.Add(5 * time.Minute) {
					cycle(t, m, at)
				}
			}
			follow(2 * time.Hour)
			for _, given := range [][]verdict.Verdict{tc.given, tc.given, tc.later} {
				require.NoError(t, m.ApplyVerdicts(verdict.NewSet(given...)))
				follow(at.Sub(outage) + 10*time.Minute)
			}
			require.Equal(t, map[string]int{
				"true_positive": tc.right, "false_positive": tc.wrong, "false_negative": tc.missed,
			}, outcomes(t, reg))
			families, err := reg.Gather()
			require.NoError(t, err)
			for _, f := range families {
				if f.GetName() == "anomaly_exporter_lead_time_seconds" {
					require.Equal(t, uint64(tc.n), f.GetMetric()[0].GetHistogram().GetSampleCount())
				}
			}
		})
	}
}
