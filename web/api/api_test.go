package api_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
	"github.com/anomaly-exporter/anomaly-exporter/verdict"
	"github.com/anomaly-exporter/anomaly-exporter/web/api"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var end = time.Date(2026, 3, 7, 12, 0, 0, 0, time.UTC)

const testConfig = `
remote_read: [{url: http://localhost:9090/api/v1/read}]
global: {history: 3d, step: 5m, query_offset: 0s}
detectors:
  - {name: latency, expr: latency_seconds, bounds: {upper: 10}, forecaster: {horizons: [15m, 1h]}}
  - {name: requests, expr: requests}
scalers:
  - {name: fleet, load: requests, by: [job], capacity_per_replica: 100, max_replicas: 50, cost_per_replica_hour: 0.1}
`

// published is what the exporter published of a series at a step.
type published struct{ value, score, lower, upper float64 }

// recommended is what it published of a load.
type recommended struct {
	load float64
	result.Series
}

// exporter is a real one over a real TSDB, and what it has published.
type exporter struct {
	*detector.Manager
	server   *httptest.Server
	verdicts *verdict.File
	seen     map[string]map[int64]published   // of latency, by job and second
	fleet    map[string]map[int64]recommended // likewise
}

// start runs cycles over the last hours. The latency of checkout triples half an hour before the end.
func start(t *testing.T) *exporter { return startAt(t, end.Add(-2*time.Hour)) }

// startAt runs cycles from a time to the end.
func startAt(t *testing.T, first time.Time) *exporter {
	t.Helper()
	return startWith(t, first, end)
}

// startWith does so with a job search that has values until a time only.
func startWith(t *testing.T, first, last time.Time) *exporter {
	t.Helper()
	db := storage.New(t)
	var series []labels.Labels
	for _, job := range []string{"cart", "checkout", "search"} {
		for _, name := range []string{"latency_seconds", "requests"} {
			series = append(series, labels.FromStrings("__name__", name, "job", job, "namespace", "shop"))
		}
	}
	begin := end.Add(-5 * 24 * time.Hour)
	storage.Write(t, db, begin.UnixMilli(), end.UnixMilli(), 300_000, func(i int, ts int64) float64 {
		if series[i].Get("job") == "search" && ts > last.UnixMilli() {
			return math.NaN()
		}
		noise := rand.New(rand.NewPCG(uint64(i), uint64(ts))).NormFloat64()
		v := 0.25 * (1 + 0.05*noise)
		if series[i].Get("__name__") == "requests" {
			v *= 1000
		} else if series[i].Get("job") == "checkout" && ts >= end.Add(-30*time.Minute).UnixMilli() {
			v *= 3
		}
		return v
	}, series...)
	m, err := detector.New(detector.Options{Engine: storage.NewEngine(5*time.Minute, 50e6)})
	require.NoError(t, err)
	cfg, err := config.Load([]byte(testConfig), "test.yml")
	require.NoError(t, err)
	require.NoError(t, m.ApplyConfig(cfg, db))
	e := &exporter{Manager: m, seen: map[string]map[int64]published{}, fleet: map[string]map[int64]recommended{}}
	for at := first; !at.After(end); at = at.Add(5 * time.Minute) {
		require.NoError(t, m.Cycle(t.Context(), at))
		b := m.Snapshot().Batch(result.Source{Name: "latency"})
		for i := range b.Series {
			s := &b.Series[i]
			job := s.Input.Get("job")
			if e.seen[job] == nil {
				e.seen[job] = map[int64]published{}
			}
			e.seen[job][b.Step/1000] = published{b.Value(s, 0), s.Score.Value, s.Score.Lower, s.Score.Upper}
		}
		b = m.Snapshot().Batch(result.Source{Scaler: true, Name: "fleet"})
		for i := range b.Series {
			job := b.Series[i].Input.Get("job")
			if e.fleet[job] == nil {
				e.fleet[job] = map[int64]recommended{}
			}
			e.fleet[job][b.Step/1000] = recommended{b.Value(&b.Series[i], 0), b.Series[i]}
		}
	}
	v, err := view.New(view.Options{
		Snapshot: m.Snapshot, Config: func() *config.Config { return cfg }, Replay: m.ReplaySeries,
		Now: func() time.Time { return end.Add(time.Minute) }, Public: "https://example.com/anomaly",
	})
	require.NoError(t, err)
	e.verdicts = verdict.NewFile(verdict.Options{Path: filepath.Join(t.TempDir(), "feedback.yml")})
	a, err := api.New(api.Options{
		View: v, Config: func() *config.Config { return cfg }, Query: m.Query, Now: func() time.Time { return end },
		Verdicts: e.verdicts, Author: func(*http.Request) (string, error) { return "", nil },
	})
	require.NoError(t, err)
	h, err := a.Handler()
	require.NoError(t, err)
	e.server = httptest.NewServer(h)
	t.Cleanup(e.server.Close)
	return e
}

