package preset

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/backtest"
	"github.com/anomaly-exporter/anomaly-exporter/config"
)

func TestSeriesLimit_LeavesRoom(t *testing.T) {
	t.Parallel()
	for series, want := range map[int]int{
		1: 100, 50: 100, 51: 200, 100: 200, 101: 500, 250: 500, 251: 1000, 400: 1000, 500: 1000, 501: 2000, 6000: 20000,
	} {
		require.Equal(t, want, seriesLimit(series), series)
	}
}

func TestSplit_KeepsCommentsWithTheirDetector(t *testing.T) {
	t.Parallel()
	text := `# Header.

detectors:
  # About a.
  # More about a.
  - name: a
    expr: up
    # inside

  - name: b
    expr: up
  # About c.
  - name: c
    expr: up

# About scalers.
scalers: []
`
	require.Equal(t, []string{
		"  # About a.\n  # More about a.\n  - name: a\n    expr: up\n    # inside\n",
		"  - name: b\n    expr: up\n",
		"  # About c.\n  - name: c\n    expr: up\n",
	}, split(text))
}

func TestHas_NeedsOneSideOfAnOr(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]bool{
		`a`:                                   true,
		`x`:                                   false,
		`a or x`:                              true,
		`x or a`:                              true,
		`x or y`:                              false,
		`sum(rate(a[5m])) / sum(rate(x[5m]))`: false,
		`a unless x`:                          false,
		`sum(rate(a{code="5"}[5m]) or 0 * rate(a[5m])) / sum(b)`: true,
	} {
		parsed, err := config.ParseExpr(expr)
		require.NoError(t, err)
		require.Equal(t, want, has(parsed.Parsed(), map[string]bool{"a": true, "b": true}), expr)
	}
}

func TestServices_FollowTheConventions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		about   string
		metrics []string
		want    []service
	}{
		{"a counter alone", []string{"http_requests_total"}, []service{
			{prefix: "http", counter: "http_requests_total", histogram: "http_request_duration_seconds"},
		}},
		{"a native histogram with a counter", []string{"shop_requests_total", "shop_request_duration_seconds"}, []service{
			{prefix: "shop", counter: "shop_requests_total", histogram: "shop_request_duration_seconds"},
		}},
		{
			"a classic one beside it",
			[]string{
				"shop_request_duration_seconds", "shop_request_duration_seconds_bucket", "shop_request_duration_seconds_count",
			},
			[]service{{
				prefix: "shop", counter: "shop_request_duration_seconds_count", histogram: "shop_request_duration_seconds",
			}},
		},
		{
			"two conventions for one beginning",
			[]string{"a_request_duration_seconds_count", "a_requests_seconds_count"},
			[]service{{
				prefix: "a", counter: "a_request_duration_seconds_count", histogram: "a_request_duration_seconds",
			}},
		},
		{
			"OpenTelemetry's, with dots and while they are renamed",
			[]string{
				"http.server.request.duration_seconds_bucket", "http.server.request.duration_seconds_count",
				"http_server_request_duration_seconds_count", "rpc.server.call.duration", "shop.request.duration_count",
				"shop.requests", "prometheus.request.duration",
			},
			[]service{
				{
					prefix: "otel_http_server", counter: "http.server.request.duration_seconds_count",
					histogram: "http.server.request.duration_seconds",
				},
				{
					prefix: "http_server", counter: "http_server_request_duration_seconds_count",
					histogram: "http_server_request_duration_seconds",
				},
				{
					prefix: "otel_rpc_server", counter: "rpc.server.call.duration", histogram: "rpc.server.call.duration",
					native: true,
				},
				{prefix: "otel_shop", counter: "shop.requests", histogram: "shop.request.duration"},
			},
		},
		{"what is not about requests", []string{"job_duration_seconds_count", "lag_seconds", "requests_total"}, nil},
		{"what has a preset of its own, or a recording rule", []string{
			"nginx_ingress_controller_request_duration_seconds_count", "prometheus_http_request_duration_seconds_count",
			"apiserver_request_duration_seconds_count", "job:http_request_duration_seconds_count",
		}, nil},
	} {
		metrics := map[string]bool{}
		for _, name := range tc.metrics {
			metrics[name] = true
		}
		require.Equal(t, tc.want, services(metrics), tc.about)
	}
}

