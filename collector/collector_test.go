package collector_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	kgzip "github.com/klauspost/compress/gzip"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anomaly-exporter/anomaly-exporter/collector"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What Prometheus sends: 3.x by default, 3.x that prefers protobuf, and 2.42.
const (
	acceptV3      = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
	acceptV3Text  = "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.2"
	acceptV3Proto = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,*/*;q=0.2"
	acceptV2      = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)

func newCollector(t testing.TB) (*collector.Collector, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewRegistry()
	c, err := collector.New(collector.Options{Registerer: reg, Gatherer: reg})
	require.NoError(t, err)
	return c, reg
}

func result(v float64, pairs ...string) detector.Result {
	r := detector.Result{Value: v}
	for i := 0; i < len(pairs); i += 2 {
		r.Labels = append(r.Labels, labels.Label{Name: pairs[i], Value: pairs[i+1]})
	}
	slices.SortFunc(r.Labels, func(a, b labels.Label) int { return strings.Compare(a.Name, b.Name) })
	return r
}

func part(name string, family detector.Family, results ...detector.Result) *detector.Part {
	p := &detector.Part{Detector: name}
	p.Results[family] = results
	return p
}

func scrape(t testing.TB, h http.Handler, header ...string) *http.Response {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec.Result()
}

func text(t testing.TB, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, resp.Header.Get("Content-Length"), strconv.Itoa(len(b)))
	return string(b)
}

// parse reads an exposition as Prometheus does, and fails on whatever would fail the scrape.
func parse(t testing.TB, text, contentType string) map[string]float64 {
	t.Helper()
	p, err := textparse.New([]byte(text), contentType, labels.NewSymbolTable(), textparse.ParserOptions{})
	require.NoError(t, err)
	series := map[string]float64{}
	closed := map[string]bool{}
	var family string
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return series
		}
		require.NoError(t, err, text)
		switch entry {
		case textparse.EntryHelp:
			name, _ := p.Help()
			require.False(t, closed[string(name)], "family %s in two places", name)
			closed[string(name)] = true
			family = string(name)
		case textparse.EntrySeries:
			var ls labels.Labels
			p.Labels(&ls)
			_, ts, v := p.Series()
			require.Nil(t, ts)
			_, duplicate := ls.HasDuplicateLabelNames()
			require.False(t, duplicate, "%s", ls)
			require.True(t, ls.IsValid(2), "%s", ls)
			require.True(t, strings.HasPrefix(ls.Get(labels.MetricName), family), "%s under %s", ls, family)
			require.NotContains(t, series, ls.String())
			series[ls.String()] = v
		}
	}
}

func TestExposition(t *testing.T) {
	c, _ := newCollector(t)
	a := part("a", detector.Score, result(0.25, "detector", "a", "instance", "", "path", `C:\ "x"`+"\n"), result(math.NaN(), "detector", "a", "instance", "y"))
	a.Results[detector.Yhat] = []detector.Result{result(1, "detector", "a", "horizon", "0s"), result(1e21, "detector", "a", "horizon", "1h")}
	b := part("b", detector.Score, result(math.Inf(1), "detector", "b"), result(math.Inf(-1), "detector", "b", "job", "j"))
	c.Publish(&detector.Snapshot{Parts: []*detector.Part{a, b}})

	want := `# HELP anomaly_score ` + detector.Score.Help() + `
# TYPE anomaly_score gauge
anomaly_score{detector="a",instance="",path="C:\\ \"x\"\n"} 0.25
anomaly_score{detector="a",instance="y"} NaN
anomaly_score{detector="b"} +Inf
anomaly_score{detector="b",job="j"} -Inf
# HELP forecast_yhat ` + detector.Yhat.Help() + `
# TYPE forecast_yhat gauge
forecast_yhat{detector="a",horizon="0s"} 1
forecast_yhat{detector="a",horizon="1h"} 1e+21
`
	resp := scrape(t, c, "Accept", "text/plain")
	got := text(t, resp)
	require.Equal(t, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", resp.Header.Get("Content-Type"))
	require.True(t, strings.HasPrefix(got, want), got)
	require.NotContains(t, got, "# EOF")
	parse(t, got, resp.Header.Get("Content-Type"))

	resp = scrape(t, c, "Accept", acceptV3)
	got = text(t, resp)
	require.Equal(t, "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8", resp.Header.Get("Content-Type"))
	require.True(t, strings.HasPrefix(got, want), got)
	require.True(t, strings.HasSuffix(got, "\n# EOF\n"))
	series := parse(t, got, resp.Header.Get("Content-Type"))
	require.Equal(t, 0.25, series[`{__name__="anomaly_score", detector="a", instance="", path="C:\\ \"x\"\n"}`])
	require.Equal(t, float64(6), series[`{__name__="anomaly_exporter_results"}`])
}

func TestNegotiation(t *testing.T) {
	const (
		plain   = "text/plain; version=0.0.4; charset=utf-8; escaping="
		open    = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping="
		oldOpen = "application/openmetrics-text; version=0.0.1; charset=utf-8; escaping="
	)
	for _, tc := range []struct{ name, accept, want, series string }{
		{"Prometheus 3", acceptV3, open + "allow-utf-8", `anomaly_score{detector="a","k8s.pod"="p"} 1`},
		{"Prometheus 3, text", acceptV3Text, plain + "allow-utf-8", `anomaly_score{detector="a","k8s.pod"="p"} 1`},
		{"Prometheus 3, protobuf first", acceptV3Proto, open + "allow-utf-8", `anomaly_score{detector="a","k8s.pod"="p"} 1`},
		{"Prometheus 2", acceptV2, open + "underscores", `anomaly_score{detector="a",k8s_pod="p"} 1`},
		{"curl", "*/*", plain + "underscores", `anomaly_score{detector="a",k8s_pod="p"} 1`},
		{"nothing", "", plain + "underscores", `anomaly_score{detector="a",k8s_pod="p"} 1`},
		{"OpenMetrics without a version", "application/openmetrics-text", oldOpen + "underscores", `anomaly_score{detector="a",k8s_pod="p"} 1`},
		{"dots are not offered", "text/plain;version=0.0.4;escaping=dots", plain + "underscores", `anomaly_score{detector="a",k8s_pod="p"} 1`},
		{"only protobuf", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", plain + "underscores", `k8s_pod="p"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, _ := newCollector(t)
			c.Publish(&detector.Snapshot{Parts: []*detector.Part{part("a", detector.Score, result(1, "detector", "a", "k8s.pod", "p"))}})
			resp := scrape(t, c, "Accept", tc.accept)
			require.Equal(t, tc.want, resp.Header.Get("Content-Type"))
			require.Contains(t, text(t, resp), tc.series)
		})
	}
}