// get requests a path, and returns the status and the decoded answer.
func (e *exporter) get(t *testing.T, path string, query url.Values) (int, map[string]any) {
	t.Helper()
	resp, err := e.server.Client().Get(e.server.URL + path + "?" + query.Encode())
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	var answer map[string]any
	require.NoError(t, json.Unmarshal(b, &answer), "%s", b)
	require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	return resp.StatusCode, answer
}

// data requests a path that has to succeed.
func (e *exporter) data(t *testing.T, path string, query url.Values) map[string]any {
	t.Helper()
	status, answer := e.get(t, path, query)
	require.Equal(t, http.StatusOK, status, answer)
	require.Equal(t, "success", answer["status"])
	return answer["data"].(map[string]any)
}

func list(of any) []any { return of.([]any) }

func TestAPI_GroupsWhatIsAnomalous(t *testing.T) {
	e := start(t)
	d := e.data(t, "/api/v1/anomalies", nil)
	require.Len(t, d["incidents"], 1)
	require.InDelta(t, 6, d["scored"], 0)
	require.InDelta(t, 1, d["high"], 0)
	incident := list(d["incidents"])[0].(map[string]any)
	require.Equal(t, "critical", incident["severity"])
	require.Equal(t, map[string]any{"job": "checkout", "namespace": "shop"}, incident["labels"])
	require.Equal(t, end.Add(-30*time.Minute).Format(time.RFC3339), incident["since"])
	require.NotContains(t, incident, "sinceOrEarlier")
	s := list(incident["series"])[0].(map[string]any)
	require.Regexp(t, `^latency of shop/checkout is 7\d\d ms; usual now is 2\d\d to 2\d\d ms\. `+
		`Since 11:30 \(31 min\)\. Normal behaviour looks like this (less than )?once in \d+ (weeks|years)\. `+
		`It is not expected to cross its upper bound of 10 s within 1 h\.$`, s["sentence"])
	require.Equal(t, "https://example.com/anomaly/series?detector=latency&job=checkout&metric_name=latency_seconds"+
		"&namespace=shop", s["url"])

	none := e.data(t, "/api/v1/anomalies", url.Values{"match[]": {`{job="cart"}`}})
	require.Empty(t, none["incidents"])
	require.InDelta(t, 2, none["scored"], 0)
	require.Less(t, none["highest"], 0.8)
}