// Whatever the metrics of a service are called, its detectors are valid.
func TestService_GivesValidDetectors(t *testing.T) {
	t.Parallel()
	_, requests, err := load()
	require.NoError(t, err)
	for _, known := range statusLabels {
		for _, prefix := range []string{"a_b", "a.b"} {
			s := service{prefix: "x", counter: prefix + "_requests_total", histogram: prefix + "_request_duration_seconds"}
			s.find(map[string]bool{known[0]: true, "service.name": true})
			p, err := s.preset(requests)
			require.NoError(t, err)
			require.Len(t, p.detectors, 5)
			require.Equal(t, "x_error_ratio", p.detectors[1].Name)
			require.Contains(t, p.detectors[1].Expr.String(), label(known[0])+`=~"`+known[1]+`"`)
			require.NotContains(t, p.detectors[1].text, "http_request")
			for _, d := range p.detectors {
				for _, expr := range d.Exprs() {
					require.True(t, has(expr.Parsed(), map[string]bool{
						s.counter: true, s.histogram: true, s.histogram + "_bucket": true,
					}), d.text)
					require.False(t, has(expr.Parsed(), nil), d.text)
					require.Contains(t, expr.String(), `by (namespace, "service.name"`)
				}
			}
			require.Equal(t, []string{"namespace", "service.name"}, p.detectors[4].By)
			require.NotContains(t, p.detectors[1].text, "ALERTS")
			require.Contains(t, p.about, "services are told apart by service.name")
		}
	}
}

// A native histogram counts the requests too.
func TestService_CountsByANativeHistogram(t *testing.T) {
	t.Parallel()
	_, requests, err := load()
	require.NoError(t, err)
	all := services(map[string]bool{"rpc.server.call.duration": true})
	require.Len(t, all, 1)
	all[0].find(map[string]bool{"job": true, "rpc.grpc.status_code": true})
	p, err := all[0].preset(requests)
	require.NoError(t, err)
	exprs := map[string]string{}
	for _, d := range p.detectors {
		if d.applies(map[string]bool{"rpc.server.call.duration": true}) {
			exprs[d.Name] = d.Expr.String()
		}
	}
	require.Len(t, exprs, 3)
	require.Equal(t, `sum by (namespace, job) (histogram_count(rate({"rpc.server.call.duration"}[5m])))`,
		exprs["otel_rpc_server_requests"])
	require.Contains(t, exprs["otel_rpc_server_error_ratio"],
		`histogram_count(rate({"rpc.server.call.duration", "rpc.grpc.status_code"=~"2|4|12|13|14|15"}[5m]))`)
	require.Contains(t, exprs, "otel_rpc_server_latency_p99_native")
}

// Only detectors with scores alert, and a few hours of them say nothing about a week.
func TestPlan_LeavesOutWhatIsKnownToAlertTooOften(t *testing.T) {
	t.Parallel()
	p := &plan{parts: []part{{}}}
	for _, name := range []string{"quiet", "noisy", "young", "forecast", "unknown"} {
		d := config.Detector{Name: name, Publish: []string{"score", "state"}}
		if name == "forecast" {
			d.Publish = []string{"forecast", "state"}
		}
		p.parts[0].detectors = append(p.parts[0].detectors, &planned{entry: entry{Detector: d}})
	}
	require.Equal(t, []string{"quiet", "noisy", "young", "unknown"}, p.alerting())
	const day = 24 * time.Hour
	p.gate(&backtest.Report{Detectors: []backtest.Detector{
		{Name: "quiet", WorkloadAlerts: 3, Workloads: 3, Judged: 6 * day},
		{Name: "noisy", WorkloadAlerts: 4, Workloads: 3, Judged: 6 * day},
		{Name: "young", WorkloadAlerts: 20, Workloads: 3, Judged: day - time.Minute},
		{Name: "unknown"},
	}})
	require.Equal(t, "3 (3 workloads, 6 days)", p.parts[0].detectors[0].alerts())
	require.Regexp(t, "^3 workloads would have raised 4 alerts in 6 days, more than one a week and workload. ",
		p.parts[0].detectors[1].leftOut)
	require.Equal(t, "-", p.parts[0].detectors[4].alerts())
	var kept []string
	for _, d := range p.in() {
		kept = append(kept, d.Name)
	}
	require.Equal(t, []string{"quiet", "young", "forecast", "unknown"}, kept)
}

