package ui_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	prometheus "github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
	"github.com/anomaly-exporter/anomaly-exporter/web/marks"
	"github.com/anomaly-exporter/anomaly-exporter/web/ui"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

var end = time.Date(2026, 3, 7, 12, 0, 0, 0, time.UTC)

// hostile is a label value that a page must not take for HTML, for an attribute or for a link.
const hostile = `"><script>alert(1)</script>'`

const testConfig = `
remote_read: [{url: http://localhost:9090/api/v1/read}]
global: {history: 3d, step: 5m, query_offset: 0s}
detectors: [{name: load, expr: load_bytes, bounds: {upper: 2e10}, forecaster: {horizons: [1h]}}]
outcomes: {truth: {expr: load_bytes > 1e12}}
scalers:
  - {name: fleet, load: sum(load_bytes), capacity_per_replica: 1e9, max_replicas: 50, running_replicas: vector(3)}
  - {name: new, load: sum(load_bytes), capacity_per_replica: {utilization: none, replicas: none}, max_replicas: 5}
`

// pages returns a handler of the pages of a real exporter. high tells whether something is anomalous.
func pages(t *testing.T, high bool, change ...func(*ui.Options)) http.Handler {
	t.Helper()
	return pagesOf(t, testConfig, high, change...)
}

// pagesOf does so with a configuration.
func pagesOf(t *testing.T, text string, high bool, change ...func(*ui.Options)) http.Handler {
	t.Helper()
	db := storage.New(t)
	series := []labels.Labels{
		labels.FromStrings("__name__", "load_bytes", "job", "api", "namespace", "shop"),
		labels.FromStrings("__name__", "load_bytes", "job", hostile, "namespace", "shop"),
	}
	for i := range 150 {
		many := labels.FromStrings("__name__", "many", "pod", strconv.Itoa(i))
		storage.WriteSeries(t, db, many, end.Add(-2*time.Hour).UnixMilli(), end.UnixMilli(), 300_000,
			func(int64) float64 { return 1 })
	}
	line := labels.FromStrings("__name__", "line", "job", "api") // 1 a minute, and 0 at the end
	storage.WriteSeries(t, db, line, end.Add(-4*24*time.Hour).UnixMilli(), end.UnixMilli(), 300_000,
		func(ts int64) float64 { return float64(ts-end.UnixMilli()) / 60_000 })
	for _, pod := range []string{"api-a", "api-b"} { // b was replaced an hour and a half ago, and had been busy before
		busy := labels.FromStrings("__name__", "busy", "namespace", "shop", "container", "api", "pod", pod)
		last := end
		if pod == "api-b" {
			last = end.Add(-90 * time.Minute)
		}
		storage.WriteSeries(t, db, busy, end.Add(-4*24*time.Hour).UnixMilli(), last.UnixMilli(), 300_000,
			func(ts int64) float64 {
				v := 10 + math.Sin(float64(ts))
				if last != end && ts > last.Add(-30*time.Minute).UnixMilli() {
					v *= 5
				}
				return v
			})
	}
	alert := labels.FromStrings("__name__", "ALERTS", "alertname", hostile, "alertstate", "firing", "namespace", "shop")
	storage.WriteSeries(t, db, alert, end.Add(-50*time.Minute).UnixMilli(), end.Add(-20*time.Minute).UnixMilli(), 300_000,
		func(int64) float64 { return 1 })
	storage.Write(t, db, end.Add(-4*24*time.Hour).UnixMilli(), end.UnixMilli(), 300_000, func(i int, ts int64) float64 {
		v := 5e9 + 1e8*math.Sin(float64(ts)*float64(i+1)) // as good as noise
		if high && ts > end.Add(-time.Hour).UnixMilli() {
			v *= 2
		}
		return v
	}, series...)
	m, err := detector.New(detector.Options{Engine: storage.NewEngine(5*time.Minute, 50e6)})
	require.NoError(t, err)
	cfg, err := config.Load([]byte(text), "test.yml")
	require.NoError(t, err)
	require.NoError(t, m.ApplyConfig(cfg, db))
	for at := end.Add(-2 * time.Hour); !at.After(end); at = at.Add(5 * time.Minute) {
		require.NoError(t, m.Cycle(t.Context(), at))
	}
	now := func() time.Time { return end.Add(time.Minute) }
	v, err := view.New(view.Options{
		Snapshot: m.Snapshot, Config: func() *config.Config { return cfg }, Replay: m.ReplaySeries, Now: now,
	})
	require.NoError(t, err)
	o := ui.Options{View: v, Now: now, Prefix: "/anomaly", Version: "1.2.3"}
	o.Links.Graph = "https://example.com/prometheus"
	o.Config = func() *config.Config { return cfg }
	o.Marks = marks.New(marks.Range(storage.NewEngine(5*time.Minute, 50e6), func() prometheus.Queryable { return db }))
	for _, f := range change {
		f(&o)
	}
	u, err := ui.New(o)
	require.NoError(t, err)
	mux := http.NewServeMux()
	u.Register(mux)
	return mux
}

