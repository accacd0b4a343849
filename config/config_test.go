package config_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
)

func load(t *testing.T, name string) *config.Config {
	t.Helper()
	c, err := config.LoadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return c
}

func duration(d time.Duration) model.Duration { return model.Duration(d) }

func expr(t *testing.T, text string) config.Expr {
	t.Helper()
	e, err := config.ParseExpr(text)
	require.NoError(t, err)
	return e
}

// A bad file begins with the error that it must cause, a comment for each line.
func TestLoad_ReportsEachProblem(t *testing.T) {
	files, err := filepath.Glob("testdata/bad-*.yml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yml"), func(t *testing.T) {
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			var want []string
			for line := range strings.Lines(string(source)) {
				message, ok := strings.CutPrefix(line, "# ")
				if !ok {
					break
				}
				want = append(want, strings.TrimSuffix(message, "\n"))
			}
			require.NotEmpty(t, want)

			c, err := config.Load(source, filepath.Base(file))
			require.EqualError(t, err, strings.Join(want, "\n"))
			require.Nil(t, c)
			require.NotContains(t, err.Error(), "hunter2", "a secret")
		})
	}
}

func TestLoad_ReturnsWhatStringWrites(t *testing.T) {
	files, err := filepath.Glob("testdata/good-*.yml")
	require.NoError(t, err)
	for _, file := range append(files, "../examples/prometheus.yml") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yml"), func(t *testing.T) {
			c, err := config.LoadFile(file)
			require.NoError(t, err)
			text := c.String()
			require.NotContains(t, text, "hunter2", "a secret")

			again, err := config.Load([]byte(text), file)
			require.NoError(t, err)
			require.Equal(t, text, again.String())
			require.Equal(t, c.Global, again.Global)
			require.Equal(t, c.Detectors, again.Detectors)
			require.Equal(t, c.Scalers, again.Scalers)
		})
	}
}

func TestLoadFile_NamesTheMissingFile(t *testing.T) {
	_, err := config.LoadFile("testdata/none.yml")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.EqualError(t, err, "open testdata/none.yml: no such file or directory; "+
		`"anomaly-exporter init" writes a first configuration`)
}

func TestLoad_FillsInDefaultsOfGlobal(t *testing.T) {
	c := load(t, "good-minimal.yml")
	require.Equal(t, config.Global{
		Step:          duration(time.Minute),
		QueryOffset:   duration(30 * time.Second),
		History:       duration(14 * 24 * time.Hour),
		MinHistory:    duration(24 * time.Hour),
		RefitInterval: duration(6 * time.Hour),
		SeriesLimit:   2000,
		Timezone:      "UTC",
		SampleLimit:   100_000,
		EmptyLabels:   []string{"job", "instance", "namespace", "pod", "container", "service", "endpoint", "node"},
	}, c.Global)
	require.Len(t, c.RemoteRead, 1)
	require.Equal(t, "http://localhost:9090/api/v1/read", c.RemoteRead[0].URL.String())
	require.Equal(t, duration(time.Minute), c.RemoteRead[0].RemoteTimeout)
	require.True(t, c.RemoteRead[0].HTTPClientConfig.FollowRedirects)
	require.True(t, c.RemoteRead[0].HTTPClientConfig.EnableHTTP2)
	require.Empty(t, c.Detectors)
	require.Empty(t, c.Scalers)
}

