package check_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"log"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/check"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// options read as the command does.
func options(now time.Time) check.Options {
	return check.Options{
		Engine: promql.NewEngine(promql.EngineOpts{
			MaxSamples: 1e6, Timeout: time.Minute, Parser: parser.NewParser(parser.Options{}), EnableAtModifier: true,
		}),
		MaxConcurrency: 2, Now: now, Timeout: 20 * time.Second,
	}
}

// write writes a configuration with a server.
func write(t *testing.T, url, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yml")
	text = fmt.Sprintf("remote_read:\n  - url: %s\n%s", url, text)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// said returns the problems as they are written, without the folder.
func said(r *check.Result) string {
	var b strings.Builder
	r.WriteProblems(&b)
	return strings.ReplaceAll(b.String(), filepath.Dir(r.File)+"/", "")
}

func TestFile_SaysWhatToDoAboutAServerThatDoesNotAnswer(t *testing.T) {
	answer := func(status int, text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, text, status) })
	}
	mux := http.NewServeMux()
	mux.Handle("/401/api/v1/read", answer(401, "who are you"))
	mux.Handle("/403/api/v1/read", answer(403, "not you"))
	mux.Handle("/405", answer(405, "method not allowed"))
	mux.Handle("/503/api/v1/read", answer(503, "starting"))
	mux.Handle("/page", answer(200, "<html>"))
	mux.HandleFunc("/login/api/v1/read", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://login.invalid/", http.StatusPermanentRedirect)
	})
	plain, secure := httptest.NewServer(mux), httptest.NewUnstartedServer(mux)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer plain.Close()
	defer secure.Close()
	swap := func(url, from, to string) string { return strings.Replace(url, from, to, 1) }
	for url, want := range map[string]string{
		plain.URL + "/401/api/v1/read":                "set basic_auth, authorization or oauth2 of this entry",
		plain.URL + "/403/api/v1/read":                "the user or token may not read",
		plain.URL + "/405":                            "is /api/v1/read missing at the end of the URL?",
		plain.URL + "/":                               "is /api/v1/read missing at the end of the URL?",
		plain.URL + "/page":                           "is /api/v1/read missing at the end of the URL?",
		plain.URL + "/api/v1/read":                    "is a prefix missing before /api/v1/read",
		plain.URL + "/503/api/v1/read":                "is the server still starting",
		plain.URL + "/login/api/v1/read":              "use the URL that it redirects to",
		secure.URL + "/api/v1/read":                   "set tls_config.ca_file",
		swap(plain.URL, "http:", "https:") + "/read":  "write http:// instead of https://",
		swap(secure.URL, "https:", "http:") + "/read": "write https:// instead of http://",
		"http://127.0.0.1:1/api/v1/read":              "is the server running, and is its port right?",
		"http://none.invalid/api/v1/read":             "is the name of the host right",
	} {
		file := write(t, url, "detectors: [{name: a, expr: up}, {name: b, expr: up}]\n")
		r := check.File(t.Context(), file, options(time.Now()))
		require.True(t, r.Valid)
		require.Len(t, r.Problems, 1, "one warning a server, and none a detector: %s", said(r))
		p := r.Problems[0]
		require.Equal(t, check.Warning, p.Severity)
		require.Equal(t, "remote_read", p.Check)
		require.Equal(t, 2, p.Line)
		require.Contains(t, p.Remedy, want, "%s: %s", url, p.Message)
		require.Nil(t, r.Costs[0].Series)
	}
}

