package detector_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// signals returns the series of three metrics for each service.
func signals(services ...string) []labels.Labels {
	var series []labels.Labels
	for _, service := range services {
		for _, name := range []string{"requests", "hits", "latency"} {
			series = append(series, labels.FromStrings("__name__", name, "service", service, "instance", "a"))
		}
	}
	return series
}

// signal returns the value of such a series. A busy hour has more requests, more hits and a longer latency.
func signal(l labels.Labels, at time.Time) float64 {
	random := func(what string) float64 {
		return rand.New(rand.NewPCG(uint64(len(l.Get("service")))+uint64(at.Unix()), uint64(len(what)))).NormFloat64()
	}
	busy := random("x") + 0.5*math.Sin(2*math.Pi*at.Sub(epoch).Hours()/24)
	own := random(l.Get("__name__"))
	switch l.Get("__name__") {
	case "requests":
		return 100 + 10*busy + 2*own
	case "hits":
		return 0.8 + 0.05*busy + 0.01*own
	}
	return 0.2 + 0.02*busy + 0.004*own
}

const jointConfig = `
global: {history: 4d, query_offset: 0s}
detectors:
  - name: joint
    inputs: {requests: requests, hits: hits, latency: latency}
    by: [service]
    step: 5m
    publish: [score, onset, contribution, state]
    labels: {team: shop}
`

func TestManager_ScoresSeveralSignalsAsOne(t *testing.T) {
	end := epoch.Add(6 * 24 * time.Hour)
	series := signals("a", "bb")
	db := newStorage(t, epoch, end, 5*time.Minute, series, func(i int, at time.Time) float64 {
		v := signal(series[i], at)
		if l := series[i]; at.Equal(end) && l.Get("service") == "a" {
			// More requests with fewer hits. Each value alone is usual.
			switch l.Get("__name__") {
			case "requests":
				return 112
			case "hits":
				return 0.74
			}
		}
		return v
	})
	var out bytes.Buffer
	m := newManager(t, detector.Options{Logger: log.NewLogfmtLogger(&out)})
	require.NoError(t, m.ApplyConfig(load(t, jointConfig), db))
	cycle(t, m, end)
	require.Regexp(t, `msg=Anomaly series="{service=\\"a\\"}" score=(0\.[89][0-9]|1\.00) `+
		`values="hits=0.74 latency=0\.[0-9]+ requests=112" features="[^"]+" leading=(hits|requests) trend=[a-z]+ `+
		`learned_from=2026-03-03T[0-9:]+Z learned_to=2026-03-07T[0-9:]+Z\n`, out.String())
	scores := found(m.Snapshot(), result.Score, "service")
	require.Len(t, scores, 2)
	require.Greater(t, scores["a"], 0.8)
	require.Less(t, scores["bb"], 0.6)
	shares := found(m.Snapshot(), result.Contribution, "feature")
	require.InDelta(t, 1, shares["requests"]+shares["hits"]+shares["latency"], 1e-9)
	require.Greater(t, shares["hits"], 0.2)
	require.Greater(t, shares["requests"], 0.2)
	require.Greater(t, min(shares["hits"], shares["requests"]), shares["latency"])
	require.Equal(t, `[{container } {detector joint} {endpoint } {instance } {job } {namespace } {node } {pod } `+
		`{service a} {team shop}]`,
		fmt.Sprint([]labels.Label(samples(m.Snapshot().Batches[0], result.Score)[0].Labels)))

	alone := newManager(t, detector.Options{})
	require.NoError(t, alone.ApplyConfig(load(t, `
global: {history: 4d, query_offset: 0s, step: 5m}
detectors:
  - {name: requests, expr: 'requests{service="a"}'}
  - {name: hits, expr: 'hits{service="a"}'}
  - {name: latency, expr: 'latency{service="a"}'}
`), db))
	cycle(t, alone, end)
	for name, score := range found(alone.Snapshot(), result.Score, "detector") {
		require.Less(t, score, 0.6, name)
	}
}