func TestGzip(t *testing.T) {
	for _, tc := range []struct {
		header string
		want   bool
	}{
		{"gzip", true},
		{"deflate, GZIP;q=0.5", true},
		{"gzip; q=0", false},
		{"identity", false},
		{"", false},
	} {
		c, _ := newCollector(t)
		resp := scrape(t, c, "Accept-Encoding", tc.header)
		require.Equal(t, tc.want, resp.Header.Get("Content-Encoding") == "gzip", tc.header)
	}

	c, _ := newCollector(t)
	check := func() {
		resp := scrape(t, c, "Accept", acceptV3, "Accept-Encoding", "gzip")
		packed := text(t, resp)

		r, err := gzip.NewReader(strings.NewReader(packed))
		require.NoError(t, err)
		r.Multistream(false)
		plain, err := io.ReadAll(r) // ends in a comparison of checksum and length
		require.NoError(t, err)
		parse(t, string(plain), resp.Header.Get("Content-Type"))

		kr, err := kgzip.NewReader(strings.NewReader(packed))
		require.NoError(t, err)
		again, err := io.ReadAll(kr)
		require.NoError(t, err)
		require.Equal(t, string(plain), string(again))

		if gunzip, err := exec.LookPath("gzip"); err == nil {
			cmd := exec.Command(gunzip, "-dc")
			cmd.Stdin = strings.NewReader(packed)
			out, err := cmd.Output()
			require.NoError(t, err)
			require.Equal(t, string(plain), string(out))
		}
	}
	check() // nothing published
	a := part("a", detector.Score, many("a", 3000)...)
	a.Results[detector.Yhat] = many("a", 10)
	b := part("b", detector.Score, many("b", 1)...)
	c.Publish(&detector.Snapshot{Parts: []*detector.Part{a, b}})
	check()
	c.Publish(&detector.Snapshot{Parts: []*detector.Part{b, part("c", detector.ModelState, many("c", 500)...)}})
	check()
	c.Publish(&detector.Snapshot{})
	check()
}

