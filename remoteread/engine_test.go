package remoteread_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
)

// The server is the reference: it evaluates the same expressions without remote-read.
func TestEngine_OverClientEqualsServer(t *testing.T) {
	server := prometheusURL(t)
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: 1e7, Timeout: time.Minute, LookbackDelta: 5 * time.Minute,
		EnableAtModifier: true, EnableNegativeOffset: true, Parser: parser.NewParser(parser.Options{}),
	})
	// One read in flight is enough for any number of selectors in a query.
	streamed := newClient(t, remoteread.Options{
		URL:            server + "/api/v1/read",
		ExternalLabels: externalLabels, MaxConcurrency: 1,
	})
	sampled := newClient(t, remoteread.Options{
		URL: server + "/api/v1/read", ExternalLabels: externalLabels, MaxConcurrency: 1,
		HTTPClient: &http.Client{Transport: &samplesOnly{}},
	})
	start, end := time.UnixMilli(dataTime-6*hour), time.UnixMilli(headEnd)
	for _, expr := range []string{
		`requests_total`,
		`gauge`,
		`rate(requests_total[5m])`,
		`sum by (code) (rate(requests_total[5m]))`,
		`sum(rate(requests_total{code="300"}[5m])) / sum(rate(requests_total[5m]))`,
		`requests_total - requests_total offset 1h`,
		`max_over_time(sum(rate(requests_total[5m]))[30m:2m])`,
		`requests_total{pod=~"pod-[0-3]"} unless on (pod) requests_total{pod!="pod-2"}`,
		`increase(requests_total[1h] @ 1699998000) > bool 10000`,
		`sum by (pod) (requests_total{pod!~"pod-[1-8]"})`,
		`topk(2, delta(requests_total[10m]))`,
		`avg_over_time(gauge{kind!="odd"}[3m])`,
		`count_over_time(gauge[4m])`,
		`absent(gauge{kind="gaps"})`,
		`timestamp(gauge{kind="jittered"})`,
		`resets(latency[20m])`,
		`histogram_quantile(0.9, rate(latency[10m]))`,
		`histogram_count(latency_float)`,
		`histogram_sum(increase(latency_custom[10m]))`,
		`histogram_avg(latency_gauge)`,
		`histogram_fraction(0, 2, sum(rate(latency_float[5m])))`,
		`count_over_time(became_histogram[10m])`,
		`no_such_metric`,
	} {
		t.Run(expr, func(t *testing.T) {
			want := serverRange(t, server, expr, start, end, 2*time.Minute)
			require.Equal(t, expr == "no_such_metric", len(want) == 0)
			for name, client := range map[string]*remoteread.Client{"streamed": streamed, "sampled": sampled} {
				query, err := engine.NewRangeQuery(context.Background(), client, nil, expr, start, end, 2*time.Minute)
				require.NoError(t, err)
				defer query.Close()
				result := query.Exec(context.Background())
				require.NoError(t, result.Err)
				matrix, err := result.Matrix()
				require.NoError(t, err)
				got := map[string]map[int64]float64{}
				for _, series := range matrix {
					points := map[int64]float64{}
					for _, p := range series.Floats {
						points[p.T] = p.F
					}
					got[series.Metric.String()] = points
					require.Empty(t, series.Histograms)
				}
				require.Len(t, got, len(want), name)
				for lset, points := range want {
					require.Len(t, got[lset], len(points), "%s: %s", name, lset)
					for ms, v := range points {
						if g := got[lset][ms]; math.Float64bits(v) != math.Float64bits(g) && !(math.IsNaN(v) && math.IsNaN(g)) {
							require.Equal(t, v, g, "%s: %s at %d", name, lset, ms)
						}
					}
				}
			}
		})
	}
}

// serverRange evaluates an expression with the API of the server. It does not use the client library, whose JSON
// decoder may round.
func serverRange(
	t *testing.T, server, expr string, start, end time.Time, step time.Duration,
) map[string]map[int64]float64 {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).PostForm(server+"/api/v1/query_range", url.Values{
		"query": {expr}, "step": {fmt.Sprint(step.Seconds())},
		"start": {fmt.Sprint(start.Unix())}, "end": {fmt.Sprint(end.Unix())},
	})
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Values [][2]any
			}
		}
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	all := map[string]map[int64]float64{}
	for _, series := range answer.Data.Result {
		points := map[int64]float64{}
		for _, p := range series.Values {
			v, err := strconv.ParseFloat(p[1].(string), 64)
			require.NoError(t, err)
			points[int64(p[0].(float64)*1000)] = v
		}
		all[labels.FromMap(series.Metric).String()] = points
	}
	return all
}