func TestManager_ReportsSignalsThatDoNotJoin(t *testing.T) {
	end := epoch.Add(3 * 24 * time.Hour)
	series := append(signals("a", "bb", "ccc", "dddd"),
		labels.FromStrings("__name__", "latency", "service", "bb", "instance", "b"))
	twice := len(series) - 1
	db := newStorage(t, epoch, end.Add(time.Hour), 5*time.Minute, series, func(i int, at time.Time) float64 {
		l := series[i]
		switch {
		case l.Get("service") == "ccc" && l.Get("__name__") != "requests",
			l.Get("service") == "dddd" && l.Get("__name__") == "hits" && at.After(end),
			i == twice && at.Before(end.Add(-time.Hour)),
			i == twice && at.After(end.Add(10*time.Minute)):
			return math.NaN()
		}
		return signal(l, at)
	})
	var out bytes.Buffer
	reg := prometheus.NewRegistry()
	m := newManager(t, detector.Options{Registerer: reg, Logger: log.NewLogfmtLogger(&out)})
	text := strings.NewReplacer(
		"requests: requests", "requests: 'last_over_time(requests[1m])'",
		"hits: hits", "hits: 'last_over_time(hits[1m])'",
		"latency: latency", "latency: 'last_over_time(latency[1m])'",
	).Replace(jointConfig)
	require.NoError(t, m.ApplyConfig(load(t, text), db))
	cycle(t, m, end)
	reasons := func() map[string]string {
		all := map[string]string{}
		for _, p := range m.Snapshot().Batches {
			for _, r := range samples(p, result.ModelState) {
				all[r.Labels.Get("service")] = r.Labels.Get("state") + " " + r.Labels.Get("reason")
			}
		}
		return all
	}
	require.Equal(t, map[string]string{"bb": "failed several_series", "ccc": "learning missing_input"}, reasons())
	require.Contains(t, found(m.Snapshot(), result.Score, "service"), "a")
	require.Contains(t, found(m.Snapshot(), result.Score, "service"), "dddd")
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP anomaly_exporter_join_series Series with a value now per input of a multivariate detector, by whether they are part of a complete vector.
# TYPE anomaly_exporter_join_series gauge
anomaly_exporter_join_series{detector="joint",input="hits",matched="false"} 1
anomaly_exporter_join_series{detector="joint",input="hits",matched="true"} 2
anomaly_exporter_join_series{detector="joint",input="latency",matched="false"} 2
anomaly_exporter_join_series{detector="joint",input="latency",matched="true"} 2
anomaly_exporter_join_series{detector="joint",input="requests",matched="false"} 2
anomaly_exporter_join_series{detector="joint",input="requests",matched="true"} 2
`), "anomaly_exporter_join_series"))
	require.Contains(t, out.String(), `level=error component=detector detector=joint `+
		`msg="Several series of an input have the same labels in by: their vector has no score" input=latency `+
		`series="{__name__=\"latency\", instance=\"a\", service=\"bb\"}" `+
		`and="{__name__=\"latency\", instance=\"b\", service=\"bb\"}"`)
	lost := `msg="Series of an input lack another input, or were refused" input=requests`
	require.Equal(t, 1, strings.Count(out.String(), lost))

	cycle(t, m, end.Add(30*time.Minute)) // the second instance of bb and the hits of dddd are gone
	require.Equal(t, map[string]string{"ccc": "learning missing_input", "dddd": "failed missing_input"}, reasons())
	require.Contains(t, found(m.Snapshot(), result.Score, "service"), "bb")
	require.Equal(t, 1, strings.Count(out.String(), lost), "logged once")
}

func TestManager_IsReproducibleWithSeveralSignals(t *testing.T) {
	skipSlow(t)
	for _, tc := range []struct{ step, missing string }{{"1m", "drop"}, {"2m", "zero"}, {"5m", "last"}} {
		t.Run(tc.step+" "+tc.missing, func(t *testing.T) {
			t.Parallel()
			start, end := epoch, epoch.Add(5*24*time.Hour)
			series := append(signals("a", "bb", "ccc"), labels.FromStrings("__name__", "incident", "service", "bb"),
				labels.FromStrings("__name__", "latency", "service", "ccc", "instance", "b"))
			db := newStorage(t, start, end, time.Minute, series, func(i int, at time.Time) float64 {
				minute := int(at.Sub(start).Minutes())
				switch r := rand.New(rand.NewPCG(uint64(i), uint64(at.Unix()))); {
				case i == 9: // an incident of half an hour a day
					if minute%1440 < 30 {
						return 1
					}
					return math.NaN()
				case i == 10 && minute%700 > 40, i == 0 && minute%500 < 20, i == 4 && minute > 3000 && minute < 4500,
					i == 5 && minute < 3*1440+600, r.IntN(40) == 0:
					return math.NaN()
				}
				return signal(series[i], at)
			})
			cfg := load(t, fmt.Sprintf(`
global: {history: 3d, min_history: 6h, refit_interval: 4h}
detectors:
  - name: joint
    inputs:
      requests: last_over_time(requests[1m])
      hits: last_over_time(hits[1m])
      latency: last_over_time(latency[1m])
    by: [service]
    step: %s
    missing: %s
    publish: [score, onset, contribution, state]
    mask: {expr: incident, on: [service]}
    explain_threshold: 0
`, tc.step, tc.missing))
			early := newManager(t, detector.Options{Limits: detector.NewLimits(2)})
			require.NoError(t, early.ApplyConfig(cfg, db))
			for at := end.Add(-13 * time.Hour); at.Before(end); at = at.Add(10 * time.Minute) {
				cycle(t, early, at)
			}
			cycle(t, early, end)
			late := newManager(t, detector.Options{Limits: detector.NewLimits(1)})
			require.NoError(t, late.ApplyConfig(cfg, db))
			cycle(t, late, end.Add(-12*time.Minute))
			cycle(t, late, end)
			require.Equal(t, results(early.Snapshot()), results(late.Snapshot()))
			require.NotEmpty(t, found(late.Snapshot(), result.Score, "service"))

			replay := newManager(t, detector.Options{})
			require.NoError(t, replay.ApplyConfig(cfg, db))
			newest := time.UnixMilli(early.Snapshot().Batches[0].Step)
			var last *result.Batch
			require.NoError(t, replay.Replay(context.Background(), newest.Add(-5*time.Hour), newest,
				func(p *result.Batch) { last = p }))
			require.Equal(t, results(early.Snapshot()), results(&result.Snapshot{Batches: []*result.Batch{last}}))
		})
	}
}

func TestManager_MutesSeveralSignals(t *testing.T) {
	end := epoch.Add(3 * 24 * time.Hour)
	series := append(signals("a", "bb"), labels.FromStrings("__name__", "rollout", "service", "bb"))
	db := newStorage(t, epoch, end, 5*time.Minute, series, func(i int, at time.Time) float64 {
		if i == len(series)-1 && at.Before(end.Add(-time.Hour)) {
			return math.NaN()
		}
		return signal(series[i], at)
	})
	m := newManager(t, detector.Options{})
	require.NoError(t, m.ApplyConfig(load(t, jointConfig+"    mute: {expr: rollout, on: [service]}\n"), db))
	cycle(t, m, end)
	require.Contains(t, found(m.Snapshot(), result.Score, "service"), "a")
	require.NotContains(t, found(m.Snapshot(), result.Score, "service"), "bb")
	require.Equal(t, map[string]float64{"mute": 1}, found(m.Snapshot(), result.ModelState, "reason"))
}

// Without labels in by there is one vector.
func TestManager_JoinsAllSignalsWithoutBy(t *testing.T) {
	end := epoch.Add(3 * 24 * time.Hour)
	series := signals("a", "bb")
	db := newStorage(t, epoch, end, 5*time.Minute, series, func(i int, at time.Time) float64 {
		return signal(series[i], at)
	})
	m := newManager(t, detector.Options{})
	require.NoError(t, m.ApplyConfig(load(t, `
global: {history: 4d, query_offset: 0s, step: 5m, empty_labels: []}
detectors:
  - {name: joint, inputs: {requests: sum(requests), latency: max by (service) (latency)}}
  - {name: whole, inputs: {requests: sum(requests), latency: max(latency)}}
`), db))
	cycle(t, m, end)
	require.Len(t, found(m.Snapshot(), result.Score, "detector"), 1)
	require.Contains(t, found(m.Snapshot(), result.Score, "detector"), "whole")
	require.Equal(t, "[{detector whole}]",
		fmt.Sprint([]labels.Label(samples(m.Snapshot().Batches[1], result.Score)[0].Labels)))
	require.Equal(t, map[string]float64{"several_series": 1}, found(m.Snapshot(), result.ModelState, "reason"))
}

func TestManager_LimitsJoinedSeries(t *testing.T) {
	end := epoch.Add(2 * 24 * time.Hour)
	series := signals("a", "bb", "ccc")[:7] // ccc has only requests
	db := newStorage(t, epoch, end, 5*time.Minute, series, func(i int, at time.Time) float64 {
		if series[i].Get("service") == "bb" && at.Before(epoch.Add(time.Hour)) {
			return math.NaN()
		}
		return signal(series[i], at)
	})
	for limit, want := range map[int][]string{1: {"a"}, 2: {"a", "bb"}} {
		reg := prometheus.NewRegistry()
		m := newManager(t, detector.Options{Registerer: reg})
		require.NoError(t, m.ApplyConfig(load(t, jointConfig+fmt.Sprintf("    series_limit: %d\n", limit)), db))
		cycle(t, m, end)
		scored := found(m.Snapshot(), result.Score, "service")
		require.Len(t, scored, len(want))
		for _, service := range want {
			require.Contains(t, scored, service, "the vectors that were complete first are kept")
		}
		require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(fmt.Sprintf(`
# HELP anomaly_exporter_series_refused Series over series_limit in the last cycle.
# TYPE anomaly_exporter_series_refused gauge
anomaly_exporter_series_refused{detector="joint",scaler=""} %d
`, 3-limit)), "anomaly_exporter_series_refused"))
	}
}