func TestAPI_ReplaysWhatScalersPublished(t *testing.T) {
	e := start(t)
	first := end.Add(-time.Hour)
	for job, want := range e.fleet {
		d := e.data(t, "/api/v1/recommendations", url.Values{
			"match[]": {`{job="` + job + `"}`}, "scaler": {"fleet"}, "start": {first.Format(time.RFC3339)},
		})
		h := list(d["recommendations"])[0].(map[string]any)["history"].(map[string]any)
		strategies := map[string]map[string]any{}
		for _, s := range list(h["strategies"]) {
			strategies[s.(map[string]any)["name"].(string)] = s.(map[string]any)
		}
		require.Len(t, strategies, 3, "how many are running is not known")
		require.Len(t, h["time"], 12+1+3, "an hour, and the horizon of a quarter")
		hours, short := 0.0, 0.0
		for i, at := range list(h["time"]) {
			s, published := want[int64(at.(float64))]
			require.Equal(t, published, at.(float64) <= float64(end.Unix()))
			// A quarter of an hour before, this was forecast for the step; at the end, that is all.
			forecast := want[int64(at.(float64))-900].Forecast.Points[0]
			require.Equal(t, []any{forecast.Median, forecast.Lower, forecast.Upper},
				[]any{list(h["expected"])[i], list(h["lower"])[i], list(h["upper"])[i]})
			if !published {
				require.Nil(t, list(h["load"])[i])
				require.Empty(t, list(h["decided"])[i])
				continue
			}
			require.Equal(t, []any{s.load, s.Scaling.Upper, 100.0, string(s.Replicas.Source)}, []any{
				list(h["load"])[i], list(h["largest"])[i], list(h["capacity"])[i], list(h["decided"])[i],
			})
			for k, n := range s.Scaling.Requested {
				strategy := strategies[replicas.Strategy(k).String()]
				require.Equal(t, float64(n), list(strategy["replicas"])[i])
				require.Equal(t, s.Scaling.Short[k], list(strategy["short"])[i])
			}
			require.Equal(t, float64(s.Replicas.Replicas), list(strategies["recommended"]["replicas"])[i])
			hours += float64(s.Replicas.Replicas) / 12
			if s.Scaling.Short[replicas.Reactive] {
				short += 300
			}
		}
		require.InDelta(t, hours, strategies["recommended"]["replicaHours"], 1e-9)
		require.InDelta(t, hours/10, strategies["recommended"]["cost"], 1e-9)
		require.InDelta(t, short, strategies["reactive"]["shortSeconds"], 0)
	}
}

func TestAPI_ReplaysWhatWasPublished(t *testing.T) {
	e := start(t)
	for job, want := range e.seen {
		d := e.data(t, "/api/v1/series", url.Values{
			"match[]": {`latency_seconds{job="` + job + `"}`}, "detector": {"latency"},
			"start": {end.Add(-2 * time.Hour).Format(time.RFC3339)},
		})
		h := list(d["series"])[0].(map[string]any)["history"].(map[string]any)
		require.Len(t, h["time"], len(want))
		alerts := []any{}
		if job == "checkout" {
			alerts = []any{[]any{float64(end.Add(-25 * time.Minute).Unix()), float64(end.Unix())}}
		}
		require.Equal(t, alerts, h["alerts"], job)
		for i, at := range list(h["time"]) {
			number := func(key string) float64 {
				if v := list(h[key])[i]; v != nil {
					return v.(float64)
				}
				return math.NaN()
			}
			got := published{number("value"), number("score"), number("lower"), number("upper")}
			require.Equal(t, want[int64(at.(float64))], got, "%s at %v", job, at)
		}
	}
}