func TestFile_WarnsWithoutAServer(t *testing.T) {
	o := options(time.Now())
	o.Offline = true
	file := write(t, "http://localhost/api/v1/read", "detector_files: [none/*.yml]\n")
	require.Equal(t, `config.yml:1: warning: there are no detectors and no scalers, so nothing is published; `+
		`add a detector; examples/prometheus.yml has some that work on every Prometheus
config.yml:3: warning: detector_files[0]: none/*.yml matches no file
`, said(check.File(t.Context(), file, o)))

	file = write(t, "http://localhost/api/v1/read", `detectors:
  - {name: raw, expr: sum by (job) (http_requests_total)}
  - name: buckets
    expr: x_bucket{le="1"} / on () group_left () y
  - {name: rated, expr: 'sum(rate(a_total[5m])) / sum(increase(b_total[1h])) and on () c_total'}
  - {name: counted, expr: 'count(a_total) + count_over_time(b_total[5m]) + changes(c_total[5m])'}
  - {name: difference, expr: a_total - a_total offset 5m}
  - {name: level, expr: node_count}
scalers:
  - name: web
    load: http_requests_total
    capacity_per_replica: 1
    max_replicas: 2
`)
	require.Equal(t, `config.yml:4: warning: detector "raw": expr: http_requests_total looks like a counter, and is used `+
		`without rate(); write rate(http_requests_total[5m])
config.yml:6: warning: detector "buckets": expr: x_bucket looks like a counter, and is used without rate(); `+
		`write rate(x_bucket{le="1"}[5m])
config.yml:13: warning: scaler "web": load: http_requests_total looks like a counter, and is used without rate(); `+
		`write rate(http_requests_total[5m])
`, said(check.File(t.Context(), file, o)))
}

func TestFile_IsSilentAboutWhatCommentsDisable(t *testing.T) {
	o := options(time.Now())
	o.Offline = true
	warned := func(text string) (lines []int) {
		for _, p := range check.File(t.Context(), write(t, "http://localhost/api/v1/read", text), o).Problems {
			require.Equal(t, "counter", p.Check, p.Message)
			lines = append(lines, p.Line)
		}
		return lines
	}
	const entries = `detectors:
  # Why: it is no counter.
  # check-config disable counter
  - name: above
    expr: a_total

  - name: inside
    # check-config disable counter: it is no counter
    expr: b_total
  - {name: beside, expr: c_total} # check-config disable counter
  - name: last
    expr: d_total  #check-config  disable  counter
`
	require.Empty(t, warned(entries))
	require.Equal(t, []int{7, 11, 12}, warned(strings.ReplaceAll(entries, "disable counter", "disable metric")))
	require.Equal(t, []int{7}, warned(strings.Replace(entries, "disable counter", "disable join", 1)), "only one of them")
	require.Equal(t, []int{14}, warned(strings.Replace(entries, "  disable", "  enable", 1)))
	require.Equal(t, []int{7}, warned(`detectors:
  - name: above
    # check-config disable counter
    expr: a_total
  - expr: b_total
    name: other
scalers:
  # check-config disable counter
  - {name: s, load: b_total, capacity_per_replica: 1, max_replicas: 2}
`), "a comment is of the entry that it is in")
	require.Empty(t, warned("# check-config file/disable counter\n"+strings.ReplaceAll(entries, "disable counter", "")))

	file := write(t, "http://localhost/api/v1/read", "# check-config disable metrik\ndetectors: [{name: a, expr: up}]\n")
	require.Equal(t, "config.yml:3: warning: there is no check metrik; did you mean \"metric\"?\n",
		said(check.File(t.Context(), file, o)))
	file = write(t, "http://localhost/api/v1/read", "# check-config file/disable empty\ndetector_files: [none/*.yml]\n")
	require.Empty(t, said(check.File(t.Context(), file, o)))
}

func TestFile_NamesFileAndLineOfDetectorFiles(t *testing.T) {
	file := write(t, "http://localhost/api/v1/read", "detector_files: [team.yml]\ndetectors: [{name: own, expr: up}]\n")
	team := filepath.Join(filepath.Dir(file), "team.yml")
	o := options(time.Now())
	o.Offline = true
	require.NoError(t, os.WriteFile(team, []byte("detectors:\n  - name: x\n    expr: a_total\n"), 0o600))
	require.Equal(t, `team.yml:3: warning: detector "x": expr: a_total looks like a counter, and is used without rate(); `+
		"write rate(a_total[5m])\n", said(check.File(t.Context(), file, o)))

	require.NoError(t, os.WriteFile(team, []byte("detectors:\n  - name: x\n    expr: a: b\n"), 0o600))
	r := check.File(t.Context(), file, o)
	require.False(t, r.Valid)
	require.Equal(t, team, r.Problems[0].File)
	require.Equal(t, 3, r.Problems[0].Line)
	require.Equal(t, check.Error, r.Problems[0].Severity)
	require.Contains(t, said(r), "\n        expr: a: b\n               ^\n")
}