func get(t *testing.T, h http.Handler, path string) (status int, body string) {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
	if strings.HasPrefix(rec.Header().Get("Content-Type"), "text/html") && rec.Code != http.StatusFound {
		require.Contains(t, rec.Header().Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'")
		require.NotContains(t, rec.Header().Get("Content-Security-Policy"), "unsafe")
	}
	b, err := io.ReadAll(rec.Body)
	require.NoError(t, err)
	return rec.Code, string(b)
}

func TestOverview_ShowsWhatIsAnomalous(t *testing.T) {
	status, body := get(t, pages(t, true), "/")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `<a href="/anomaly/series?detector=load&amp;job=api&amp;metric_name=load_bytes&amp;`+
		`namespace=shop">load of shop/api</a>`)
	require.Regexp(t, `9\.\d+ GiB</td>\s*<td data-label="usual">4\.\d+ to 4\.\d+ GiB</td>`, body)
	require.Contains(t, body, "since 11:05")
	require.Contains(t, body, `2 of 2 scores are high; 1 series has no result, see <a href="#detectors">why</a>.`)
	require.Contains(t, body, "fleet")
	require.Contains(t, body, `<a href="/anomaly/api/v1/context?format=markdown&amp;match%5B%5D=%7B`+
		`namespace%3D%22shop%22%7D">context</a>`)
	require.Contains(t, body, "1.2.3")
	require.Regexp(t, `How right it has been recently[\s\S]*<tr><td>load</td>`+
		`<td class="n" data-label="true alerts">0</td><td class="n" data-label="false">2</td>`+
		`<td class="n" data-label="undecided">0</td>.*>7 Mar 10:00</td>\s*`+
		`<td data-label="forecast error">1h: \d+ %<br></td><td data-label="inside">1h: \d+ % of 80 %<br></td>`, body)
	require.NotContains(t, body, "<script>alert", "labels are escaped")
	require.NotContains(t, body, "ZgotmplZ", "nor does the template refuse a value")
}