func TestAPI_ReplaysWhatWasPublishedOfWhatIsGone(t *testing.T) {
	last := end.Add(-time.Hour)
	e := startWith(t, end.Add(-2*time.Hour), last)
	status, body := e.get(t, "/api/v1/series", url.Values{"gone": {"true"}})
	require.Equal(t, http.StatusOK, status)
	data := body["data"].(map[string]any)
	require.Equal(t, 3.0, data["total"], "of each detector and scaler")
	one := data["series"].([]any)[2].(map[string]any)
	require.Equal(t, "gone", one["state"])
	require.Equal(t, last.Format(time.RFC3339), one["gone"])
	require.Nil(t, one["value"])
	require.Contains(t, one["url"], "job=search")

	query := url.Values{
		"gone": {"true"}, "match[]": {`{job="search"}`}, "detector": {"latency"},
		"start": {end.Add(-2 * time.Hour).Format(time.RFC3339)},
	}
	status, body = e.get(t, "/api/v1/series", query)
	require.Equal(t, http.StatusOK, status)
	one = body["data"].(map[string]any)["series"].([]any)[0].(map[string]any)
	require.Equal(t, last.Format(time.RFC3339), one["gone"])
	require.Equal(t, last.Format(time.RFC3339), one["step"])
	history := one["history"].(map[string]any)
	times := history["time"].([]any)
	require.Len(t, times, len(e.seen["search"]))
	for i, at := range times {
		want := e.seen["search"][int64(at.(float64))]
		require.Equal(t, want.value, history["value"].([]any)[i])
		require.Equal(t, want.score, history["score"].([]any)[i])
		require.Equal(t, want.upper, history["upper"].([]any)[i])
	}
	require.Equal(t, history["score"].([]any)[len(times)-1], one["score"])

	query.Del("detector")
	query.Set("scaler", "fleet")
	query.Set("overlay", "1d")
	status, body = e.get(t, "/api/v1/recommendations", query)
	require.Equal(t, http.StatusOK, status)
	recommendation := body["data"].(map[string]any)["recommendations"].([]any)[0].(map[string]any)
	require.Equal(t, last.Format(time.RFC3339), recommendation["gone"])
	require.NotZero(t, recommendation["replicas"])
	loads := recommendation["history"].(map[string]any)["load"].([]any)
	for i, at := range recommendation["history"].(map[string]any)["time"].([]any) {
		if want, ok := e.fleet["search"][int64(at.(float64))]; ok && !math.IsNaN(want.load) {
			require.Equal(t, want.load, loads[i])
		}
	}
	require.Len(t, body["data"].(map[string]any)["overlays"].([]any)[0].(map[string]any)["value"], len(loads))

	query.Set("gone", "no")
	status, _ = e.get(t, "/api/v1/recommendations", query)
	require.Equal(t, http.StatusBadRequest, status)
}

func TestAPI_ListsAndPages(t *testing.T) {
	e := start(t)
	all := e.data(t, "/api/v1/series", nil)
	require.InDelta(t, 9, all["total"], 0)
	var paged []any
	for offset := 0; offset < 9; offset += 2 {
		d := e.data(t, "/api/v1/series", url.Values{"limit": {"2"}, "offset": {fmt.Sprint(offset)}})
		require.InDelta(t, 9, d["total"], 0)
		paged = append(paged, list(d["series"])...)
	}
	require.Equal(t, all["series"], paged)
	require.Len(t, e.data(t, "/api/v1/series", url.Values{"min_score": {"0.8"}})["series"], 1)
	two := url.Values{"match[]": {`{job="cart"}`, `requests{job="search"}`}}
	require.Len(t, e.data(t, "/api/v1/series", two)["series"], 4)

	forecast := list(e.data(t, "/api/v1/forecast", url.Values{"match[]": {`latency_seconds{job="cart"}`}})["forecasts"])
	require.Len(t, forecast, 1)
	require.Len(t, forecast[0].(map[string]any)["points"], 2)
	require.Len(t, forecast[0].(map[string]any)["breaches"], 1)

	fleet := list(e.data(t, "/api/v1/recommendations", nil)["recommendations"])
	require.Len(t, fleet, 3)
	require.InDelta(t, 3, fleet[0].(map[string]any)["replicas"], 1)
	require.InDelta(t, 100, fleet[0].(map[string]any)["capacity"], 0)

	detectors := list(e.data(t, "/api/v1/detectors", nil)["detectors"])
	require.Len(t, detectors, 3)
	first := detectors[0].(map[string]any)
	require.Equal(t, "fleet", first["name"])
	require.Equal(t, []any{"requests"}, first["expressions"])
	require.InDelta(t, 3, first["scored"], 0)
}