// blocks writes two days of series that have a value each minute.
func blocks(t *testing.T, dir string, end time.Time, series map[string]func(i float64) float64) {
	t.Helper()
	p := parser.NewParser(parser.Options{})
	require.NoError(t, servers.WriteBlocks(dir, func(yield func(servers.Series) bool) {
		for text, value := range series {
			l, err := p.ParseMetric(text)
			require.NoError(t, err)
			var samples iter.Seq2[int64, float64] = func(yield func(int64, float64) bool) {
				for i := range 48 * 60 {
					at := end.Add(time.Duration(i-48*60) * time.Minute)
					if v := value(float64(i)); !math.IsNaN(v) && !yield(at.UnixMilli(), v) {
						return
					}
				}
			}
			if !yield(servers.Series{Labels: l, Samples: samples}) {
				return
			}
		}
	}))
}

// histogram writes the native histogram "sizes", of two days.
func histogram(t *testing.T, dir string, end time.Time) {
	t.Helper()
	w, err := tsdb.NewBlockWriter(slog.New(slog.DiscardHandler), dir, (72 * time.Hour).Milliseconds())
	require.NoError(t, err)
	app := w.Appender(t.Context())
	for at := end.Add(-48 * time.Hour); !at.After(end); at = at.Add(time.Minute) {
		_, err := app.AppendHistogram(0, labels.FromStrings("__name__", "sizes"), at.UnixMilli(),
			tsdbutil.GenerateTestHistogram(1), nil)
		require.NoError(t, err)
	}
	require.NoError(t, app.Commit())
	_, err = w.Flush(t.Context())
	require.NoError(t, errors.Join(err, w.Close()))
}