// Names are quoted, whatever they are: those of jobs may hold anything.
func TestRequestRate_QuotesNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"checkout", `it"s`, `back\slash`, "a.b", "ümlaut"} {
		for _, r := range []requestRate{
			{counter: "requests_total", by: []model.LabelName{"namespace", "pod"}, pods: true},
			{counter: "requests_total", by: []model.LabelName{"namespace", "job"}},
		} {
			expr, err := config.ParseExpr(r.of(name, name))
			require.NoError(t, err, r.of(name, name))
			value := name
			if r.pods {
				value += "-5d4f-x2x"
			}
			series := model.Vector{{Metric: model.Metric{"namespace": model.LabelValue(name), r.by[1]: model.LabelValue(value)}}}
			require.True(t, r.has(series, name, name))
			require.False(t, r.has(series, name, name+"x"))
			parser.Inspect(expr.Parsed(), func(n parser.Node, _ []parser.Node) error {
				if s, ok := n.(*parser.VectorSelector); ok {
					for _, m := range s.LabelMatchers {
						require.True(t, m.Name == model.MetricNameLabel || m.Matches(name) || m.Matches(value), m)
					}
				}
				return nil
			})
		}
	}
}

// What is no Prometheus is told in words, with what to do about it.
func TestCommand_ExplainsWhatIsNoPrometheus(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for _, tc := range []struct {
		server *httptest.Server
		scheme string
		want   string
	}{
		{httptest.NewServer(answer(404, "")), "http", " answers: 404 Not Found; does --url lack a prefix, or is another "},
		{httptest.NewServer(answer(403, "")), "http", " answers: 403 Forbidden; give credentials by --http.config.file"},
		{httptest.NewServer(answer(503, "")), "http", " answers: 503 Service Unavailable; is it still starting, "},
		{httptest.NewServer(answer(200, "<html>")), "http", " answers: something unexpected; does --url lack "},
		{httptest.NewServer(answer(200, "")), "https", " does not answer: .*; it does not speak TLS: write http:// in --url"},
		{httptest.NewTLSServer(answer(200, "")), "http", " answers: 400 Bad Request; does it speak TLS\\? Then write "},
		{httptest.NewTLSServer(answer(200, "")), "https", " does not answer: .*; set tls_config.ca_file in --http.config"},
	} {
		t.Cleanup(tc.server.Close)
		tc.server.Config.ErrorLog = log.New(io.Discard, "", 0)
		u, err := url.Parse(tc.scheme + "://" + tc.server.Listener.Addr().String())
		require.NoError(t, err)
		c := &Command{URL: u, Output: filepath.Join(t.TempDir(), "new.yml")}
		err = c.Run(t.Context(), Environment{Stdout: io.Discard})
		require.Error(t, err)
		require.Regexp(t, "^the Prometheus at "+regexp.QuoteMeta(u.String())+tc.want, err.Error())
	}
}

// Whatever is left out for lack of room, it is what users notice last.
func TestPlan_KeepsWhatUsersNoticeFirst(t *testing.T) {
	t.Parallel()
	presets, _, err := load()
	require.NoError(t, err)
	for _, one := range presets {
		require.Contains(t, ranks, one.file)
	}
	d := func(name string, series int) *planned {
		return &planned{entry: entry{Detector: config.Detector{Name: name}}, series: series}
	}
	p := &plan{Command: &Command{MaxSeries: 100}, parts: []part{
		{file: "go.yml", detectors: []*planned{d("heap", 30), d("threads", 5)}},
		{file: "kubernetes.yml", detectors: []*planned{d("pods", 60), d("restarts", 15)}},
		{file: "http-service.yml", detectors: []*planned{d("requests", 40), d("paths", 400)}},
	}}
	p.fit()
	var kept []string
	for _, one := range p.in() {
		kept = append(kept, one.Name)
	}
	require.Equal(t, []string{"heap", "threads", "restarts", "requests"}, kept)
}