func TestAPI_DescribesTheContext(t *testing.T) {
	e := start(t)
	d := e.data(t, "/api/v1/context", url.Values{"match[]": {`{namespace="shop"}`}})
	suspects := list(d["suspects"])
	require.Len(t, suspects, 1)
	require.Equal(t, map[string]any{"job": "checkout", "namespace": "shop"}, suspects[0].(map[string]any)["labels"])
	require.Empty(t, d["problems"])
	require.Empty(t, list(e.data(t, "/api/v1/context", url.Values{"limit": {"0"}})["suspects"]))

	resp, err := e.server.Client().Get(e.server.URL + "/api/v1/context?format=markdown")
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "text/markdown; charset=utf-8", resp.Header.Get("Content-Type"))
	require.Contains(t, string(text), "# Suspects, the likeliest cause first\n\n1. `{job=\"checkout\",")
}

func TestAPI_LaysEarlierValuesOverAHistory(t *testing.T) {
	e := startAt(t, end)
	ask := func(back time.Duration, overlay string) map[string]any {
		query := url.Values{
			"match[]": {`latency_seconds{job="cart"}`}, "detector": {"latency"},
			"start": {end.Add(-time.Hour - back).Format(time.RFC3339)}, "end": {end.Add(-back).Format(time.RFC3339)},
		}
		if overlay != "" {
			query.Set("overlay", overlay)
		}
		return e.data(t, "/api/v1/series", query)
	}
	values := func(d map[string]any) any {
		return list(d["series"])[0].(map[string]any)["history"].(map[string]any)["value"]
	}
	d := ask(0, "1d,2h,30d")
	overlays := list(d["overlays"])
	require.Len(t, overlays, 3)
	for i, back := range []time.Duration{24 * time.Hour, 2 * time.Hour} {
		o := overlays[i].(map[string]any)
		require.Len(t, o["value"], 13)
		require.Equal(t, values(ask(back, "")), o["value"])
	}
	require.Equal(t, map[string]any{"before": "30d", "value": make([]any, 13)}, overlays[2], "older than the history")
	require.NotContains(t, ask(0, ""), "overlays")
}

// Whoever looks at the score sees when another model began to give it.
func TestAPI_TellsWhenModelsWereFitted(t *testing.T) {
	e := startAt(t, end)
	d := e.data(t, "/api/v1/series", url.Values{
		"match[]": {`latency_seconds{job="cart"}`}, "detector": {"latency"},
		"start": {end.Add(-24 * time.Hour).Format(time.RFC3339)},
	})
	refits := list(list(d["series"])[0].(map[string]any)["history"].(map[string]any)["refits"])
	require.Len(t, refits, 4, "every 6 hours")
	for i, at := range refits[1:] {
		require.InDelta(t, 6*3600, at.(float64)-refits[i].(float64), 0)
	}
}

func TestAPI_AnswersAsCSV(t *testing.T) {
	e := startAt(t, end)
	get := func(query url.Values) (header http.Header, rows [][]string) {
		query.Set("format", "csv")
		resp, err := e.server.Client().Get(e.server.URL + "/api/v1/series?" + query.Encode())
		require.NoError(t, err)
		defer resp.Body.Close()
		require.Equal(t, http.StatusOK, resp.StatusCode)
		rows, err = csv.NewReader(resp.Body).ReadAll()
		require.NoError(t, err)
		return resp.Header, rows
	}
	header, rows := get(url.Values{"detector": {"latency"}})
	require.Equal(t, "text/csv; charset=utf-8; header=present", header.Get("Content-Type"))
	require.Equal(t, `attachment; filename="series.csv"`, header.Get("Content-Disposition"))
	require.Len(t, rows, 4)
	require.Equal(t, []string{"label_detector", "label_job", "label_metric_name", "label_namespace"}, rows[0][12:])
	require.Equal(t, []string{"latency", "cart", "latency_seconds", "shop"}, rows[1][12:])
	require.Equal(t, end.Format(time.RFC3339), rows[1][1])

	header, rows = get(url.Values{
		"detector": {"latency"}, "match[]": {`{job="cart"}`}, "start": {end.Add(-time.Hour).Format(time.RFC3339)},
	})
	require.Equal(t, `attachment; filename="latency.csv"`, header.Get("Content-Disposition"))
	require.Len(t, rows, 14)
	require.Equal(t, []string{"time", "value", "expected", "lower", "upper", "score", "muted", "masked"}, rows[0])
	was := e.seen["cart"][end.Unix()]
	score := strconv.FormatFloat(was.score, 'g', -1, 64)
	require.Equal(t, []string{end.Format(time.RFC3339), score, "false"}, []string{rows[13][0], rows[13][5], rows[13][7]})
}

