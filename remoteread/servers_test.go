package remoteread_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"

	"github.com/prometheus/prometheus/prompb"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// A Prometheus scrapes a target until the target is gone. It is the current release and, if COMPAT_PROMETHEUS names
// a binary, as `make test-compat` does, an older one too.
func TestClient_ReadsScrapedSeriesToTheStaleMarker(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for scrapes")
	}
	const scrapeConfig = `
global:
  external_labels: {cluster: eu1, replica: a}
scrape_configs:
- job_name: shop
  scrape_interval: 200ms
  scrape_timeout: 200ms
  NATIVE
  static_configs: [{targets: [TARGET]}]
`
	type server struct {
		name, binary, native string
		flags                []string
	}
	all := []server{{name: "current", native: "scrape_native_histograms: true"}}
	if binary := os.Getenv("COMPAT_PROMETHEUS"); binary != "" {
		all = append(all, server{name: "compat", binary: binary, flags: []string{"--enable-feature=native-histograms"}})
	}
	for _, tc := range all {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			target := startTarget(t)
			prometheus, err := servers.StartPrometheus(ctx, servers.PrometheusOptions{
				Binary: tc.binary, Flags: append(tc.flags, "--storage.remote.read-max-bytes-in-frame=200"),
				Config: strings.NewReplacer("TARGET", strings.TrimPrefix(target.URL, "http://"), "NATIVE", tc.native).
					Replace(scrapeConfig),
			})
			require.NoError(t, err)
			defer func() { require.NoError(t, prometheus.Stop()) }()
			waitFor(t, prometheus, `count_over_time(shop_requests_total[1m]) >= 8`, 1)
			target.Close()
			waitFor(t, prometheus, `shop_requests_total`, 0)

			now := time.Now().UnixMilli()
			url := prometheus.URL() + "/api/v1/read"
			client := newClient(t, remoteread.Options{URL: url, ExternalLabels: externalLabels})
			streamed := readAll(t, client, now-2*hour, now, equals("job", "shop"))
			instance := strings.TrimPrefix(target.URL, "http://")
			requests := streamed[`{__name__="shop_requests_total", instance="`+instance+`", job="shop"}`]
			require.GreaterOrEqual(t, len(requests), 9)
			require.Equal(t, "7ff0000000000002", requests[len(requests)-1].value, "a stale marker")
			latency := streamed[`{__name__="shop_latency_seconds", instance="`+instance+`", job="shop"}`]
			require.GreaterOrEqual(t, len(latency), 9, "native histograms")
			require.Contains(t, latency[0].value, "int ")
			require.Contains(t, latency[len(latency)-1].value, "7ff0000000000002", "a stale marker")

			sampled := readAll(t, newClient(t, remoteread.Options{
				URL: url, ExternalLabels: externalLabels, HTTPClient: &http.Client{Transport: &samplesOnly{}},
			}), now-2*hour, now, equals("job", "shop"))
			if tc.binary != "" { // Prometheus 2.42 leaves histograms out of sampled answers
				for lset := range sampled {
					if strings.Contains(lset, "shop_latency_seconds") {
						sampled[lset] = streamed[lset]
					}
				}
			}
			requireSame(t, streamed, sampled)
		})
	}
}

func startTarget(t *testing.T) *httptest.Server {
	reg := prometheus.NewRegistry()
	requests := prometheus.NewCounter(prometheus.CounterOpts{Name: "shop_requests_total"})
	latency := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "shop_latency_seconds", NativeHistogramBucketFactor: 1.1,
	})
	reg.MustRegister(requests, latency)
	handler := promhttp.HandlerFor(reg, promhttp.HandlerOpts{})
	n := 0.0
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		requests.Add(n)
		latency.Observe(n)
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(target.Close)
	return target
}

// waitFor waits until an expression has a number of results.
func waitFor(t *testing.T, p *servers.Prometheus, expr string, results int) {
	t.Helper()
	require.Eventually(t, func() bool {
		vector, err := p.Query(context.Background(), expr, time.Now())
		return err == nil && len(vector) == results
	}, 30*time.Second, 100*time.Millisecond, expr)
}

// It reads the same data from a server that keeps it in the default encodings and from one with the newer encodings.
func TestClient_ReadsNewerEncodings(t *testing.T) {
	reference := newClient(t, remoteread.Options{URL: prometheusURL(t) + "/api/v1/read", ExternalLabels: externalLabels})
	want := readAll(t, reference, dataTime, headEnd, everything())
	dir := t.TempDir()
	require.NoError(t, writeHead(dir))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p, err := servers.StartPrometheus(ctx, servers.PrometheusOptions{
		Dir: dir, Flags: []string{"--enable-feature=xor2-encoding,histograms-st-encoding,st-storage"},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Stop()) }()

	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	seen := &encodings{next: transport, seen: map[prompb.Chunk_Encoding]bool{}}
	client := newClient(t, remoteread.Options{URL: p.URL() + "/api/v1/read", HTTPClient: &http.Client{Transport: seen}})
	requireSame(t, want, readAll(t, client, dataTime, headEnd, everything()))
	for _, encoding := range []prompb.Chunk_Encoding{
		prompb.Chunk_XOR2, prompb.Chunk_HISTOGRAM_ST, prompb.Chunk_FLOAT_HISTOGRAM_ST,
	} {
		require.True(t, seen.seen[encoding], encoding)
	}
}

// encodings records the encodings of the chunks in the answers.
type encodings struct {
	next http.RoundTripper
	seen map[prompb.Chunk_Encoding]bool
}

func (e *encodings) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := e.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	for rest := body; len(rest) > 0; {
		size, n := binary.Uvarint(rest)
		var message prompb.ChunkedReadResponse
		if err := message.Unmarshal(rest[n+4 : n+4+int(size)]); err != nil {
			return nil, err
		}
		for _, c := range message.ChunkedSeries[0].Chunks {
			e.seen[c.Type] = true
		}
		rest = rest[n+4+int(size):]
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// It reads with an HTTP client that prometheus/common makes of its options.
func TestClient_UsesTheHTTPClientOptions(t *testing.T) {
	var got http.Header
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		w.Header().Set("Content-Type", streamedType)
	})
	cfg := config.DefaultHTTPClientConfig
	cfg.BasicAuth = &config.BasicAuth{Username: "me", Password: "secret"}
	cfg.HTTPHeaders = &config.Headers{Headers: map[string]config.Header{"X-Scope-OrgID": {Values: []string{"tenant"}}}}
	httpClient, err := config.NewClientFromConfig(cfg, "remote_read")
	require.NoError(t, err)
	defer httpClient.CloseIdleConnections()
	client, err := remoteread.New(remoteread.Options{URL: url, HTTPClient: httpClient})
	require.NoError(t, err)
	_, set := read(context.Background(), client)
	require.NoError(t, set.Err())
	require.Equal(t, "Basic bWU6c2VjcmV0", got.Get("Authorization"))
	require.Equal(t, "tenant", got.Get("X-Scope-OrgID"))
	require.Equal(t, "snappy", got.Get("Content-Encoding"))
	require.Equal(t, "application/x-protobuf", got.Get("Content-Type"))
	require.Equal(t, "0.1.0", got.Get("X-Prometheus-Remote-Read-Version"))
	require.Contains(t, got.Get("User-Agent"), "anomaly-exporter/")
}
