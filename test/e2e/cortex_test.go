package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/examples/demo/shop"
	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// startCortex starts a Cortex if CORTEX names a binary, as `make test-cortex` does.
func startCortex(t *testing.T, overrides string) *servers.Cortex {
	t.Helper()
	binary := os.Getenv("CORTEX")
	if binary == "" {
		t.Skip(`run "make test-cortex"`)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c, err := servers.StartCortex(ctx, servers.CortexOptions{Binary: binary, Overrides: overrides})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Stop()) })
	return c
}

// tenant sends requests in the name of a tenant.
type tenant string

func (o tenant) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Scope-OrgID", string(o))
	return http.DefaultTransport.RoundTrip(r)
}

func (o tenant) post(t *testing.T, url string, body []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	require.NoError(t, err)
	response, err := (&http.Client{Transport: o}).Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	var text bytes.Buffer
	_, err = text.ReadFrom(response.Body)
	require.NoError(t, err)
	require.Equal(t, 2, response.StatusCode/100, "%s: %s", response.Status, text.String())
}

// push writes the series of the shop to Cortex by remote-write, half an hour in a request: the samples of a tenant have
// to come in order, within an hour.
func (o tenant) push(t *testing.T, c *servers.Cortex, s *shop.Shop, from, to time.Time) {
	t.Helper()
	const window = 30 * time.Minute
	for ; from.Before(to); from = from.Add(window) {
		var request prompb.WriteRequest
		for _, one := range s.Series() {
			series := prompb.TimeSeries{Labels: prompb.FromLabels(one.Labels, nil)}
			for ts, v := range one.Samples(from, earlier(to, from.Add(window)), historyInterval) {
				series.Samples = append(series.Samples, prompb.Sample{Timestamp: ts, Value: v})
			}
			if len(series.Samples) > 0 {
				request.Timeseries = append(request.Timeseries, series)
			}
		}
		message, err := request.Marshal()
		require.NoError(t, err)
		o.post(t, c.URL()+"/api/v1/push", snappy.Encode(nil, message))
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// waitComplete waits until all samples of a metric can be read: blocks are served a little after they were shipped.
func (o tenant) waitComplete(t *testing.T, c *servers.Cortex, s *shop.Shop, from, to time.Time) {
	t.Helper()
	const metric = "kube_deployment_status_replicas"
	want := 0
	for _, one := range s.Series() {
		if one.Labels.Get(model.MetricNameLabel) == metric {
			for range one.Samples(from, to, historyInterval) {
				want++
			}
		}
	}
	client, err := api.NewClient(api.Config{Address: c.URL() + "/prometheus", RoundTripper: o})
	require.NoError(t, err)
	expr := fmt.Sprintf("sum(count_over_time(%s[%ds]))", metric, int(to.Sub(from).Seconds()))
	eventually(t, time.Minute, func() error {
		value, _, _, err := v1.NewAPI(client).Query(t.Context(), expr, to)
		if err != nil {
			return err
		}
		if vector, ok := value.(model.Vector); !ok || len(vector) != 1 || int(vector[0].Value) != want {
			return fmt.Errorf("%s of %d samples", value, want)
		}
		return nil
	})
}

// total returns the sum of the samples of /metrics that begin with a text.
func total(t *testing.T, url, prefix string) (sum float64) {
	t.Helper()
	for line := range strings.Lines(get(t, url+"/metrics")) {
		if strings.HasPrefix(line, prefix) {
			v, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndex(line, " "):]), 64)
			require.NoError(t, err)
			sum += v
		}
	}
	return sum
}

// The history of the demo, at its interval.
const (
	historyLength   = 14 * 24 * time.Hour
	historyInterval = 30 * time.Second
)

// Two tenants of a Cortex have the demo's history at different points of its story: most of it in blocks in the object
// storage, the newest hours in the ingester. For both, the exporter publishes what it publishes for a Prometheus with
// the same samples, to the bit.
func TestCortex_GivesTheResultsOfPrometheusForEachTenant(t *testing.T) {
	t.Parallel()
	c := startCortex(t, "")
	now := time.Now()
	begin, shipped, end := now.Add(-historyLength), now.Add(-3*time.Hour), now.Add(20*time.Minute)
	configuration, err := os.ReadFile("../../examples/demo/anomaly-exporter.yml")
	require.NoError(t, err)
	const url = "http://localhost:9090/api/v1/read"
	require.Contains(t, string(configuration), url)
	start := func(with string) *servers.Exporter {
		return startExporter(t, strings.Replace(string(configuration), url, with, 1))
	}

	var exporters []*servers.Exporter // of the Prometheus and of the Cortex of one tenant, then of the other
	for _, o := range []tenant{"before", "after"} {
		s := shop.New(now)
		if o == "before" {
			s = shop.New(now.Add(6 * time.Hour))
		}
		began := time.Now()
		o.push(t, c, s, begin, shipped)
		o.post(t, c.URL()+"/ingester/flush?wait=true&tenant="+string(o), nil)
		o.push(t, c, s, shipped, end)
		t.Logf("%s: written within %s", o, time.Since(began))

		var all []servers.Series
		for _, one := range s.Series() {
			all = append(all, servers.Series{Labels: one.Labels, Samples: one.Samples(begin, end, historyInterval)})
		}
		p := startPrometheus(t, servers.PrometheusOptions{Dir: blocks(t, all...)})
		o.waitComplete(t, c, s, begin, now)
		exporters = append(exporters, start(p.URL()+"/api/v1/read"),
			start(fmt.Sprintf("%s/prometheus/api/v1/read\n    http_headers: {X-Scope-OrgID: {values: [%s]}}", c.URL(), o)))
	}
	for _, e := range exporters {
		ready(t, e)
	}
	compare := func() (steps map[string]string) {
		results := sameStep(t, 5*time.Minute, exporters...)
		require.Equal(t, results[0], results[1])
		require.Equal(t, results[2], results[3])
		require.NotEqual(t, results[0], results[2], "each tenant reads its own")
		for _, metric := range []string{"anomaly_score{", "forecast_yhat{", "recommended_replicas{"} {
			require.True(t, contains(results[0], metric, ""), metric)
		}
		_, steps = published(t, exporters[0])
		t.Logf("%d and %d results are equal", len(results[0]), len(results[2]))
		return steps
	}
	first := compare()
	eventually(t, 3*time.Minute, func() error {
		if _, steps := published(t, exporters[1]); maps.Equal(steps, first) {
			return errors.New("no new step")
		}
		return nil
	})
	compare()
	require.Positive(t, total(t, c.URL(), "cortex_bucket_store_series_blocks_queried_sum"), "some of it came from blocks")
	for i, e := range exporters {
		failed, all := total(t, e.URL(), "anomaly_exporter_remote_read_errors_total"),
			total(t, e.URL(), "anomaly_exporter_remote_read_requests_total")
		t.Logf("%.0f of %.0f requests failed", failed, all)
		if i%2 == 0 {
			require.Zero(t, failed, "of Prometheus")
		}
		require.Less(t, failed, 0.02*all, "it is found out once how large an answer may be")
	}
}

