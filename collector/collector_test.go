package collector_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
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
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What Prometheus sends: 3.x by default, 3.x that prefers protobuf, and 2.42.
const (
	acceptV3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6," +
		"application/openmetrics-text;version=0.0.1;q=0.5," +
		"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
	acceptV3Text  = "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.2"
	acceptV3Proto = protobuf + ";q=0.7,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,*/*;q=0.2"
	acceptV2      = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75," +
		"text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
	protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)

func newCollector(t testing.TB) (*collector.Collector, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewRegistry()
	c, err := collector.New(collector.Options{Registerer: reg, Gatherer: reg})
	require.NoError(t, err)
	return c, reg
}

// scored is a series with a score and nothing else.
func scored(score float64, labels ...string) result.Series {
	r := result.Series{Score: result.NoScore(), Onset: math.NaN(), Labels: sorted(labels...)}
	r.Score.Value = score
	return r
}

// sorted are labels, given as name and value in turn.
func sorted(pairs ...string) (ls result.Labels) {
	for i := 0; i < len(pairs); i += 2 {
		ls = append(ls, labels.Label{Name: pairs[i], Value: pairs[i+1]})
	}
	slices.SortFunc(ls, func(a, b labels.Label) int { return strings.Compare(a.Name, b.Name) })
	return ls
}

// batch is one of a detector that publishes scores and forecasts.
func batch(name string, series ...result.Series) *result.Batch {
	return &result.Batch{
		Source: result.Source{Name: name},
		Format: result.NewFormat(result.Format{
			Publish:     result.Scores | result.Expected | result.Forecasts,
			Horizons:    []time.Duration{time.Hour},
			Probability: 0.9,
		}),
		Series: series,
	}
}

func snapshot(batches ...*result.Batch) *result.Snapshot { return &result.Snapshot{Batches: batches} }

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

