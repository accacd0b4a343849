package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/backtest"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/estimate"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/web/api"
	"github.com/anomaly-exporter/anomaly-exporter/web/trial"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

// replay is a replayer that emits one series, unless it fails.
type replay func(ctx context.Context) error

func (r replay) Replay(ctx context.Context, start, _ time.Time, emit func(*result.Batch)) error {
	s := result.Series{Input: labels.FromStrings("job", "cart"), Score: result.NoScore(), History: []history.View{{}}}
	s.Score.Value = 0.5
	format := result.NewFormat(result.Format{Step: 5 * time.Minute, Fine: 2 * 24 * time.Hour, Inputs: []result.Input{{}}})
	emit(&result.Batch{Step: start.UnixMilli(), Format: format, Series: []result.Series{s}})
	return r(ctx)
}

func (r replay) ReplaySome(
	ctx context.Context, _ []labels.Labels, start, end time.Time, emit func(*result.Batch),
) error {
	return r.Replay(ctx, start, end, emit)
}

// playground is an API in which everything that is tried out ends as r does. nil: nothing can be.
func playground(t *testing.T, r replay, most time.Duration) http.Handler {
	t.Helper()
	cfg, err := config.Load([]byte(testConfig), "test.yml")
	require.NoError(t, err)
	now := func() time.Time { return end }
	inForce := func() *config.Config { return cfg }
	v, err := view.New(view.Options{
		Snapshot: func() *result.Snapshot { return &result.Snapshot{} }, Config: inForce, Now: now,
		Replay: (*detector.Manager)(nil).ReplaySeries,
	})
	require.NoError(t, err)
	o := api.Options{
		View: v, Config: inForce, Now: now,
		Query: func(context.Context, string, time.Time) (promql.Vector, error) { return nil, nil },
	}
	if r != nil {
		o.Trials, err = trial.New(trial.Options{
			Config: inForce, Now: now, EstimateBytes: estimate.Bytes, MaxTime: most,
			NewReplayer: func(*config.Config) (backtest.Replayer, error) { return r, nil },
		})
		require.NoError(t, err)
	}
	a, err := api.New(o)
	require.NoError(t, err)
	h, err := a.Handler()
	require.NoError(t, err)
	return h
}

func TestBacktest_TriesOutADetector(t *testing.T) {
	const detector = "detectors: [{name: latency, expr: max by (job) (latency_seconds)}]"
	ok := func(context.Context) error { return nil }
	fail := func(context.Context) error { return errors.New("broken") }
	wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for _, tc := range []struct {
		name, method, query, body string
		replay                    replay
		status                    int
		errorType, text           string
	}{
		{"detector", "POST", "", detector, ok, 200, "", `"name":"latency"`},
		{"times", "POST", "?start=2026-03-07T00:00:00Z&end=1772884800", detector, ok, 200, "", `"start":"2026-03-07T00:00`},
		{"not enabled", "POST", "", detector, nil, 404, "not_found", "started without --web.enable-playground"},
		{"GET", "GET", "", "", ok, 405, "bad_data", "only POST"},
		{"not YAML", "POST", "", "detectors: [", ok, 400, "bad_data", "detector.yml:1: "},
		{"at its line", "POST", "", "detectors:\n- name: x\n  expr: sum(", ok, 400, "bad_data", `detector.yml:3: `},
		{"a server", "POST", "", "remote_read: [{url: http://x}]", ok, 400, "bad_data", "remote_read: unknown key"},
		{"too large", "POST", "", strings.Repeat("#", 64<<10+1), ok, 413, "bad_data", "larger than 65536 bytes"},
		{"unknown parameter", "POST", "?days=3", detector, ok, 400, "bad_data", `unknown parameter \"days\"`},
		{"no time", "POST", "?start=soon", detector, ok, 400, "bad_data", `start: \"soon\" is neither`},
		{"too long", "POST", "", detector, wait, 503, "timeout", "a trial may take 50ms"},
		{"fails", "POST", "", detector, fail, 422, "execution", "broken"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			most := time.Minute
			if tc.errorType == "timeout" {
				most = 50 * time.Millisecond
			}
			h := playground(t, tc.replay, most)
			h.ServeHTTP(w, httptest.NewRequest(tc.method, "/api/v1/backtest"+tc.query, strings.NewReader(tc.body)))
			require.Equal(t, tc.status, w.Code, w.Body.String())
			require.Contains(t, w.Body.String(), tc.text)
			var answer struct{ Status, ErrorType string }
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
			require.Equal(t, tc.errorType, answer.ErrorType)
			require.Equal(t, tc.errorType == "", answer.Status == "success")
		})
	}
}

func TestBacktest_EndsWithItsClient(t *testing.T) {
	begun := make(chan struct{})
	h := playground(t, func(ctx context.Context) error {
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	}, time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	body := strings.NewReader("detectors: [{name: latency, expr: latency_seconds}]")
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/v1/backtest", body)
	w, done := httptest.NewRecorder(), make(chan struct{})
	go func() {
		h.ServeHTTP(w, r)
		close(done)
	}()
	<-begun
	cancel()
	<-done
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Contains(t, w.Body.String(), `"errorType":"canceled"`)
}
