package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// youngBlocks writes what shopBlocks writes, a series that is 18 hours old, and one that ended two hours ago.
func youngBlocks(t *testing.T, dir string) {
	t.Helper()
	shopBlocks(t, dir)
	end := time.Now().Truncate(time.Minute)
	require.NoError(t, servers.WriteBlocks(dir, func(yield func(servers.Series) bool) {
		for job, last := range map[string]time.Time{"till": end, "replaced": end.Add(-2 * time.Hour)} {
			yield(servers.Series{
				Labels: labels.FromStrings("__name__", "till_requests", "job", job),
				Samples: func(yield func(int64, float64) bool) {
					for at := end.Add(-18 * time.Hour); !at.After(last); at = at.Add(time.Minute) {
						if !yield(at.UnixMilli(), float64(at.Minute()%7)) {
							return
						}
					}
				},
			})
		}
	}))
}

// shopExporter is an exporter of the series of youngBlocks, and the Prometheus that has them. more continues the YAML
// of its configuration.
func shopExporter(t *testing.T, more string) (*running, *servers.Prometheus) {
	t.Helper()
	dir := t.TempDir()
	youngBlocks(t, dir)
	p, err := servers.StartPrometheus(t.Context(), servers.PrometheusOptions{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop()) })
	e := start(t, testOptions(writeFile(t, "config.yml", fmt.Sprintf(`
remote_read: [{url: %s/api/v1/read}]
global: {query_offset: 0s}
detectors:
  - {name: shop, expr: shop_requests, unit: requests, labels: {team: shop}}
  - {name: till, expr: till_requests}
`, p.URL())+more)))
	require.Eventually(t, func() bool {
		status, _ := e.request(http.MethodGet, "/-/ready")
		return status == http.StatusOK
	}, time.Minute, 50*time.Millisecond, "%s", e.log)
	return e, p
}

func TestSeries_ListsStateReasonAndRemedy(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a real Prometheus")
	}
	e, _ := shopExporter(t, "")
	list := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		require.Zero(t, execute(append([]string{"series", "--url=" + e.url}, args...), &stdout, &stderr), "%s", &stderr)
		return stdout.String()
	}
	require.Regexp(t, `^DETECTOR  SERIES +STATE +REASON +SCORE  WHAT IT MEANS\n`+
		`(shop      shop_requests\{[^\n]*\} +scored    -              0\.\d\d   [^\n]* requests; usual [^\n]* requests\n){3}`+
		`till      till_requests\{job="till"\} +learning  short_history  -      its history is shorter than min_history, `+
		`or too short for a model; wait: 1[78] h( \d+ min)? of 1 d; first score \d+ [A-Z][a-z]{2} \d\d:\d\d UTC\n`+
		`\n4 series, 1 learning, 3 scored\n$`, list())
	require.Regexp(t, `^DETECTOR[^\n]*\ntill [^\n]*\n\n1 series, 1 learning\n$`, list("--state=learning"))
	require.Regexp(t, `\n3 series, 3 scored\n$`, list("--detector=shop"))
	require.Regexp(t, `\n1 series, 1 learning\n$`, list(`--match={job="till"}`))

	require.Regexp(t, `^DETECTOR[^\n]*\ntill      till_requests\{job="replaced"\}  gone   -       -      `+
		`no value any more; the last one at [^\n]*\n\n1 series, 1 gone\n$`, list("--gone"))

	var stdout, stderr bytes.Buffer
	require.Equal(t, exitFailure, execute([]string{"series", "--url=" + e.url, "--detector=tlil"}, &stdout, &stderr))
	require.Equal(t, "the exporter has no detector \"tlil\"; did you mean \"till\"?\n", stderr.String())
	require.Empty(t, stdout.String())

	var answer struct {
		Series []struct {
			State, Reason, Remedy string
			Learning              struct{ FirstScore time.Time }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(list("--format=json", "--state=learning", "--state=failed")), &answer))
	require.Len(t, answer.Series, 1)
	require.Equal(t, "short_history", answer.Series[0].Reason)
	require.InDelta(t, 6*3600, time.Until(answer.Series[0].Learning.FirstScore).Seconds(), 300)
}

func TestSeries_SaysWhyThereIsNoAnswer(t *testing.T) {
	e := start(t, testOptions(writeConfig(t, deaf(t), "up")))
	prometheus := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"status":"error","errorType":"bad_data","error":"no match[] parameter provided"}`))
	}))
	t.Cleanup(prometheus.Close)
	for _, tc := range []struct{ url, want string }{
		{prometheus.URL, "the exporter at [^\n]* answers: no match\\[\\] parameter provided; that is a Prometheus: give " +
			"the URL of the exporter in --url"},
		{"http://me:open-sesame@127.0.0.1:1", "the exporter at http://me:xxxxx@127.0.0.1:1 does not answer: [^\n]*refused; " +
			"is it running, and is its port right in --url\\?"},
		{deaf(t), "the exporter at [^\n]* answers: 418 I'm a teapot"},
		{e.url + "/prefix", "the exporter at [^\n]* answers: 404 Not Found; does --url lack a prefix, or is another " +
			"program there\\?"},
		{guarded(t, e), "the exporter at [^\n]* answers: 401 Unauthorized; give credentials by --http\\.config\\.file"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, 1, execute([]string{"series", "--url=" + tc.url}, &stdout, &stderr))
		require.Regexp(t, "^"+tc.want+"\n$", stderr.String())
		require.Empty(t, stdout.String())
	}
	var stdout, stderr bytes.Buffer
	require.Equal(t, 1, execute([]string{"series", "--url=" + e.url, "--match={"}, &stdout, &stderr))
	require.Regexp(t, "^the exporter at [^\n]* answers: match\\[\\]: [^\n]*\n$", stderr.String())
}