func TestLoad_FillsInDefaultsOfDetectorsAndScalers(t *testing.T) {
	c := load(t, "good-defaults.yml")
	step := duration(10 * time.Minute)
	want := config.Detector{
		Name:             "bounds",
		Expr:             expr(t, "up"),
		Step:             step,
		QueryOffset:      duration(30 * time.Second),
		History:          duration(14 * 24 * time.Hour),
		MinHistory:       duration(24 * time.Hour),
		RefitInterval:    duration(6 * time.Hour),
		SeriesLimit:      2000,
		Scorer:           config.Scorer{Model: "auto", Direction: "both", Contamination: 0.05, Trees: 100, Subsample: 256},
		Forecaster:       config.Forecaster{Model: "auto", Level: 0.8, MaxProbability: 0.9},
		Bounds:           config.Bounds{Lower: &config.Bound{Value: 0.5}},
		Publish:          []string{"score", "expected", "state", "forecast"},
		Missing:          "drop",
		Timezone:         "UTC",
		ExplainThreshold: 0.6,
		DataRange:        [2]float64{math.Inf(-1), math.Inf(1)},
	}
	// Of 15m, 1h and 6h, those that are multiples of the step.
	want.Forecaster.Horizons = []model.Duration{duration(time.Hour), duration(6 * time.Hour)}
	require.Equal(t, want, c.Detectors[0])

	require.Equal(t, []model.Duration{duration(24 * time.Hour)}, c.Detectors[1].Forecaster.Horizons)
	require.Equal(t, []string{"score", "expected", "state", "forecast"}, c.Detectors[1].Publish)

	require.Equal(t, want.Forecaster.Horizons, c.Detectors[2].Forecaster.Horizons)
	require.Equal(t, []string{"forecast"}, c.Detectors[2].Publish)

	require.Equal(t, config.Scaler{
		Name:                   "plain",
		Load:                   expr(t, "up"),
		CapacityPerReplica:     config.Capacity{Value: 1},
		Horizon:                config.Horizon{Duration: duration(20 * time.Minute)}, // 15m, rounded up to steps
		Probability:            0.9,
		MaxError:               1,
		MinReplicas:            1,
		DataRange:              [2]float64{0, math.Inf(1)},
		MaxReplicas:            3,
		ScaleDownStabilization: duration(10 * time.Minute),
		Step:                   step,
		QueryOffset:            duration(30 * time.Second),
		History:                duration(14 * 24 * time.Hour),
		MinHistory:             duration(24 * time.Hour),
		RefitInterval:          duration(6 * time.Hour),
		SeriesLimit:            2000,
		Timezone:               "UTC",
	}, c.Scalers[0])
	require.Equal(
		t, config.Capacity{Utilization: expr(t, "up"), Target: 0.7, Replicas: expr(t, "up")},
		c.Scalers[1].CapacityPerReplica,
	)
	require.Equal(t, config.Horizon{Startup: expr(t, "up"), Duration: duration(20 * time.Minute)}, c.Scalers[1].Horizon)
}