// An exporter that starts in an incident does not know when that began until it has looked.
func TestOverview_SaysThatAnAnomalyMayHaveBegunEarlier(t *testing.T) {
	db := storage.New(t)
	storage.Write(t, db, end.Add(-4*24*time.Hour).UnixMilli(), end.UnixMilli(), 300_000, func(_ int, ts int64) float64 {
		if ts > end.Add(-time.Hour).UnixMilli() {
			return 50
		}
		return 10 + math.Sin(float64(ts))
	}, labels.FromStrings("__name__", "load", "job", "api"))
	cfg, err := config.Load([]byte("remote_read: [{url: http://localhost:9090/api/v1/read}]\n"+
		"global: {step: 5m, history: 3d, query_offset: 0s}\ndetectors: [{name: load, expr: load}]\n"), "test.yml")
	require.NoError(t, err)
	m, err := detector.New(detector.Options{Engine: storage.NewEngine(5*time.Minute, 50e6)})
	require.NoError(t, err)
	require.NoError(t, m.ApplyConfig(cfg, db))
	require.NoError(t, m.Cycle(t.Context(), end))
	v, err := view.New(view.Options{
		Snapshot: m.Snapshot, Config: func() *config.Config { return cfg }, Now: func() time.Time { return end },
		Replay: func(context.Context, result.Source, []labels.Labels, time.Time, time.Time, func(*result.Batch)) error {
			return errors.New("does not answer")
		},
	})
	require.NoError(t, err)
	u, err := ui.New(ui.Options{View: v, Now: func() time.Time { return end }})
	require.NoError(t, err)
	mux := http.NewServeMux()
	u.Register(mux)
	_, body := get(t, mux, "/")
	require.Contains(t, body, `<small>since 12:00 or earlier (`)
	require.Contains(t, body, `<td data-label="since">12:00 or earlier</td>`)
}

// One workload with hundreds of pods would hide all others, on a phone above all.
func TestOverview_FoldsTheMembersOfAWorkload(t *testing.T) {
	var pods []string
	for i := range 13 {
		pods = append(pods, fmt.Sprintf(`label_replace(load_bytes{job="api"}, "pod", "pod-%d", "", "")`, i))
	}
	status, body := get(t, pagesOf(t, "remote_read: [{url: http://localhost:9090/api/v1/read}]\n"+
		"global: {step: 5m, history: 3d, query_offset: 0s}\n"+
		"detectors: [{name: load, expr: '"+strings.Join(pods, " or ")+"'}]\n", true), "/")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "13 of 13 scores are high")
	shown, folded, found := strings.Cut(body, "<summary>3 more</summary>")
	require.True(t, found)
	require.Equal(t, 10, strings.Count(shown, ">load of "))
	require.Equal(t, 3, strings.Count(folded, ">load of "))
}

func TestOverview_ReassuresWhenNothingIsAnomalous(t *testing.T) {
	_, body := get(t, pages(t, false), "/")
	require.Regexp(t, `Nothing anomalous; the highest of 2\s+scores is 0\.\d\d\.`, body)
	require.Contains(t, body, "No forecast crosses a bound")
}

func TestOverview_ShowsOnlyWhatTheFilterMatches(t *testing.T) {
	h := pages(t, true)
	_, body := get(t, h, "/?match="+url.QueryEscape(`{job="api"}`))
	require.Contains(t, body, "load of shop/api")
	require.Equal(t, 1, strings.Count(body, "<article"))
	_, body = get(t, h, "/?detector=fleet")
	require.Contains(t, body, "Nothing anomalous: no series has a score yet.")
	require.NotContains(t, body, "How right", "nothing tells of a scaler")
	status, body := get(t, h, "/?match="+url.QueryEscape(`{job=`))
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, body, "match[]: ")
}

func TestSeries_ShowsOne(t *testing.T) {
	h := pages(t, true)
	for _, job := range []string{"api", hostile} {
		status, body := get(t, h, "/series?detector=load&range=1h&job="+url.QueryEscape(job))
		require.Equal(t, http.StatusOK, status)
		require.Regexp(t, `is 9\.\d+ GiB; usual now is 4\.\d+ to 4\.\d+ GiB\. Since 11:05 \(56 min\)\.`, body)
		require.Contains(t, body, `aria-current="true">1h</a>`)
		require.Contains(t, body, `start=2026-03-07T11%3A00%3A00Z`)
		require.Contains(t, body, "load_bytes</pre>")
		require.Contains(t, body, `href="https://example.com/prometheus/graph?g0.expr=load_bytes&amp;g0.tab=0"`)
		require.Contains(t, body, "What makes the score")
		require.Contains(t, body, ">24h</a> <a href=\"?detector=load&amp;job="+url.QueryEscape(job)+
			"&amp;range=all\">all</a> </nav>")
		require.Contains(t, body, "<td>compared with its own past; fitted every 6h</td>")
		require.Regexp(t, `<th>forecast by</th><td>a combination, led by [a-z ]+: [^<]+</td>`, body)
		require.Contains(t, body, "is not expected to be crossed")
		// Without JavaScript, the last hour is a table.
		require.Regexp(t, `<td class="time">12:00</td><td class="n">9\.\d+ GiB</td>`, body)
		require.Regexp(t, `<td class="time">11:00</td><td class="n">4\.\d+ GiB</td>`, body)
		require.Equal(t, 13, strings.Count(body, `<tr><td class="time">1`))
		require.NotContains(t, body, "<script>alert")
		require.NotContains(t, body, "ZgotmplZ")
	}
}