func TestFile_AsksPrometheusWhatIsMeant(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a real Prometheus")
	}
	end, dir := time.Now(), t.TempDir()
	grows := func(i float64) float64 { return 3 * i }
	moves := func(i float64) float64 { return math.Mod(i*7, 11) }
	blocks(t, dir, end, map[string]func(float64) float64{
		`up{job="shop"}`: moves,
		`http_requests_total{job="shop",pod="a"}`:                           grows,
		`http_requests_total{job="shop",pod="b"}`:                           grows,
		`files_count{pod="a"}`:                                              grows,
		`node_count{pod="a"}`:                                               moves,
		`inodes_total{pod="a"}`:                                             moves,
		`memory{namespace="x",pod="a"}`:                                     moves,
		`memory{namespace="x",pod="b"}`:                                     moves,
		`limit{container="c",uid="1"}`:                                      moves,
		`ALERTS{alertstate="firing",service="s",source="predictive_model"}`: moves,
		`ALERTS{alertstate="firing",pod="z"}`:                               moves,
		`limit_pod{pod="a"}`:                                                moves,
		`generation{deployment="d"}`:                                        grows,
		`hits{service="s"}`:                                                 moves,
		`misses{service="t"}`:                                               moves,
		`rare{pod="a"}`: func(i float64) float64 {
			if math.Mod(i, 10) != 3 {
				return math.NaN()
			}
			return i
		},
		`gone{pod="a"}`: func(i float64) float64 {
			if i > 47*60 {
				return math.NaN()
			}
			return i
		},
	})
	histogram(t, dir, end)
	p, err := servers.StartPrometheus(t.Context(), servers.PrometheusOptions{Dir: dir})
	require.NoError(t, err)
	defer p.Stop()

	checked := func(text string) string {
		r := check.File(t.Context(), write(t, p.URL()+"/api/v1/read", "global: {history: 1d, min_history: 1h}\n"+text),
			options(end))
		require.True(t, r.Valid, said(r))
		return said(r)
	}
	require.Empty(t, checked(`detectors:
  - {name: fine, expr: 'sum by (job) (rate(http_requests_total[5m]))'}
  - {name: moving, expr: node_count}
  - {name: rare, expr: 'rate(rare[40m])'}
  - {name: nothing_yet, expr: 'rate(http_requests_total{job="other"}[5m])', missing: zero}
  - {name: named_like_a_counter, expr: inodes_total}
  - {name: bounded, expr: memory, bounds: {upper: {expr: limit_pod}}, mask: {expr: 'ALERTS{service="s"}'}}
  - {name: another, expr: memory, mask: {expr: 'ALERTS{alertstate="firing"}', on: [pod]}}
  - {name: muted, expr: memory, mute: {expr: limit_pod > 1000}}
  - {name: both, by: [pod], inputs: {a: memory, b: 'sum by (pod) (rate(http_requests_total[5m]))'}}
scalers:
  - {name: s, load: 'sum(rate(http_requests_total[5m]))', capacity_per_replica: 1, max_replicas: 2}
`))
	one := "detectors: [{name: x, "
	for text, want := range map[string]string{
		one + "expr: http_requests_total}]": `config.yml:4: warning: detector "x": expr: ` +
			`http_requests_total looks like a counter, and is used without rate(); write rate(http_requests_total[5m])`,
		one + "expr: sizes}]": `detector "x": expr: the values are native histograms, which have no score; select a number`,
		one + "expr: 0 * memory / 0}]": `detector "x": expr: the values of all 2 series are NaN now, which counts as no ` +
			`value; is 0 divided by 0`,
		one + "expr: max(files_count)}]":              `files_count looks like a counter`,
		one + `expr: 'rate({"http.requests"}[5m])'}]`: `detector "x": expr: there is no metric http.requests; `,
		one + "expr: htp_requests}]": `detector "x": expr: there is no metric htp_requests; ` +
			`is the name right, and the exporter that exposes it scraped?`,
		one + `expr: 'rate(rare[10m])'}]`: `detector "x": expr: rare has a sample only every 10m or so, and ` +
			`the expression looks back 10m: at times it has no value; write rate(rare[40m]), or the like, and step: 10m`,
		one + `expr: 'delta(rare[1h]) / on () rare'}]`: `rare has a sample only every 10m or so, and the ` +
			`expression looks back 5m: at times it has no value; write last_over_time(rare[20m]), or the like`,
		one + `expr: 'rate(http_requests[5m])'}]`: `there is no metric http_requests; there is http_requests_total`,
		one + `expr: 'rate(memory_total[5m])'}]`:  `there is no metric memory_total; there is memory`,
		one + `expr: 'rate(http_requests_total{code="500"}[5m])', missing: zero}]`: `no series of http_requests_total ` +
			`has code="500"`,
		one + "expr: gone}]": `metric gone has had no series since `,
		one + `expr: 'memory{namespace="y", pod="a"}'}]`: `no series of memory has namespace="y"; ` +
			`there is {__name__="memory", namespace="x", pod="`,
		one + `expr: 'limit{uid="1", container!="c"}'}]`: `no series of limit has container!="c"`,
		one + `expr: memory / limit}]`: `the expression has no series now, although its metrics have; ` +
			`look at it in Prometheus`,
		one + `expr: memory, bounds: {upper: {expr: limit}}}]`: `bounds.upper joins none of the 2 series on ` +
			`the labels that both have: it has {__name__="limit", container="c", uid="1"}, the series are like ` +
			`{__name__="memory", namespace="x", pod="`,
		one + `expr: memory, bounds: {lower: {expr: none}}}]`: `bounds.lower: there is no metric none`,
		one + `expr: memory, mute: {expr: generation > 1e9, on: [pod]}}]`: `mute joins none of the 2 series ` +
			`on [pod]: it has {__name__="generation", deployment="d"}, the series`,
		one + `expr: memory, mask: {expr: ALERTS, on: [pod, namespace]}}]`: `mask joins none of the 2 series on ` +
			`[pod, namespace]: it has {__name__="ALERTS", alertstate="firing", pod="z"}, the series`,
		one + `expr: memory, mask: {expr: none > 0}}]`:  `mask: there is no metric none`,
		one + `expr: memory, scorer: {weight: limit}}]`: `scorer.weight joins none of the 2 series`,
		one + `by: [service], inputs: {hits: hits, memory: memory}}]`: `inputs.memory: two series have the ` +
			`same labels in by: {__name__="memory", namespace="x", pod="`,
		one + `by: [service], inputs: {hits: hits, misses: misses}}]`: `inputs.hits and inputs.misses have no ` +
			`values of by in common: {__name__="hits", service="s"} and {__name__="misses", service="t"}`,
		`scalers: [{name: x, load: memory, by: [namespace], capacity_per_replica: 1, max_replicas: 2}]`: `load: two series ` +
			`have the same labels in by`,
		"# check-config file/disable metric\n" + one + "expr: none, series_limit: 1}, {name: y, expr: memory, " +
			"series_limit: 1}]": `1 of 2 series are over series_limit`,
		one + `expr: memory, history: 14d}]`: `detector "x": history is 2w, but the oldest values are about 1d2`,
		one + `expr: memory, history: 14d, min_history: 3d}, {name: y, expr: memory, history: 14d}]`: `detector "x": the ` +
			`oldest values are about 1d2`,
		one + `expr: memory, series_limit: 1}]`: `1 of 2 series are over series_limit`,
	} {
		got := checked(text)
		require.Contains(t, got, want)
		require.Equal(t, 1, strings.Count(got, "\n"), "one warning: %s", got)
	}

	address, err := url.Parse(p.URL())
	require.NoError(t, err)
	for off, want := range map[time.Duration]string{
		-10 * time.Second: "",
		5 * time.Minute:   `4 min 5\d s ahead of the one here; `,
		-5 * time.Minute:  `5 min( \d s)? behind the one here; `,
	} {
		proxy := httputil.NewSingleHostReverseProxy(address)
		proxy.ModifyResponse = func(r *http.Response) error {
			r.Header.Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
			return nil
		}
		wrong := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// A ReverseProxy may fail if the answer begins before the body has been read.
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			proxy.ServeHTTP(w, r)
		}))
		got := said(check.File(t.Context(), write(t, wrong.URL+"/api/v1/read", "global: {history: 1d, min_history: 1h}\n"+one+
			"expr: memory}]\n"), options(end)))
		wrong.Close()
		if want == "" {
			require.Empty(t, got)
			continue
		}
		require.Regexp(t, `^config.yml:2: warning: remote_read\[0\]: the clock of the server is `+want, got)
	}

	// Cortex answers so to a tenant that it does not know.
	tenant := p.URL() + "/api/v1/read\n    http_headers: {x-scope-orgid: {values: [other]}}"
	require.Contains(t, said(check.File(t.Context(), write(t, tenant, one+"expr: htp_requests}]\n"), options(end))),
		"config.yml:2: warning: remote_read[0]: the tenant in X-Scope-OrgID has no series of any expression; "+
			"is its name right?")
	require.NotContains(t, said(check.File(t.Context(), write(t, tenant, one+"expr: memory}]\n"), options(end))), "tenant")
}

