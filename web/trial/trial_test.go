package trial_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anomaly-exporter/anomaly-exporter/backtest"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/estimate"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
	"github.com/anomaly-exporter/anomaly-exporter/web/past"
	"github.com/anomaly-exporter/anomaly-exporter/web/trial"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var end = time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC)

const running = `
remote_read: [{url: http://localhost:9090/api/v1/read}]
global: {history: 3d, step: 5m, query_offset: 0s}
detectors: [{name: load, expr: load}, {name: other, expr: load}]
scalers: [{name: fleet, load: sum(load), capacity_per_replica: 100, max_replicas: 50}]
`

func load(t *testing.T) *config.Config {
	t.Helper()
	cfg, err := config.Load([]byte(running), "test.yml")
	require.NoError(t, err)
	return cfg
}

// pods is a history of some series; the first one is twice as high for an hour of the last day.
func pods(t *testing.T, n int, days time.Duration) promstorage.Queryable {
	t.Helper()
	db := storage.New(t)
	var series []labels.Labels
	for i := range n {
		series = append(series, labels.FromStrings("__name__", "load", "pod", fmt.Sprint(i)))
	}
	outage := end.Add(-12 * time.Hour)
	storage.Write(t, db, end.Add(-days*24*time.Hour).UnixMilli(), end.UnixMilli(), 300_000, func(i int, ts int64) float64 {
		v := 100 + math.Sin(float64(ts)*float64(i+1)) // as good as noise
		if at := time.UnixMilli(ts); i == 0 && !at.Before(outage) && at.Before(outage.Add(time.Hour)) {
			v *= 2
		}
		return v
	}, series...)
	return db
}

func options(t *testing.T, source promstorage.Queryable) trial.Options {
	t.Helper()
	cfg := load(t)
	return trial.Options{
		Config: func() *config.Config { return cfg },
		NewReplayer: func(cfg *config.Config) (backtest.Replayer, error) {
			m, err := detector.New(detector.Options{Engine: storage.NewEngine(5*time.Minute, 5e6)})
			if err != nil {
				return nil, err
			}
			return m, m.ApplyConfig(cfg, source)
		},
		EstimateBytes: estimate.Bytes,
		Now:           func() time.Time { return end },
	}
}

func TestRun_ComparesWithTheOneInForce(t *testing.T) {
	o := options(t, pods(t, 2, 6))
	trials, err := trial.New(o)
	require.NoError(t, err)
	r, err := trials.Run(t.Context(),
		[]byte("detectors: [{name: load, expr: load, scorer: {min_deviation: 500}}]"), end.Add(-24*time.Hour), time.Time{})
	require.NoError(t, err)
	require.Equal(t, []string{"detector", "load"}, []string{r.Kind, r.Name})
	require.Equal(t, []int{2, 578, 0}, []int{r.New.Series, r.New.Steps, r.New.Alerts})
	require.Equal(t, []int{2, 578}, []int{r.Old.Series, r.Old.Steps})
	require.Positive(t, r.Old.Alerts)
	require.InDelta(t, 578*300/3e6, float64(r.Old.PromisedAlerts), 1e-9)
	require.Empty(t, r.Notes)
	require.NotEmpty(t, r.Series)
	pair := r.Series[0]
	require.Equal(t, "0", pair.New.Labels["pod"], "the strongest of either is drawn of both")
	require.Len(t, pair.New.History.Time, 289)
	require.Empty(t, pair.New.Alerts)
	require.Equal(t, end.Add(-12*time.Hour+5*time.Minute).Unix(), pair.Old.Alerts[0][0])
	require.Equal(t, pair.New.History.Value, pair.Old.History.Value)
	require.NotEqual(t, pair.New.History.Score, pair.Old.History.Score)
	require.Equal(t, load(t), o.Config(), "nothing has changed")

	r, err = trials.Run(t.Context(), []byte("detectors: [{name: fresh, expr: max(load)}]"), end.Add(-time.Hour), end)
	require.NoError(t, err)
	require.Nil(t, r.Old)
	require.NotNil(t, r.Series[0].New, "without a finding the highest score is drawn")
	require.Nil(t, r.Series[0].Old)

	r, err = trials.Run(t.Context(), []byte(
		"scalers: [{name: fleet, load: sum(load), capacity_per_replica: 50, max_replicas: 50}]"), end.Add(-3*time.Hour), end)
	require.NoError(t, err)
	require.Equal(t, "scaler", r.Kind)
	require.Greater(t, r.New.Strategies[0].ReplicaHours, r.Old.Strategies[0].ReplicaHours)
	require.NotNil(t, r.Series[0].New.Scaler)
	require.NotNil(t, r.Series[0].Old.Scaler)
}

