package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
)

func TestParseExpr_FindsLookBackAndMetric(t *testing.T) {
	const m, h = time.Minute, time.Hour
	for _, tc := range []struct {
		text     string
		lookBack time.Duration
		metric   string
	}{
		{"up", 0, "up"},
		{`{__name__="up"}`, 0, "up"},
		{`{"http.requests", code="500"}`, 0, "http.requests"},
		{`{job="x"}`, 0, ""},
		{`{__name__=~"up|down"}`, 0, ""},
		{"vector(1)", 0, ""},
		{"up offset 5m", 5 * m, "up"},
		{"rate(x[5m])", 5 * m, "x"},
		{"rate(x[5m] offset 1h)", h + 5*m, "x"},
		{"sum by (job) (rate(x[5m])) / sum by (job) (rate(x[1h]))", h, "x"},
		{"rate(x[5m]) / rate(y[10m])", 10 * m, ""},
		{"x unless on (job) {job='y'}", 0, ""},
		{"max_over_time(rate(x[5m])[1h:1m])", h + 5*m, "x"},
		{"max_over_time((x offset 10m)[1h:1m] offset 1d)", 25*h + 10*m, "x"},
		{"avg_over_time(max_over_time(x[30m:])[1h:5m])", h + 30*m, "x"},
		{"topk(3, x) > bool scalar(y offset 2h)", 2 * h, ""},
		{"-x", 0, "x"},
	} {
		t.Run(tc.text, func(t *testing.T) {
			e, err := config.ParseExpr(tc.text)
			require.NoError(t, err)
			require.Equal(t, tc.text, e.String())
			require.Equal(t, tc.lookBack, e.LookBack())
			require.Equal(t, tc.metric, e.MetricName())
			require.NotNil(t, e.Parsed())
			first, second := e.Parsed(), e.Parsed()
			require.NotSame(t, first, second, "the caller may change it")
		})
	}
}

func TestExpr_ZeroHasNoExpression(t *testing.T) {
	var e config.Expr
	require.Empty(t, e.String())
	require.Nil(t, e.Parsed())
	require.Zero(t, e.LookBack())
	require.Empty(t, e.MetricName())
}

func TestExpr_CountsOverRatesAndIncreases(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"increase(x[5m])": 5 * time.Minute,
		"sum by (pod) (increase(x[10m] offset 1h))":          10 * time.Minute,
		"topk(3, (max(increase(x[1h:1m]))))":                 time.Hour,
		"sum(increase(x[5m])) or vector(0)":                  5 * time.Minute,
		"sum(increase(x[5m])) or vector(1)":                  0,
		"sum(increase(x[5m])) or y":                          0,
		"avg(rate(x[5m]))":                                   time.Second,
		"rate(x[5m]) * 60":                                   0,
		"rate(x[5m]) / rate(y[5m])":                          0,
		"count(increase(x[5m]))":                             0,
		"delta(x[5m])":                                       0,
		"x":                                                  0,
		"histogram_quantile(0.9, sum by (le) (rate(x[5m])))": 0,
	} {
		t.Run(text, func(t *testing.T) {
			e, err := config.ParseExpr(text)
			require.NoError(t, err)
			require.Equal(t, want, e.CountsOver())
		})
	}
	require.Zero(t, config.Expr{}.CountsOver())
}