func TestLoad_ReadsEveryKey(t *testing.T) {
	c := load(t, "good-full.yml")
	require.Equal(t, []string{"job", "instance"}, c.Global.EmptyLabels)
	require.Equal(t, 20_000, c.Global.SampleLimit)

	d := c.Detectors[0]
	upper := expr(t, `max by (namespace, pod, container) (kube_pod_container_resource_limits{resource="memory"})`)
	require.Equal(t, config.Detector{
		Name:          "memory_vs_limit",
		Expr:          d.Expr,
		Step:          duration(time.Minute),
		QueryOffset:   duration(45 * time.Second),
		History:       duration(7 * 24 * time.Hour),
		MinHistory:    duration(12 * time.Hour),
		RefitInterval: duration(3 * time.Hour),
		SeriesLimit:   100,
		Scorer: config.Scorer{
			Model: "isolation_forest", Direction: "above", Contamination: 0.1, Trees: 50, Subsample: 128,
			MinDeviation: 1e6, MinRelativeDeviation: 0.05,
			Weight: &config.Weight{
				Expr: expr(t, `count by (namespace, pod) (up)`), On: []string{"namespace", "pod"},
			},
		},
		Forecaster: config.Forecaster{
			Model:    "arima(2,1,1)",
			Horizons: []model.Duration{duration(15 * time.Minute), duration(time.Hour), duration(6 * time.Hour)},
			Level:    0.95, MaxProbability: 0.99,
		},
		Bounds: config.Bounds{
			Lower: &config.Bound{Value: 0},
			Upper: &config.Bound{Expr: &upper, On: []string{"namespace", "pod", "container"}},
		},
		Mask:             &config.Selector{Expr: expr(t, `ALERTS{alertstate="firing"}`), On: []string{"namespace", "pod"}},
		Mute:             &config.Selector{Expr: expr(t, `changes(kube_deployment_status_observed_generation[10m]) > 0`)},
		Publish:          []string{"score", "onset", "contribution", "expected", "forecast", "state", "model"},
		Missing:          "last",
		Timezone:         "Europe/Berlin",
		Holidays:         config.Holidays{{2026, time.December, 24}, {0, time.December, 25}, {0, time.December, 26}},
		ExplainThreshold: 0.7,
		DataRange:        [2]float64{0, math.Inf(1)},
		Unit:             "bytes",
		Labels:           map[string]string{"team": "platform", "k8s.tier": "gold"},
	}, d)
	require.Equal(t, "container_memory_working_set_bytes", d.Expr.MetricName())
	require.Equal(t, "Europe/Berlin", d.Location().String())

	inherits := c.Detectors[1]
	require.Equal(t, c.Global.Step, inherits.Step)
	require.Equal(t, c.Global.QueryOffset, inherits.QueryOffset)
	require.Equal(t, c.Global.History, inherits.History)
	require.Equal(t, c.Global.MinHistory, inherits.MinHistory)
	require.Equal(t, c.Global.RefitInterval, inherits.RefitInterval)
	require.Equal(t, c.Global.SeriesLimit, inherits.SeriesLimit)
	require.Equal(t, "America/New_York", inherits.Timezone)
	require.Equal(t, config.Holidays{{0, time.January, 1}, {2026, time.November, 26}}, inherits.Holidays)

	require.Equal(t, config.Scaler{
		Name:                   "checkout",
		Load:                   expr(t, `sum by (service) (rate(http_requests_total{job="checkout"}[5m]))`),
		CapacityPerReplica:     config.Capacity{Value: 100},
		By:                     []string{"service"},
		Horizon:                config.Horizon{Duration: duration(20 * time.Minute)},
		Probability:            0.75, // of cost 3 and 1
		MaxError:               1.2,
		MinReplicas:            0,
		DataRange:              [2]float64{0, 1e6},
		MaxReplicas:            20,
		ScaleDownStabilization: duration(15 * time.Minute),
		CostPerReplicaHour:     0.05,
		RunningReplicas:        expr(t, "sum by (service) (kube_deployment_status_replicas)"),
		Resources: &config.Resources{
			CPU:    expr(t, "sum by (container) (rate(container_cpu_usage_seconds_total[5m]))"),
			Memory: expr(t, "max by (container) (container_memory_working_set_bytes)"),
			OOM:    expr(t, "sum by (container) (increase(container_oom_events_total[5m]))"),
		},
		Step:          duration(10 * time.Minute),
		QueryOffset:   duration(15 * time.Second),
		History:       duration(21 * 24 * time.Hour),
		MinHistory:    duration(3 * 24 * time.Hour),
		RefitInterval: duration(24 * time.Hour),
		SeriesLimit:   10,
		Timezone:      "America/New_York",
		Holidays:      c.Global.Holidays,
		Labels:        map[string]string{"namespace": "shop", "deployment": "checkout"},
	}, c.Scalers[0])
	require.Equal(t, "America/New_York", c.Scalers[0].Location().String())
	require.False(t, c.Scalers[0].CapacityPerReplica.Learned())

	require.True(t, c.Scalers[1].CapacityPerReplica.Learned())
	require.Equal(t, config.Capacity{
		Utilization: expr(t, "avg by (service) (cpu_utilization)"), Target: 0.6, Replicas: expr(t, "count by (service) (up)"),
	}, c.Scalers[1].CapacityPerReplica)
	require.Equal(
		t, config.Horizon{Startup: expr(t, "startup_seconds"), Duration: duration(15 * time.Minute)},
		c.Scalers[1].Horizon,
	)

	require.True(t, c.Scalers[2].Load.IsZero())
	require.Equal(t, &config.Resources{CPU: expr(t, "container_cpu_usage")}, c.Scalers[2].Resources)

	require.Equal(t, &config.Outcomes{
		Truth: &config.Selector{
			Expr: expr(t, `ALERTS{alertstate="firing",severity="critical"}`),
			On:   []string{"namespace", "pod"},
		},
		LeadWindow: duration(time.Hour),
	}, c.Outcomes)
}

func TestDetector_ValueUnitIsConfiguredOrGuessed(t *testing.T) {
	for _, tc := range []struct {
		detector config.Detector
		want     string
	}{
		{config.Detector{Expr: expr(t, "x_bytes")}, "bytes"},
		{config.Detector{Expr: expr(t, "x_bytes"), Unit: "pages"}, "pages"},
		{config.Detector{Expr: expr(t, "x"), DataRange: [2]float64{0, 1}}, "ratio"},
		{config.Detector{Expr: expr(t, "x"), DataRange: [2]float64{0, 100}}, ""},
		{config.Detector{Inputs: map[string]config.Expr{"a": expr(t, "x_bytes")}}, ""},
	} {
		require.Equal(t, tc.want, tc.detector.ValueUnit())
	}
}