func many(name string, n int) []detector.Result {
	results := make([]detector.Result, n)
	for i := range results {
		results[i] = result(float64(i)/7, "detector", name, "instance", "", "job", "shop", "pod", "checkout-"+strconv.Itoa(i), "namespace", "shop")
	}
	return results
}

func TestCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Log("curl is not installed: gzip is read by two libraries and gzip(1) alone")
		return
	}
	c, _ := newCollector(t)
	c.Publish(&detector.Snapshot{Parts: []*detector.Part{part("a", detector.Score, many("a", 2000)...)}})
	srv := httptest.NewServer(c)
	defer srv.Close()
	out, err := exec.Command(curl, "-sS", "--fail", "--compressed", "-H", "Accept: "+acceptV3, srv.URL).Output()
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(parse(t, string(out), "application/openmetrics-text; version=1.0.0")), 2000)
}

func TestDropped(t *testing.T) {
	c, reg := newCollector(t)
	dropped := func(duplicate, escaped, invalid int) {
		t.Helper()
		scrape(t, c)
		require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`# HELP anomaly_exporter_results_dropped_total Results left out of the exposition, counted again each time they are rendered, by reason: duplicate, escaped, invalid.
# TYPE anomaly_exporter_results_dropped_total counter
anomaly_exporter_results_dropped_total{reason="duplicate"} `+strconv.Itoa(duplicate)+`
anomaly_exporter_results_dropped_total{reason="escaped"} `+strconv.Itoa(escaped)+`
anomaly_exporter_results_dropped_total{reason="invalid"} `+strconv.Itoa(invalid)+"\n"), "anomaly_exporter_results_dropped_total"))
	}
	dropped(0, 0, 0)

	// The same series twice in a part, and in another part.
	twice := part("a", detector.Score, result(1, "detector", "a"), result(2, "detector", "a"))
	c.Publish(&detector.Snapshot{Parts: []*detector.Part{twice, part("b", detector.Score, result(3, "detector", "a"))}})
	require.Contains(t, text(t, scrape(t, c)), "anomaly_score{detector=\"a\"} 1\n")
	dropped(2, 0, 0)

	// With the first part gone the series is free for another.
	c.Publish(&detector.Snapshot{Parts: []*detector.Part{part("b", detector.Score, result(4, "detector", "a"))}})
	require.Contains(t, text(t, scrape(t, c)), "anomaly_score{detector=\"a\"} 4\n")
	dropped(2, 0, 0)

	// Names that differ only in what underscores hide: two series in UTF-8, one without; and one series that cannot be written without.
	odd := part("a", detector.Score,
		result(1, "detector", "a", "x.y", "1"), result(2, "detector", "a", "x_y", "1"), result(3, "detector", "a", "x.y", "2", "x_y", "3"))
	c.Publish(&detector.Snapshot{Parts: []*detector.Part{odd}})
	require.Equal(t, 3, strings.Count(text(t, scrape(t, c, "Accept", acceptV3)), "\nanomaly_score{"))
	require.Equal(t, 1, strings.Count(text(t, scrape(t, c, "Accept", acceptV2)), "\nanomaly_score{"))
	dropped(2, 2, 0)

	// Another part changes, this one is not rendered or counted again.
	c.Publish(&detector.Snapshot{Parts: []*detector.Part{odd, part("b", detector.Score, result(1, "detector", "b"))}})
	require.Equal(t, 2, strings.Count(text(t, scrape(t, c, "Accept", acceptV2)), "\nanomaly_score{"))
	dropped(2, 2, 0)

	// Labels that would fail the scrape.
	c.Publish(&detector.Snapshot{Parts: []*detector.Part{part("a", detector.Score,
		result(1, "detector", "a"), result(1, "", "x"), result(1, "__name__", "x"), result(1, "x", "1", "x", "2"), result(1, "\xff", "1", "\xfe", "2"))}})
	require.Equal(t, 1, strings.Count(text(t, scrape(t, c, "Accept", acceptV3)), "\nanomaly_score{"))
	dropped(2, 2, 4)
}