func TestRun_ReplaysAHundredSeriesAtMost(t *testing.T) {
	trials, err := trial.New(options(t, pods(t, 110, 1)))
	require.NoError(t, err)
	r, err := trials.Run(t.Context(), []byte("detectors: [{name: load, expr: load, history: 1d, min_history: 12h}]"),
		end.Add(-time.Hour), end)
	require.NoError(t, err)
	require.Equal(t, trial.MaxSeries, r.New.Series)
	require.Equal(t, trial.MaxSeries, r.Old.Series, "the one in force is no exception")
	require.Len(t, r.Notes, 1)
}

func TestRun_RefusesWhatItIsNotFor(t *testing.T) {
	o := options(t, nil)
	o.NewReplayer = func(*config.Config) (backtest.Replayer, error) { return nil, errors.New("was not refused") }
	trials, err := trial.New(o)
	require.NoError(t, err)
	secret := filepath.Join(t.TempDir(), "secret.yml")
	require.NoError(t, os.WriteFile(secret, []byte("detectors: [{name: hunter2, expr: up}]"), 0o600))
	for yaml, want := range map[string]string{
		"detectors: [{name: x, expr: sum(}]":                  `detector.yml:1: detector "x": expr: `,
		"detectors: [{name: x, expr: x}, {name: y, expr: y}]": "detector.yml:1: want one detector or one scaler, got 2",
		"detectors: []":                          "detector.yml:1: want one detector or one scaler, got 0",
		"remote_read: [{url: http://elsewhere}]": "detector.yml:1: remote_read: unknown key",
		"detectors: [{name: x, expr: x, step: 1s, refit_interval: 1h}]":  "there are 259200 steps of 1s, and may be 11000",
		"detectors: [{name: x, expr: x, history: 20y, step: 1m}]":        "choose a shorter history",
		"scalers: [{name: x, resources: {cpu: x}}]":                      "load is missing; resources cannot be tried out",
		"scalers: [{name: x, load: x, max_replicas: 2, history: -1s}]":   "detector.yml:1: scaler \"x\": ",
		"detector_files: ['" + secret + "']":                             "detector.yml:1: detector_files: unknown key",
		"detectors: [{name: x, expr: x}]\ndetector_files: [/etc/passwd]": "detector.yml:2: detector_files: unknown key",
		"detectors: [{name: x, expr: x offset -1h}]":                     "looks ahead",
		"detectors: [&a {name: x, expr: x, labels: {b: *a}}]":            "detector.yml:1: ",
		strings.Repeat("[", 10_000):                                      "detector.yml:1: ",
		"detectors: [{name: x, expr: x, mask: {expr: up, file: /x}}]":    "mask.file: unknown key",
	} {
		_, err := trials.Run(t.Context(), []byte(yaml), time.Time{}, time.Time{})
		require.ErrorAs(t, err, new(past.Invalid), yaml)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hunter2", "what a file of the server holds")
	}
	_, err = trials.Run(t.Context(), []byte("detectors: [{name: x, expr: x}]"), end, end.Add(-time.Hour))
	require.ErrorAs(t, err, new(past.Invalid))
	o.Config = func() *config.Config { return nil }
	trials, err = trial.New(o)
	require.NoError(t, err)
	_, err = trials.Run(t.Context(), nil, time.Time{}, time.Time{})
	require.EqualError(t, err, "no configuration is in force yet")
}

// waiting waits until it is cancelled.
type waiting struct{ begun chan struct{} }

func (w waiting) Replay(ctx context.Context, _, _ time.Time, _ func(*result.Batch)) error {
	w.begun <- struct{}{}
	<-ctx.Done()
	return fmt.Errorf("query: %w", errors.New("query was canceled")) // as the PromQL engine says it
}

func (w waiting) ReplaySome(
	ctx context.Context, _ []labels.Labels, start, end time.Time, emit func(*result.Batch),
) error {
	return w.Replay(ctx, start, end, emit)
}

func TestRun_RunsOneAtATimeAndEndsWithItsCaller(t *testing.T) {
	o := options(t, nil)
	w := waiting{make(chan struct{}, 1)}
	o.NewReplayer = func(*config.Config) (backtest.Replayer, error) { return w, nil }
	trials, err := trial.New(o)
	require.NoError(t, err)
	yaml := []byte("detectors: [{name: x, expr: x}]")
	for range 2 { // the first leaves nothing behind
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := trials.Run(ctx, yaml, time.Time{}, time.Time{})
			done <- err
		}()
		<-w.begun
		_, err = trials.Run(t.Context(), yaml, time.Time{}, time.Time{})
		require.ErrorIs(t, err, trial.ErrBusy)
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
	}

	o.MaxTime = 10 * time.Millisecond
	trials, err = trial.New(o)
	require.NoError(t, err)
	_, err = trials.Run(t.Context(), yaml, time.Time{}, time.Time{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "a trial may take 10ms: choose a shorter time")
}

func TestNew_RequiresItsOptions(t *testing.T) {
	_, err := trial.New(trial.Options{})
	require.EqualError(t, err, "trial: one of Config, NewReplayer, EstimateBytes and Now is missing")
}