func TestCollector_RendersOneTextForBothFormats(t *testing.T) {
	c, _ := newCollector(t)
	forecast := scored(math.NaN(), "detector", "a")
	forecast.Score.Expected = 1
	forecast.Forecast = &result.Forecast{Points: []forecaster.Point{
		{Median: 1e21, Lower: math.NaN(), Upper: math.NaN(), Max: math.NaN()},
	}}
	a := batch("a",
		scored(0.25, "detector", "a", "instance", "", "path", `C:\ "x"`+"\n"),
		scored(math.NaN(), "detector", "a", "instance", "y"),
		forecast,
	)
	b := batch("b", scored(math.Inf(1), "detector", "b"), scored(math.Inf(-1), "detector", "b", "job", "j"))
	c.Publish(snapshot(a, b))

	want := `# HELP anomaly_score ` + result.Score.Help() + `
# TYPE anomaly_score gauge
anomaly_score{detector="a",instance="",path="C:\\ \"x\"\n"} 0.25
anomaly_score{detector="b"} +Inf
anomaly_score{detector="b",job="j"} -Inf
# HELP forecast_yhat ` + result.Yhat.Help() + `
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
	const want3 = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
	require.Equal(t, want3, resp.Header.Get("Content-Type"))
	require.True(t, strings.HasPrefix(got, want), got)
	require.True(t, strings.HasSuffix(got, "\n# EOF\n"))
	series := parse(t, got, resp.Header.Get("Content-Type"))
	require.Equal(t, 0.25, series[`{__name__="anomaly_score", detector="a", instance="", path="C:\\ \"x\"\n"}`])
	require.Equal(t, float64(5), series[`{__name__="anomaly_exporter_results"}`])
}

func TestCollector_NegotiatesFormatAndEscaping(t *testing.T) {
	const (
		plain   = "text/plain; version=0.0.4; charset=utf-8; escaping="
		open    = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping="
		oldOpen = "application/openmetrics-text; version=0.0.1; charset=utf-8; escaping="
	)
	const (
		utf8Names   = `anomaly_score{detector="a","k8s.pod"="p"} 1`
		underscores = `anomaly_score{detector="a",k8s_pod="p"} 1`
	)
	for _, tc := range []struct{ name, accept, want, series string }{
		{"Prometheus 3", acceptV3, open + "allow-utf-8", utf8Names},
		{"Prometheus 3, text", acceptV3Text, plain + "allow-utf-8", utf8Names},
		{"Prometheus 3, protobuf first", acceptV3Proto, open + "allow-utf-8", utf8Names},
		{"Prometheus 2", acceptV2, open + "underscores", underscores},
		{"curl", "*/*", plain + "underscores", underscores},
		{"nothing", "", plain + "underscores", underscores},
		{"OpenMetrics without a version", "application/openmetrics-text", oldOpen + "underscores", underscores},
		{"dots are not offered", "text/plain;version=0.0.4;escaping=dots", plain + "underscores", underscores},
		{"only protobuf", protobuf, plain + "underscores", underscores},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, _ := newCollector(t)
			c.Publish(snapshot(batch("a", scored(1, "detector", "a", "k8s.pod", "p"))))
			resp := scrape(t, c, "Accept", tc.accept)
			require.Equal(t, tc.want, resp.Header.Get("Content-Type"))
			require.Contains(t, text(t, resp), tc.series)
		})
	}
}

func TestCollector_CompressesToOneGzipMember(t *testing.T) {
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
	a := batch("a", many("a", 3000)...)
	for i := range 10 {
		a.Series[i].Score.Expected = float64(i)
	}
	b := batch("b", many("b", 1)...)
	c.Publish(snapshot(a, b))
	check()
	states := batch("c", many("c", 500)...)
	states.Format.Publish = result.States
	for i := range states.Series {
		states.Series[i].State = result.State{State: result.Learning, Reason: result.ReasonShortHistory}
	}
	c.Publish(snapshot(b, states))
	check()
	c.Publish(snapshot())
	check()
}

func many(name string, n int) []result.Series {
	all := make([]result.Series, n)
	for i := range all {
		pod := "checkout-" + strconv.Itoa(i)
		all[i] = scored(float64(i)/7, "detector", name, "instance", "", "job", "shop", "pod", pod, "namespace", "shop")
	}
	return all
}

func TestCollector_IsReadByCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Log("curl is not installed: gzip is read by two libraries and gzip(1) alone")
		return
	}
	c, _ := newCollector(t)
	c.Publish(snapshot(batch("a", many("a", 2000)...)))
	srv := httptest.NewServer(c)
	defer srv.Close()
	out, err := exec.Command(curl, "-sS", "--fail", "--compressed", "-H", "Accept: "+acceptV3, srv.URL).Output()
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(parse(t, string(out), "application/openmetrics-text; version=1.0.0")), 2000)
}

// requireDropped scrapes, and compares how many results were left out so far.
func requireDropped(t *testing.T, c *collector.Collector, reg *prometheus.Registry, duplicate, escaped, invalid int) {
	t.Helper()
	const name = "anomaly_exporter_results_dropped_total"
	scrape(t, c)
	const help = "Results dropped at rendering, counted again at each rendering, by reason: duplicate, escaped or invalid."
	want := fmt.Sprintf(`# HELP %[1]s `+help+`
# TYPE %[1]s counter
%[1]s{reason="duplicate"} %[2]d
%[1]s{reason="escaped"} %[3]d
%[1]s{reason="invalid"} %[4]d
`, name, duplicate, escaped, invalid)
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(want), name))
}

func TestCollector_CountsResultsItLeavesOut(t *testing.T) {
	c, reg := newCollector(t)
	requireDropped(t, c, reg, 0, 0, 0)

	// The same series twice in a batch, and in another batch.
	twice := batch("a", scored(1, "detector", "a"), scored(2, "detector", "a"))
	c.Publish(snapshot(twice, batch("b", scored(3, "detector", "a"))))
	require.Contains(t, text(t, scrape(t, c)), "anomaly_score{detector=\"a\"} 1\n")
	requireDropped(t, c, reg, 2, 0, 0)

	// With the first batch gone the series is free for another.
	c.Publish(snapshot(batch("b", scored(4, "detector", "a"))))
	require.Contains(t, text(t, scrape(t, c)), "anomaly_score{detector=\"a\"} 4\n")
	requireDropped(t, c, reg, 2, 0, 0)

	// Names that are the same with underscores: two series in UTF-8, one without. And one series that cannot be written
	// without.
	names := batch("a",
		scored(1, "detector", "a", "x.y", "1"),
		scored(2, "detector", "a", "x_y", "1"),
		scored(3, "detector", "a", "x.y", "2", "x_y", "3"),
	)
	c.Publish(snapshot(names))
	require.Equal(t, 3, strings.Count(text(t, scrape(t, c, "Accept", acceptV3)), "\nanomaly_score{"))
	require.Equal(t, 1, strings.Count(text(t, scrape(t, c, "Accept", acceptV2)), "\nanomaly_score{"))
	requireDropped(t, c, reg, 2, 2, 0)

	// Another batch changes; this one is not rendered or counted again.
	c.Publish(snapshot(names, batch("b", scored(1, "detector", "b"))))
	require.Equal(t, 2, strings.Count(text(t, scrape(t, c, "Accept", acceptV2)), "\nanomaly_score{"))
	requireDropped(t, c, reg, 2, 2, 0)

	// Labels that would fail the scrape.
	c.Publish(snapshot(batch("a",
		scored(1, "detector", "a"), scored(1, "", "x"), scored(1, "__name__", "x"), scored(1, "x", "1", "x", "2"),
		scored(1, "\xff", "1", "\xfe", "2"),
	)))
	require.Equal(t, 1, strings.Count(text(t, scrape(t, c, "Accept", acceptV3)), "\nanomaly_score{"))
	requireDropped(t, c, reg, 2, 2, 4)
}

// A label of the series may clash with one that a result adds, though result.Labeler sees to it that none does.
func TestCollector_LeavesOutSeriesWithLabelOfResult(t *testing.T) {
	c, reg := newCollector(t)
	clash := scored(math.NaN(), "detector", "a", "horizon", "x")
	clash.Score.Expected = 1
	c.Publish(snapshot(batch("a", clash)))
	require.NotContains(t, text(t, scrape(t, c)), "forecast_yhat{")
	requireDropped(t, c, reg, 0, 0, 1)
}

func TestCollector_SortsLabelsOfSeriesAndResultTogether(t *testing.T) {
	c, _ := newCollector(t)
	forecast := func(labels ...string) result.Series {
		s := scored(math.NaN(), labels...)
		s.Forecast = &result.Forecast{
			Points:   []forecaster.Point{{Median: 1, Lower: math.NaN(), Upper: math.NaN(), Max: 2}},
			Breaches: []result.Breach{{Bound: "upper", Probability: []float64{0.5}, Seconds: 60}},
		}
		return s
	}
	c.Publish(snapshot(batch("a",
		forecast(), forecast("a", "1"), forecast("z", "1"), forecast("a", "1", "job", "2", "z", "3"),
		forecast("i.x", "1"),
	)))
	resp := scrape(t, c, "Accept", acceptV3)
	got := text(t, resp)
	parse(t, got, resp.Header.Get("Content-Type"))
	for _, line := range []string{
		`forecast_yhat{horizon="1h"} 1`,
		`forecast_yhat{a="1",horizon="1h"} 1`,
		`forecast_yhat{horizon="1h",z="1"} 1`,
		`forecast_max{horizon="1h",probability="0.9"} 2`,
		`forecast_max{a="1",horizon="1h",job="2",probability="0.9",z="3"} 2`,
		`forecast_max{horizon="1h","i.x"="1",probability="0.9"} 2`,
		`forecast_breach_probability{a="1",bound="upper",horizon="1h",job="2",z="3"} 0.5`,
		`forecast_time_to_breach_seconds{bound="upper",z="1"} 60`,
	} {
		require.Contains(t, got, "\n"+line+"\n")
	}
}

func TestCollector_RendersOnlyBatchesThatLoseResults(t *testing.T) {
	c, reg := newCollector(t)
	twice := func(name string, publish result.Selection) *result.Batch {
		s := scored(1, "detector", name)
		s.Score.Expected = 2
		b := batch(name, s, s)
		b.Format.Publish = publish
		return b
	}
	scores, expected := twice("scores", result.Scores), twice("expected", result.Scores|result.Expected)
	c.Publish(snapshot(scores, expected))
	require.Contains(t, text(t, scrape(t, c)), "\nforecast_yhat{")
	requireDropped(t, c, reg, 1+2, 0, 0)

	limited := snapshot(scores, expected)
	limited.Dropped = result.Expected | result.Forecasts
	c.Publish(limited)
	got := text(t, scrape(t, c))
	require.NotContains(t, got, "\nforecast_yhat{")
	require.Equal(t, 2, strings.Count(got, "\nanomaly_score{"))
	requireDropped(t, c, reg, 1+2+1, 0, 0)

	// With more kinds dropped of which no batch has any, nothing is rendered again.
	limited = snapshot(scores, expected)
	limited.Dropped = result.Expected | result.Forecasts | result.Contributions
	c.Publish(limited)
	requireDropped(t, c, reg, 1+2+1, 0, 0)

	c.Publish(snapshot(scores, expected))
	require.Contains(t, text(t, scrape(t, c)), "\nforecast_yhat{")
	requireDropped(t, c, reg, 1+2+1+2, 0, 0)
}

func TestCollector_ScrapeShowsWhatWasPublishedBefore(t *testing.T) {
	c, _ := newCollector(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.Run(ctx) }()
	for i := range 100 {
		c.Publish(snapshot(batch("a", scored(float64(i), "detector", "a"))))
		require.Contains(t, text(t, scrape(t, c)), "anomaly_score{detector=\"a\"} "+strconv.Itoa(i)+"\n")
	}
	cancel()
	require.NoError(t, <-done)
}

func TestCollector_ShowsTheRestWhenOneOwnMetricFails(t *testing.T) {
	reg := prometheus.NewRegistry()
	promauto.With(reg).NewGaugeFunc(prometheus.GaugeOpts{Name: "good", Help: "h"}, func() float64 { return 1 })
	reg.MustRegister(failing{})
	c, err := collector.New(collector.Options{Registerer: prometheus.NewRegistry(), Gatherer: reg})
	require.NoError(t, err)
	c.Publish(snapshot(batch("a", scored(1, "detector", "a"))))
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

func TestNew_RefusesMissingOptions(t *testing.T) {
	_, err := collector.New(collector.Options{Gatherer: prometheus.NewRegistry()})
	require.EqualError(t, err, "collector: no registerer")
	_, err = collector.New(collector.Options{Registerer: prometheus.NewRegistry()})
	require.EqualError(t, err, "collector: no gatherer")
}

// One rendering serves both formats only if help texts are written alike in both.
func TestFamilyHelp_NeedsNoEscaping(t *testing.T) {
	for family := range result.NumFamilies {
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
	f.Add("1a", "#", "_a", "# EOF", math.Copysign(0, -1))
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string, v float64) {
		if math.IsNaN(v) {
			v = 0 // of NaN there would be no results
		}
		c, _ := newCollector(t)
		c.Publish(snapshot(batch("a",
			scored(v, "detector", "a"), scored(v, "detector", "a", name1, value1, name2, value2),
			scored(v, "detector", "b", name2, value1),
		)))
		for _, accept := range []string{acceptV3, acceptV3Text, acceptV2, "text/plain"} {
			resp := scrape(t, c, "Accept", accept)
			series := parse(t, text(t, resp), resp.Header.Get("Content-Type"))
			require.Contains(t, series, `{__name__="anomaly_score", detector="a"}`)
			if strings.Contains(accept, "allow-utf-8") && ordinary(name1) && ordinary(name2) && name1 != name2 {
				want := labels.FromStrings(
					"__name__", "anomaly_score", "detector", "a", name1, readable(value1), name2, readable(value2),
				)
				require.Contains(t, series, want.String(), "names and values come through as they are")
			}
		}
	})
}

// ordinary says whether a label of that name is one that Prometheus could have sent us, and not one that the test sets.
func ordinary(name string) bool {
	return name != "" && name != "__name__" && name != "detector" && utf8.ValidString(name) &&
		!strings.Contains(name, "\x00")
}

func readable(value string) string {
	// Rune by rune: unlike strings.ToValidUTF8, every bad byte counts.
	return string([]rune(value))
}