func TestScaler_ShowsWhatWouldHaveRun(t *testing.T) {
	h := pages(t, true)
	status, _ := get(t, h, "/series?scaler=fleet")
	require.Equal(t, http.StatusFound, status)
	status, body := get(t, h, "/scaler?scaler=fleet&range=6h")
	require.Equal(t, http.StatusOK, status)
	require.Regexp(t, `fleet needs \d+ replicas.*, and a replica carries 954 MiB\. Running: 3\.`, body)
	require.Contains(t, body, `aria-current="true">6h</a>`)
	require.Regexp(t, `<th>recommended</th>(<td class="n" data-label="[a-z-]+">[\d.]+</td>){2}`+
		`<td class="n" data-label="cost">unknown</td>`, body)
	for _, strategy := range []string{"reactive", "static", "running"} {
		require.Contains(t, body, "<th>"+strategy+"</th>")
	}
	require.Regexp(t, `<td class="time">11:\d\d</td><td class="n">\d+ to \d+</td><td>the forecast load</td>`, body)
	require.Contains(t, body, "sum(load_bytes)</pre>")
	require.Contains(t, body, "/anomaly/api/v1/recommendations?match%5B%5D=")
	require.NotContains(t, body, "ZgotmplZ")
	status, body = get(t, h, "/scaler?scaler=new")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "new has no recommendation (learning): the capacity of a replica has not been learned yet; "+
		"wait, or set capacity_per_replica.")
	require.NotContains(t, body, "NaN")
	require.NotContains(t, body, "charts.js")
	status, _ = get(t, h, "/scaler?detector=load&job=api")
	require.Equal(t, http.StatusFound, status)
}

func TestSeries_TellsWhatItDoesNotFind(t *testing.T) {
	h := pages(t, false)
	status, body := get(t, h, "/series?detector=load&namespace=shop")
	require.Equal(t, http.StatusMultipleChoices, status)
	require.Contains(t, body, "2 series have these labels")
	status, body = get(t, h, "/series?detector=load&job=none")
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, body, "No series has these labels now")
	require.Contains(t, body, `<a href="/anomaly/series?detector=load">All series of its detector</a>`)
	_, body = get(t, h, "/series?detector=load&job=none&namespace=a%27b&at=2026-03-07T11:30")
	require.Contains(t, html.UnescapeString(body), `context --config.file=FILE --at=2026-03-07T11:30:00Z `+
		`--match='{namespace="a'\''b"}'`)
	_, body = get(t, h, "/series?detector=none&job=none")
	require.NotContains(t, body, "context")
	status, _ = get(t, h, "/series?detector=load&job=api&replica_of_prometheus=b")
	require.Equal(t, http.StatusOK, status, "a label that only the scrape knows")
	status, _ = get(t, h, "/nothing")
	require.Equal(t, http.StatusNotFound, status)
	status, _ = get(t, h, "/assets/")
	require.Equal(t, http.StatusNotFound, status)
	status, _ = get(t, h, "/assets/series.js")
	require.Equal(t, http.StatusOK, status)
}