func TestLoad_ResolvesPathsAndKeepsSecretsOfRemoteRead(t *testing.T) {
	dir, err := filepath.Abs("testdata")
	require.NoError(t, err)
	c := load(t, "good-full.yml")
	r := c.RemoteRead[0]
	require.Equal(
		t, "https://reader:hunter2@prometheus.example.com/api/v1/read", r.URL.String(),
		"with its password, for the client",
	)
	require.Equal(t, labels.FromStrings("cluster", "eu1", "prometheus_replica", "a"), r.ExternalLabels)
	h := r.HTTPClientConfig
	require.False(t, h.FollowRedirects)
	require.False(t, h.EnableHTTP2)
	require.Equal(
		t, filepath.Join(dir, "secrets/token"), h.Authorization.CredentialsFile,
		"relative to the directory of the file",
	)
	require.Equal(t, "/etc/ssl/ca.pem", h.TLSConfig.CAFile)
	require.Equal(t, []string{filepath.Join(dir, "secrets/header")}, h.HTTPHeaders.Headers["X-File"].Files)
	require.Equal(t, "http://proxy:hunter2@proxy.example.com:3128", h.ProxyURL.String())

	h = c.RemoteRead[1].HTTPClientConfig
	require.EqualValues(t, "hunter2", h.OAuth2.ClientSecret)
	require.Equal(t, "https://me:hunter2@login.example.com/token", h.OAuth2.TokenURL)
	require.Equal(t, map[string]string{"assertion": "hunter2"}, h.OAuth2.EndpointParams, "String does not change it")
	require.Equal(t, filepath.Join(dir, "client.pem"), h.OAuth2.TLSConfig.CertFile)
}

func TestLoad_ResolvesAnchorsAndMergeKeys(t *testing.T) {
	c := load(t, "good-anchors.yml")
	hour, day := duration(time.Hour), duration(24*time.Hour)
	for i, want := range []config.Detector{
		{Name: "goroutines", Step: duration(5 * time.Minute), Forecaster: config.Forecaster{Level: 0.9}},
		{Name: "memory", Step: duration(5 * time.Minute), Forecaster: config.Forecaster{Level: 0.9}},
		{Name: "files", Step: hour, Forecaster: config.Forecaster{Level: 0.5}},
	} {
		got := c.Detectors[i]
		require.Equal(t, want.Name, got.Name)
		require.Equal(t, want.Step, got.Step)
		require.Equal(t, want.Forecaster.Level, got.Forecaster.Level)
		require.Equal(t, []model.Duration{hour, day}, got.Forecaster.Horizons)
	}
}

func TestLoad_LeavesFreeKeysToAnchors(t *testing.T) {
	c := load(t, "good-free-keys.yml")
	require.Equal(t, duration(5*time.Minute), c.Detectors[0].Step)
	require.Equal(t, "above", c.Detectors[0].Scorer.Direction)
	require.Equal(t, "above", c.Detectors[1].Scorer.Direction)
	_, err := c.Replace([]byte("x-a: &a {name: y, expr: up}\ndetectors: [*a]"), "detector.yml")
	require.NoError(t, err)
}

// Excessive aliases are rejected before they are followed: here there are 2^30 values.
func TestLoad_RejectsExcessiveAliases(t *testing.T) {
	source := "detectors: &a0 [x]\n"
	for i := range 30 {
		source += fmt.Sprintf("k%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	_, err := config.Load([]byte(source), "config.yml")
	require.ErrorContains(t, err, "document contains excessive aliasing")
}

func TestHolidays_IncludeYearlyAndSingleDates(t *testing.T) {
	require.Nil(t, config.Holidays{}.Include())
	yearly, err := config.ParseHoliday("02-29")
	require.NoError(t, err)
	once, err := config.ParseHoliday("2026-04-06")
	require.NoError(t, err)
	include := config.Holidays{yearly, once}.Include()
	require.True(t, include(2028, time.February, 29))
	require.True(t, include(2026, time.April, 6))
	require.False(t, include(2027, time.April, 6))
	for _, text := range []string{"", "2026", "4-6", "04-31", "2026-4-6", "0000-01-01", "2026-04-06T00:00:00Z"} {
		_, err := config.ParseHoliday(text)
		require.Error(t, err, text)
	}
	c, err := config.Load([]byte(`
global: {holidays: [12-25]}
remote_read: [{url: 'http://localhost:9090/api/v1/read'}]
detectors: [{name: a, expr: up}, {name: b, expr: up, holidays: []}, {name: c, expr: up, holidays: [2026-01-06]}]
`), "config.yml")
	require.NoError(t, err)
	require.Equal(t, c.Global.Holidays, c.Detectors[0].Holidays)
	require.Nil(t, c.Detectors[1].Holidays)
	require.Equal(t, config.Holidays{{2026, time.January, 6}}, c.Detectors[2].Holidays)
}
