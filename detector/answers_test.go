package detector_test

import (
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// TestScores_AreAsDocumentedForOddSeries covers the rows of the table of edge cases in docs/models.md.
func TestScores_AreAsDocumentedForOddSeries(t *testing.T) {
	const step = 5 * time.Minute
	now := epoch.Add(7 * 24 * time.Hour)
	noise := func(at time.Time) float64 { return 100 + 5*rand.New(rand.NewPCG(1, uint64(at.Unix()))).NormFloat64() }
	since := func(at time.Time, d time.Duration) bool { return !at.Before(now.Add(-d)) }
	const absent = -1
	rows := []struct {
		name         string // in the docs
		value        func(at time.Time) float64
		least, most  float64 // of the score; absent: there is none
		state        string  // and reason
		metric, mode string  // of the series, and the scorer's model
	}{
		{
			name: "younger than `min_history`", least: absent, state: "learning short_history",
			value: func(at time.Time) float64 {
				if since(at, 6*time.Hour) {
					return noise(at)
				}
				return math.NaN()
			},
		},
		{
			name: "mostly gaps", least: absent, state: "failed gaps",
			value: func(at time.Time) float64 {
				if at.Unix()/300%200 == now.Unix()/300%200 {
					return noise(at)
				}
				return math.NaN()
			},
		},
		{name: "constant", least: 0, most: 0, value: func(time.Time) float64 { return 3 }},
		{name: "constant", mode: "mad", least: absent, state: "failed constant", value: func(time.Time) float64 { return 3 }},
		{
			name: "nearly constant", least: 0.8, most: 1,
			value: func(at time.Time) float64 {
				switch {
				case since(at, 30*time.Minute):
					return 2
				case at.Unix()%86400 == 0:
					return 5
				}
				return 6
			},
		},
		{
			name: "all zero and wakes up", least: 0.6, most: 0.8,
			value: func(at time.Time) float64 {
				if since(at, 0) {
					return 1
				}
				return 0
			},
		},
		{
			name: "a straight line without noise", least: 0, most: 0,
			value: func(at time.Time) float64 { return 500 + now.Sub(at).Hours() },
		},
		{
			name: "a straight line without noise", least: 0.6, most: 0.8,
			value: func(at time.Time) float64 {
				if since(at, 0) {
					return 250
				}
				return 500 + now.Sub(at).Hours()
			},
		},
		{
			name: "NaN, infinite or missing now", least: absent, state: "scored",
			value: func(at time.Time) float64 {
				if since(at, 0) {
					return math.Inf(1)
				}
				return noise(at)
			},
		},
		{
			name: "outside of `data_range`", least: 1, most: 1,
			value: func(at time.Time) float64 {
				if since(at, 0) {
					return 2000
				}
				return noise(at)
			},
		},
		{
			name: "a counter that restarts", metric: "requests_total", least: 0, most: 0.6,
			value: func(at time.Time) float64 {
				begin := epoch
				if restart := now.Add(-6 * time.Minute); at.After(restart) {
					begin = restart
				}
				total := 0.0 // 10 a minute, more or less
				for at := at; at.After(begin); at = at.Add(-step) {
					total += 50 * rand.New(rand.NewPCG(2, uint64(at.Unix()))).ExpFloat64()
				}
				return math.Floor(total)
			},
		},
		{
			name: "stuck at one value after it was busy", least: 0.8, most: 1,
			value: func(at time.Time) float64 {
				if since(at, 6*time.Hour) {
					return 100
				}
				return noise(at)
			},
		},
		{
			name: "stuck at one value after it was busy", mode: "mad", least: 0, most: 0.6,
			value: func(at time.Time) float64 {
				if since(at, 6*time.Hour) {
					return 100
				}
				return noise(at)
			},
		},
	}
	elsewhere := []string{ // TestPool_*
		"in a pool with fewer than three members, and younger than `min_history`",
		"in a pool whose members are always identical",
	}

	page, err := os.ReadFile("../docs/models.md")
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(page), "### Edge cases\n\n")
	table, _, _ = strings.Cut(table, "\n\n")
	tested := map[string]bool{}
	for _, row := range rows {
		tested[row.name] = true
	}
	for _, name := range elsewhere {
		tested[name] = true
	}
	for _, line := range strings.Split(table, "\n")[2:] {
		name := strings.TrimSpace(strings.Split(line, "|")[1])
		require.True(t, tested[name], "no test of the row %q", name)
		delete(tested, name)
	}
	require.Empty(t, tested, "rows that the page lacks")

	for _, row := range rows {
		t.Run(row.name+" "+row.mode, func(t *testing.T) {
			metric, expr, model := "load", "load", "auto"
			if row.metric != "" {
				metric, expr = row.metric, "rate("+row.metric+"[10m])"
			}
			if row.mode != "" {
				model = row.mode
			}
			db := newStorage(t, epoch, now.Add(step), step, []labels.Labels{labels.FromStrings("__name__", metric)},
				func(_ int, at time.Time) float64 { return row.value(at) })
			m := newManager(t, detector.Options{})
			require.NoError(t, m.ApplyConfig(load(t, `
global: {step: 5m, query_offset: 0s, history: 7d}
detectors: [{name: d, expr: '`+expr+`', data_range: [0, 1000], scorer: {model: `+model+`}}]
`), db))
			cycle(t, m, now)
			score, scored := found(m.Snapshot(), result.Score, "detector")["d"]
			state := ""
			for s := range found(m.Snapshot(), result.ModelState, "state") {
				state = s
			}
			for r := range found(m.Snapshot(), result.ModelState, "reason") {
				state += " " + r
			}
			if row.least == absent {
				require.False(t, scored, "score %g", score)
				if row.state != "scored" {
					require.Equal(t, row.state, state)
				}
				return
			}
			require.Empty(t, state)
			require.True(t, scored)
			require.GreaterOrEqual(t, score, row.least)
			require.LessOrEqual(t, score, row.most)
		})
	}
}