// Before the first scrape it is said once that nothing is there.
func TestFile_SaysOnceThatNothingIsScraped(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a real Prometheus")
	}
	server, err := servers.StartPrometheus(t.Context(), servers.PrometheusOptions{})
	require.NoError(t, err)
	defer server.Stop()
	file := write(t, server.URL()+"/api/v1/read", "detectors: [{name: x, expr: a}, {name: y, expr: b / c}]\n")
	require.Equal(t, "config.yml:2: warning: remote_read: there is no series of any expression, and no metric up: "+
		"nothing is scraped; was the server started just now? Then wait for its first scrape. If not, is it the "+
		"one that is meant?\n",
		said(check.File(t.Context(), file, options(time.Now()))))
}

// A server that was started just now has nothing at the newest time whose samples are complete, and nothing to learn
// from. A server that gets its samples late has nothing now.
func TestFile_CountsTheSeriesOfAYoungServer(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a real Prometheus")
	}
	end, dir := time.Now(), t.TempDir()
	every := func(step, from, until time.Duration) iter.Seq2[int64, float64] {
		return func(yield func(int64, float64) bool) {
			for ago := from; ago >= until; ago -= step {
				if !yield(end.Add(-ago).UnixMilli(), float64(from-ago)/1e9) {
					return
				}
			}
		}
	}
	p := parser.NewParser(parser.Options{})
	require.NoError(t, servers.WriteBlocks(dir, func(yield func(servers.Series) bool) {
		for text, samples := range map[string]iter.Seq2[int64, float64]{
			`young_total{pod="a"}`:      every(time.Second, 20*time.Second, 0),
			`young_total{pod="b"}`:      every(time.Second, 20*time.Second, 0),
			`level{pod="a"}`:            every(time.Second, 20*time.Second, 0),
			`limit{pod="a"}`:            every(time.Second, 20*time.Second, 0),
			`once_total{pod="a"}`:       every(time.Hour, 10*time.Second, 0),
			`minutes{pod="a"}`:          every(time.Minute, 20*time.Minute, 0),
			`minutes{pod="b"}`:          every(time.Minute, 20*time.Minute, 0),
			`late_total{pod="a"}`:       every(time.Second, 8*time.Minute, 6*time.Minute),
			`yesterday_total{pod="a"}`:  every(time.Minute, 22*time.Hour, 20*time.Hour),
			`old_level{pod="a"}`:        every(time.Minute, 72*time.Hour, 70*time.Hour),
			`minutes{pod="c"}`:          every(time.Minute, 31*time.Hour, 30*time.Hour),
			`ALERTS{alertname="other"}`: every(time.Second, 20*time.Second, 0),
			`up{pod="a"}`:               every(time.Second, 20*time.Second, 0),
		} {
			l, err := p.ParseMetric(text)
			require.NoError(t, err)
			if !yield(servers.Series{Labels: l, Samples: samples}) {
				return
			}
		}
	}))
	server, err := servers.StartPrometheus(t.Context(), servers.PrometheusOptions{
		Dir: dir, Config: "global: {external_labels: {cluster: eu1}}\n",
	})
	require.NoError(t, err)
	defer server.Stop()
	const labels = "/api/v1/read\n    external_labels: {cluster: eu1}"
	checked := func(text string) (*check.Result, []string) {
		r := check.File(t.Context(), write(t, server.URL()+labels, text), options(end))
		require.True(t, r.Valid, said(r))
		return r, strings.Split(strings.TrimSuffix(said(r), "\n"), "\n")
	}
	young := `the oldest values are less than 1h old, too little to learn from: scores and forecasts begin after 1d ` +
		`(min_history); wait; if the server is not new, does it keep less (--storage.tsdb.retention.time)?`

	// One expression fails, and one matches nothing: that is said of these, and of no other.
	r, lines := checked(`detectors:
  - {name: rated, expr: 'rate(young_total[5m])'}
  - {name: fails, expr: 'level * on () group_left () minutes'}
  - {name: hourly, expr: 'level{cluster="eu1"}', step: 1h, bounds: {upper: {expr: limit}}}
  - {name: minutes, expr: minutes, step: 1h}
  - {name: none, expr: none}
  - {name: both, by: [pod], inputs: {a: level, b: 'sum by (pod) (rate(young_total[5m]))'}}
scalers:
  - {name: load, load: 'sum(rate(young_total[5m]))', capacity_per_replica: 1, max_replicas: 2}
`)
	require.Len(t, lines, 3, said(r))
	require.Equal(t, `config.yml:5: warning: detector "rated" and 4 others: `+young, lines[0])
	require.Contains(t, lines[1], `config.yml:6: warning: detector "fails": expr: found duplicate series`)
	require.Contains(t, lines[2], `config.yml:9: warning: detector "none": expr: there is no metric none; `)
	for i, want := range []int{2, -1, 1, 2, 0, 2, 1} {
		if want < 0 {
			require.Nil(t, r.Costs[i].Series, r.Costs[i].Name)
			continue
		}
		require.Equal(t, want, *r.Costs[i].Series, r.Costs[i].Name)
	}
	require.Equal(t, 8, r.Series)

	_, lines = checked("detectors: [{name: x, expr: 'sum(increase(once_total[1m]))'}, {name: y, expr: level}]\n")
	require.Equal(t, []string{
		`config.yml:4: warning: detector "x": expr: increase(once_total[1m]) has no result now: no series has two samples ` +
			`in that time; has it been scraped only once so far? If not, use a range of at least four scrape intervals`,
		`config.yml:4: warning: detector "y": ` + young,
	}, lines)
	_, lines = checked("detectors: [{name: x, expr: level, step: 12h, history: 7d}]\n")
	require.Equal(t, `config.yml:4: warning: detector "x": history is 1w, and a model at a step of 12h needs 10d12h: `+
		`there will never be a score; use a longer history, or a shorter step`, lines[0])
	_, lines = checked("detectors: [{name: x, expr: level, min_history: 10m}]\n")
	require.Contains(t, lines[0], "scores and forecasts begin after 3h40m (min_history)", "a model needs that")
	_, lines = checked("detectors: [{name: x, expr: 'rate(yesterday_total[5m])'}]\n")
	require.Equal(t, []string{
		`config.yml:4: warning: detector "x": expr: metric yesterday_total has had no series since ` +
			end.Add(-20*time.Hour).UTC().Format(time.RFC3339) + `, for 20 h; is the target that exposes it down, or the ` +
			`metric renamed or removed?`,
	}, lines)
	_, lines = checked("detectors: [{name: x, expr: 'avg(old_level)', history: 4d}]\n")
	require.Contains(t, lines[0], "metric old_level has had no series since "+
		end.Add(-70*time.Hour).UTC().Format(time.RFC3339)+", for 2 d 22 h; ")
	_, lines = checked("detectors: [{name: x, expr: 'avg(old_level)', history: 2d, min_history: 1h}]\n")
	require.Contains(t, lines[0], "there is no metric old_level; ")
	_, lines = checked("detectors: [{name: x, expr: 'minutes{pod=\"c\"}'}]\n")
	require.Contains(t, lines[0], "no series of minutes has pod=\"c\" since "+
		end.Add(-30*time.Hour).UTC().Format(time.RFC3339)+", for 1 d 6 h; there is {__name__=\"minutes\"")

	r, lines = checked("global: {query_offset: 7m}\ndetectors: [{name: x, expr: 'rate(late_total[1m])'}]\n")
	require.Equal(t, []string{`config.yml:5: warning: detector "x": ` + young}, lines)
	require.Equal(t, 1, r.Series)

	// More samples than a query may read are no reason to say that there were none.
	few := options(end)
	few.Engine = promql.NewEngine(promql.EngineOpts{
		MaxSamples: 10, Timeout: time.Minute, Parser: parser.NewParser(parser.Options{}),
	})
	r = check.File(t.Context(), write(t, server.URL()+labels, "detectors: [{name: x, expr: old_level}]\n"), few)
	require.Contains(t, said(r), "expr: metric old_level has had no series for a while; is the target")

	// What a backtest of the time before says.
	cfg, err := config.LoadFile(write(t, server.URL()+labels, `detectors:
  - {name: rated, expr: 'rate(young_total[5m])'}
  - {name: gone, expr: old_level}
  - {name: wrong, expr: 'old_level{pod="z"}'}
  - {name: none, expr: 'rate(young_total{pod="c"}[5m])', missing: zero}
`))
	require.NoError(t, err)
	for name, want := range map[string]string{
		"rated": "no series until then: the oldest values are less than 1h old; the first score comes after 1d (min_history)",
		"gone": "expr: metric old_level has had no series since " + end.Add(-70*time.Hour).UTC().Format(time.RFC3339) +
			", for 2 d 22 h; is the target that exposes it down, or the metric renamed or removed?",
		"wrong": "expr: metric old_level has had no series since " + end.Add(-70*time.Hour).UTC().Format(time.RFC3339) +
			", for 2 d 22 h; is the target that exposes it down, or the metric renamed or removed?",
		"none": "nothing has happened yet that the expression counts (missing: zero)",
	} {
		why, later := check.WithoutSeries(t.Context(), cfg, name, options(end))
		require.Equal(t, want, why)
		require.Equal(t, name != "gone" && name != "wrong", later, name)
	}
	// The time that was replayed counts, not what has become of the metric since.
	why, later := check.WithoutSeriesUntil(t.Context(), cfg, "wrong", end.Add(-71*time.Hour), options(end))
	require.False(t, later)
	require.Equal(t, `expr: no series of old_level has pod="z"; there is {__name__="old_level", pod="a"}`, why)

	// The server answers any tenant. That it has series is not hidden by their age.
	tenant := server.URL() + labels + "\n    http_headers: {X-Scope-OrgID: {values: [shop]}}"
	r = check.File(t.Context(), write(t, tenant, "detectors: [{name: x, expr: level}]\n"), options(end))
	require.Equal(t, "config.yml:5: warning: detector \"x\": "+young+"\n", said(r))
}