func TestRun(t *testing.T) {
	c, _ := newCollector(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.Run(ctx) }()
	for i := range 100 {
		c.Publish(&detector.Snapshot{Parts: []*detector.Part{part("a", detector.Score, result(float64(i), "detector", "a"))}})
		require.Contains(t, text(t, scrape(t, c)), "anomaly_score{detector=\"a\"} "+strconv.Itoa(i)+"\n", "a scrape never shows less than what was published before it")
	}
	cancel()
	require.NoError(t, <-done)
}

func TestOwnMetricsIncomplete(t *testing.T) {
	reg := prometheus.NewRegistry()
	promauto.With(reg).NewGaugeFunc(prometheus.GaugeOpts{Name: "good", Help: "h"}, func() float64 { return 1 })
	reg.MustRegister(failing{})
	c, err := collector.New(collector.Options{Registerer: prometheus.NewRegistry(), Gatherer: reg})
	require.NoError(t, err)
	c.Publish(&detector.Snapshot{Parts: []*detector.Part{part("a", detector.Score, result(1, "detector", "a"))}})
	resp := scrape(t, c, "Accept", acceptV3)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	series := parse(t, text(t, resp), resp.Header.Get("Content-Type"))
	require.Len(t, series, 2)
}

type failing struct{}

func (failing) Describe(ch chan<- *prometheus.Desc) { ch <- prometheus.NewDesc("bad", "h", nil, nil) }

func (failing) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.NewInvalidMetric(prometheus.NewDesc("bad", "h", nil, nil), errors.New("no"))
}

func TestOptions(t *testing.T) {
	_, err := collector.New(collector.Options{Gatherer: prometheus.NewRegistry()})
	require.EqualError(t, err, "collector: no registerer")
	_, err = collector.New(collector.Options{Registerer: prometheus.NewRegistry()})
	require.EqualError(t, err, "collector: no gatherer")
}

// TestHelp holds what lets one rendering serve both formats.
func TestHelp(t *testing.T) {
	for family := range detector.NumFamilies {
		require.NotContains(t, family.Help(), `"`)
		require.NotContains(t, family.Help(), `\`)
		require.NotContains(t, family.Help(), "\n")
	}
}

// FuzzRender checks that no label, whatever its name and value, can fail a scrape or lose another series.
func FuzzRender(f *testing.F) {
	f.Add("pod", "checkout", "k8s.pod", `a"b\c`, 1.5)
	f.Add("x:y", "\x00\n\r\t", "x\x00y\n", "\xff\xfe", math.Inf(-1))
	f.Add("", "", "__name__", "up", math.NaN())
	f.Add("ünï", "{", `"`, "}", 0.0)
	f.Add("1a", "#", "_a", "# EOF", -0.0)
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string, v float64) {
		c, _ := newCollector(t)
		c.Publish(&detector.Snapshot{Parts: []*detector.Part{part("a", detector.Score,
			result(v, "detector", "a"), result(v, "detector", "a", name1, value1, name2, value2), result(v, "detector", "b", name2, value1))}})
		for _, accept := range []string{acceptV3, acceptV3Text, acceptV2, "text/plain"} {
			resp := scrape(t, c, "Accept", accept)
			series := parse(t, text(t, resp), resp.Header.Get("Content-Type"))
			require.Contains(t, series, `{__name__="anomaly_score", detector="a"}`)
			if strings.Contains(accept, "allow-utf-8") && ordinary(name1) && ordinary(name2) && name1 != name2 {
				want := labels.FromStrings("__name__", "anomaly_score", "detector", "a", name1, readable(value1), name2, readable(value2))
				require.Contains(t, series, want.String(), "names and values come through as they are")
			}
		}
	})
}

// ordinary reports whether a label of that name is one that Prometheus could have sent us, and not one that the test sets.
func ordinary(name string) bool {
	return name != "" && name != "__name__" && name != "detector" && utf8.ValidString(name) && !strings.Contains(name, "\x00")
}

func readable(value string) string {
	// Rune by rune: unlike strings.ToValidUTF8, every bad byte counts.
	return string([]rune(value))
}