// What Cortex refuses, the exporter logs with the URL, the cause and what to do. Limits that a shorter range of time
// stays within only cost more requests.
func TestCortex_RefusalsSayWhatToDo(t *testing.T) {
	t.Parallel()
	c := startCortex(t, `{
  crowded: {max_outstanding_requests_per_tenant: 1},
  few: {max_fetched_series_per_query: 1},
  brief: {max_query_length: 2h},
}`)
	now := time.Now()
	s := shop.New(now)
	url := c.URL() + "/prometheus/api/v1/read"
	const metric = "kube_deployment_status_replicas"
	config := func(o tenant) string {
		header := ""
		if o != "" {
			header = fmt.Sprintf("\n    http_headers: {X-Scope-OrgID: {values: [%s]}}", o)
		}
		return fmt.Sprintf(`
global: {step: 1m, history: 1d, min_history: 12h}
remote_read:
  - url: %s%s
detectors: [{name: replicas, expr: %s}]
`, url, header, metric)
	}
	for _, tc := range []struct {
		tenant tenant
		want   string
	}{
		{"", "server answered 401 Unauthorized: no org id; " +
			"name the tenant: http_headers: {X-Scope-OrgID: {values: [TENANT]}}"},
		{"few", "the query hit the max number of series limit (limit: 1 series); raise this limit of the server"},
		{"unknown", "The expression has no series"},
		{"brief", ""},
		{"crowded", "server answered 429 Too Many Requests: too many outstanding requests; " +
			"the server limits how much is asked of it: lower --query.max-concurrency, or raise its limit"},
	} {
		switch tc.tenant {
		case "few", "brief":
			tc.tenant.push(t, c, s, now.Add(-24*time.Hour), now.Add(10*time.Minute))
		case "crowded":
			tc.tenant.push(t, c, s, now.Add(-4*time.Hour), now.Add(10*time.Minute))
			defer tc.tenant.crowd(t, url, now)()
		}
		var out logged
		e, err := servers.StartExporter(t.Context(), servers.ExporterOptions{Config: config(tc.tenant), Log: &out})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, e.Stop()) })
		if tc.want == "" {
			ready(t, e)
			require.Positive(t, total(t, e.URL(), "anomaly_observed{"), out.String())
			continue
		}
		eventually(t, time.Minute, func() error {
			for line := range strings.Lines(out.String()) {
				if strings.Contains(line, tc.want) && (tc.tenant == "unknown" || strings.Contains(line, url)) {
					return nil
				}
			}
			return fmt.Errorf("tenant %q: %s", tc.tenant, out.String())
		})
	}
}

// crowd reads everything again and again, many times at once, until the function that it returns is called.
func (o tenant) crowd(t *testing.T, url string, now time.Time) (stop func()) {
	t.Helper()
	message, err := (&prompb.ReadRequest{Queries: []*prompb.Query{{
		StartTimestampMs: now.Add(-4 * time.Hour).UnixMilli(), EndTimestampMs: now.UnixMilli(),
		Matchers: []*prompb.LabelMatcher{{Type: prompb.LabelMatcher_NEQ, Name: model.MetricNameLabel}},
	}}}).Marshal()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 40 {
		readers.Go(func() {
			for ctx.Err() == nil {
				request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(snappy.Encode(nil, message)))
				if err != nil {
					return
				}
				if response, err := o.RoundTrip(request); err == nil {
					_, _ = io.Copy(io.Discard, response.Body)
					response.Body.Close()
					if response.StatusCode == http.StatusTooManyRequests {
						time.Sleep(20 * time.Millisecond)
					}
				}
			}
		})
	}
	return func() {
		cancel()
		readers.Wait()
	}
}

// logged is what a server has logged.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