func TestAPI_RefusesBadRequests(t *testing.T) {
	e := start(t)
	for _, tc := range []struct {
		path   string
		query  url.Values
		status int
		want   string
	}{
		{"/api/v1/series", url.Values{"match[]": {`{job=}`}}, 400, "match[]: "},
		{"/api/v1/series", url.Values{"limit": {"-1"}}, 400, `limit: "-1" is not a whole number from 0 to 10000`},
		{"/api/v1/series", url.Values{"offset": {"x"}}, 400, `offset: "x" is not`},
		{"/api/v1/series", url.Values{"min_score": {"NaN"}}, 400, `min_score: "NaN" is not a number from 0 to 1`},
		{"/api/v1/series", url.Values{"format": {"markdown"}}, 400, `format: "markdown" is neither "json" nor "csv"`},
		{"/api/v1/detectors", url.Values{"format": {"csv"}}, 400, `format: "csv" is not "json"`},
		{"/api/v1/series", url.Values{"overlay": {"1d,yesterday"}}, 400, `overlay: "1d,yesterday" is not up to 4 durations`},
		{"/api/v1/series", url.Values{"start": {"yesterday"}}, 400, `start: "yesterday" is neither RFC 3339 nor`},
		{"/api/v1/series", url.Values{"start": {"0"}}, 400, "start: 9 series match; the history of one can be asked for"},
		{
			"/api/v1/recommendations",
			url.Values{"start": {"0"}},
			400,
			"start: 3 recommendations match; the history of one can be asked for",
		},
		{
			"/api/v1/series",
			url.Values{"match[]": {`latency_seconds{job="cart"}`}, "start": {"0"}},
			400,
			"steps between start and end are more than 21000",
		},
		{
			"/api/v1/series",
			url.Values{"match[]": {`latency_seconds{job="cart"}`}, "start": {"2026-03-08T00:00:00Z"}},
			400,
			"start: 2026-03-08T00:00:00Z is after end",
		},
		{"/api/v1/anomalies", url.Values{"severity": {"low"}}, 400, `severity: "low" is neither "critical" nor "high"`},
		{"/api/v1/anomalies", url.Values{"matcher": {"x"}}, 400, `unknown parameter "matcher"`},
		{"/api/v1/nothing", nil, 404, "there is no /api/v1/nothing; see /api/v1/openapi.yml"},
	} {
		status, answer := e.get(t, tc.path, tc.query)
		require.Equal(t, tc.status, status, tc)
		require.Equal(t, "error", answer["status"])
		require.Contains(t, answer["error"], tc.want)
		if tc.status == 400 {
			require.Equal(t, "bad_data", answer["errorType"])
		}
	}
	resp, err := e.server.Client().Post(e.server.URL+"/api/v1/series", "", nil)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
}