func TestPlayground_ShowsTheYAMLOfWhatIsInForce(t *testing.T) {
	cfg, err := config.Load([]byte(`
remote_read: [{url: http://user:secret@localhost:9090/api/v1/read}]
detectors: [{name: load, expr: 'load_bytes{job!="</textarea><script>alert(1)</script>"}', scorer: {direction: above}}]
scalers:
  - {name: fleet, load: sum(load_bytes), capacity_per_replica: 1e9, max_replicas: 50}
  - {name: requests, resources: {cpu: load_bytes}}
`), "test.yml")
	require.NoError(t, err)
	inForce := cfg
	h := pages(t, false, func(o *ui.Options) { o.Playground = func() *config.Config { return inForce } })
	for _, path := range []string{"/playground", "/playground?of=detector/load"} {
		status, body := get(t, h, path)
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, body, "detectors:\n  - name: load\n    expr: load_bytes{job!=&#34;&lt;/textarea&gt;")
		require.Contains(t, body, "    scorer:\n      direction: above\n</textarea>")
		require.Contains(t, body, `<option value="detector/load" selected>load</option>`)
		require.Contains(t, body, `data-url="/anomaly/api/v1/backtest"`)
		require.NotContains(t, body, "scaler/requests", "there is nothing to replay")
		require.NotContains(t, body, "<script>alert")
		require.NotContains(t, body, "secret")
	}
	_, body := get(t, h, "/playground?of=scaler/fleet/cpu")
	require.Contains(t, body, "scalers:\n  - name: fleet\n    load: sum(load_bytes)\n")
	status, body := get(t, h, "/playground?of=detector/none")
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, body, "there is no detector &#34;none&#34;")
	_, body = get(t, h, "/series?detector=load&job=api")
	require.Contains(t, body, `href="/anomaly/playground?of=detector/load"`)
	_, body = get(t, h, "/")
	require.Contains(t, body, `href="/anomaly/playground"`)
	inForce = nil
	status, _ = get(t, h, "/playground")
	require.Equal(t, http.StatusServiceUnavailable, status)

	h = pages(t, false)
	status, _ = get(t, h, "/playground")
	require.Equal(t, http.StatusNotFound, status, "without its flag it is not there")
	for _, path := range []string{"/", "/series?detector=load&job=api"} {
		_, body = get(t, h, path)
		require.NotContains(t, body, "playground")
	}
}

// A browser that has the files of another version asks for those of this one.
func TestFiles_AreCompressedAndOfTheSameVersion(t *testing.T) {
	h := pages(t, false)
	_, body := get(t, h, "/series?detector=load&job=api")
	found := regexp.MustCompile(`"/anomaly(/assets/[^"?]+\?[0-9a-z]+)"`).FindAllStringSubmatch(body, -1)
	require.Len(t, found, 7)
	require.Equal(t, 7, strings.Count(body, "/assets/"))
	for _, address := range append(found, []string{"", "/"}) {
		r := httptest.NewRequest(http.MethodGet, address[1], nil)
		r.Header.Set("Accept-Encoding", "gzip")
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		require.Equal(t, http.StatusOK, rec.Code)
		if !strings.Contains(address[1], "icon.svg") { // too small
			require.Equal(t, "gzip", rec.Header().Get("Content-Encoding"), address[1])
		}
	}
}

// The policy would refuse them anyway, but then a page would look broken.
func TestFiles_LoadNothingFromElsewhere(t *testing.T) {
	address := regexp.MustCompile(`(https?:)?//[a-z0-9.-]+\.[a-z]+`)
	inline := regexp.MustCompile(`(?i)\son[a-z]+=|\sstyle=|<style|<script>|javascript:`)
	for _, folder := range []string{"assets", "templates"} {
		require.NoError(t, fs.WalkDir(os.DirFS(folder), ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasPrefix(path, "uPlot") {
				return err
			}
			b, err := os.ReadFile(folder + "/" + path)
			require.NoError(t, err)
			text := strings.ReplaceAll(string(b), "http://www.w3.org/2000/svg", "")
			require.Empty(t, address.FindAllString(text, -1), path)
			if strings.HasSuffix(path, ".html") {
				require.Empty(t, inline.FindAllString(text, -1), path)
			}
			return nil
		}))
	}
}