// A server that begins to fail in the middle: what is missing is not known, and is not guessed.
func TestFile_DoesNotGuessWhatAServerDoesNotAnswer(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) > 5 { // the tests of the server and of the expression
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse")
	}))
	defer server.Close()
	r := check.File(t.Context(), write(t, server.URL, "detectors: [{name: x, expr: m}]\n"), options(time.Now()))
	require.Contains(t, said(r), `detector "x": expr: the expression has no series now; why is not known: `)
	require.NotContains(t, said(r), "both sides of each operator")
}

// What is valid and cannot be meant is said with what is there.
func TestFile_ComparesWithWhatIsThere(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a real Prometheus")
	}
	end, dir := time.Now().Truncate(time.Minute), t.TempDir()
	minutes := func(from, until time.Duration, value func(hour int) float64) iter.Seq2[int64, float64] {
		return func(yield func(int64, float64) bool) {
			for ago := from; ago >= until; ago -= time.Minute {
				if !yield(end.Add(-ago).UnixMilli(), value(int(ago.Hours()))) {
					return
				}
			}
		}
	}
	const days, down = 48*time.Hour + 40*time.Second, 4*time.Minute + 40*time.Second
	p := parser.NewParser(parser.Options{})
	require.NoError(t, servers.WriteBlocks(dir, func(yield func(servers.Series) bool) {
		for text, samples := range map[string]iter.Seq2[int64, float64]{
			`up{pod="a"}`:    minutes(days, 0, func(int) float64 { return 1 }),
			`queue{pod="a"}`: minutes(days, 0, func(hour int) float64 { return 28 + float64(hour%8)/2 }),
			// The target is down, in the last minutes.
			`requests_total{pod="a"}`: minutes(days, down, func(hour int) float64 { return float64(100 - hour) }),
		} {
			l, err := p.ParseMetric(text)
			require.NoError(t, err)
			if !yield(servers.Series{Labels: l, Samples: samples}) {
				return
			}
		}
	}))
	server, err := servers.StartPrometheus(t.Context(), servers.PrometheusOptions{
		Dir: dir, Config: "global: {external_labels: {cluster: eu1, replica: b}}\n",
	})
	require.NoError(t, err)
	defer server.Stop()
	file := write(t, server.URL()+"/api/v1/read\n    external_labels: {cluster: eu1, replica: a}", `
global: {history: 1d}
detectors:
  - {name: queue, expr: queue, data_range: [0, 30]}
  - {name: rounded, expr: queue, data_range: [0, 31.4]}
  - {name: rate, expr: 'rate(requests_total[5m])'}
`)
	lines := strings.Split(said(check.File(t.Context(), file, options(end))), "\n")
	require.Equal(t, []string{
		`config.yml:3: warning: remote_read[0]: external_labels: replica is "a", but series have "b"; copy ` +
			`global.external_labels from the configuration of this server`,
		`config.yml:7: warning: detector "queue": data_range: of 24 values of the last day, 9 are outside of [0, 30], ` +
			`such as 30.5 of {__name__="queue", pod="a", replica="b"}; values outside are never learned from, and score ` +
			`1: widen the range, unless all of them were incidents`,
		`config.yml:9: warning: detector "rate": expr: rate(requests_total[5m]) has no result now: no series has two ` +
			`samples in that time, the newest sample is of ` + end.Add(-down).UTC().Format(time.RFC3339) + `, 4 min 40 s ago; ` +
			`is the target that exposes it down? If not, use a range of at least four scrape intervals`,
		"",
	}, lines)
}