func TestAPI_AnswersNotModifiedUntilThereAreNewResults(t *testing.T) {
	e := start(t)
	get := func(tag string) *http.Response {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, e.server.URL+"/api/v1/anomalies", nil)
		require.NoError(t, err)
		r.Header.Set("If-None-Match", tag)
		resp, err := e.server.Client().Do(r)
		require.NoError(t, err)
		resp.Body.Close()
		return resp
	}
	first := get("")
	require.Equal(t, http.StatusOK, first.StatusCode)
	tag := first.Header.Get("Etag")
	require.NotEmpty(t, tag)
	require.Equal(t, http.StatusNotModified, get(tag).StatusCode)
	require.NoError(t, e.Cycle(t.Context(), end.Add(5*time.Minute)))
	newer := get(tag)
	require.Equal(t, http.StatusOK, newer.StatusCode)
	tag = newer.Header.Get("Etag")
	require.NoError(t, e.verdicts.Append(verdict.Verdict{
		Series: labels.FromStrings("detector", "latency"), From: end, To: end, Kind: verdict.Confirmed,
	}))
	require.Equal(t, http.StatusOK, get(tag).StatusCode, "answers tell what people said, too")
}

func TestAPI_TellsWhatPeopleSaidAboutASeries(t *testing.T) {
	e := startAt(t, end)
	say := func(job string, from, to time.Duration, kind verdict.Kind) {
		require.NoError(t, e.verdicts.Append(verdict.Verdict{
			Series: labels.FromStrings("detector", "latency", "job", job), From: end.Add(from), To: end.Add(to), Kind: kind,
		}))
	}
	say("cart", -3*time.Hour, -2*time.Hour, verdict.Confirmed) // before the range
	say("cart", -3*time.Hour, -time.Hour, verdict.Rejected)    // until its first step
	say("cart", -time.Minute, time.Hour, verdict.Confirmed)
	say("search", -time.Minute, 0, verdict.Confirmed)
	query := url.Values{
		"match[]": {`{job="cart"}`}, "detector": {"latency"}, "start": {end.Add(-time.Hour).Format(time.RFC3339)},
	}
	d := e.data(t, "/api/v1/series", query)
	require.InDelta(t, 2, d["verdictsTotal"], 0)
	require.Equal(t, []any{
		map[string]any{
			"series": `{detector="latency", job="cart"}`, "verdict": "confirmed",
			"from": end.Add(-time.Minute).Format(time.RFC3339), "to": end.Add(time.Hour).Format(time.RFC3339),
		},
		map[string]any{
			"series": `{detector="latency", job="cart"}`, "verdict": "rejected",
			"from": end.Add(-3 * time.Hour).Format(time.RFC3339), "to": end.Add(-time.Hour).Format(time.RFC3339),
		},
	}, d["verdicts"])
	query.Set("end", end.Add(-30*time.Minute).Format(time.RFC3339))
	require.InDelta(t, 1, e.data(t, "/api/v1/series", query)["verdictsTotal"], 0)
	query.Set("detector", "requests")
	require.Empty(t, e.data(t, "/api/v1/series", query)["verdicts"])
}

// An exporter that starts during an anomaly knows since when it lasts.
func TestAPI_KnowsSinceWhenWhatWasAnomalousBeforeTheStart(t *testing.T) {
	e := startAt(t, end.Add(-10*time.Minute))
	b := e.Snapshot().Batch(result.Source{Name: "latency"})
	require.True(t, slices.ContainsFunc(b.Series, func(s result.Series) bool { return s.Since.OrEarlier }))
	d := e.data(t, "/api/v1/anomalies", nil)
	incident := list(d["incidents"])[0].(map[string]any)
	require.Equal(t, end.Add(-30*time.Minute).Format(time.RFC3339), incident["since"])
	require.NotContains(t, incident, "sinceOrEarlier")
	s := list(incident["series"])[0].(map[string]any)
	require.Equal(t, incident["since"], s["since"])
	require.Contains(t, s["sentence"], "Since 11:30 (31 min).")
	suspect := list(e.data(t, "/api/v1/context", nil)["suspects"])[0].(map[string]any)
	require.Equal(t, incident["since"], suspect["since"])
}
