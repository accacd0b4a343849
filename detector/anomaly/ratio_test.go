package anomaly_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/anomaly"
)

func TestEventWeight_OfRatiosIsTheirDivisor(t *testing.T) {
	const requests = `sum by (job) (rate(requests_total[5m]))`
	for _, tc := range []struct {
		expr, want string
		on         []string
	}{
		{expr: `sum by (job) (rate(errors_total[5m])) / ` + requests, want: `(` + requests + `) * 300`},
		{
			expr: `(rate(errors_total[5m]) or 0 * rate(requests_total[5m])) / rate(requests_total[1m])`,
			want: `(rate(requests_total[1m])) * 60`,
		},
		{
			expr: `100 * (1 - (sum(increase(errors_total[5m])) / sum(increase(requests_total[1h]))))`,
			want: `(sum(increase(requests_total[1h]))) * 1`,
		},
		{
			expr: `100 * rate(errors_total[5m]) / rate(requests_total[5m]) > 0`,
			want: `(rate(requests_total[5m])) * 300`,
		},
		{
			expr: `sum(rate(hits_total[5m])) / (sum(rate(hits_total[5m])) + sum(rate(misses_total[5m]))) or vector(0)`,
			want: `((sum(rate(hits_total[5m])) + sum(rate(misses_total[5m])))) * 300`,
		},
		{
			expr: `sum by (job, code) (rate(requests_total[5m])) / on (job) group_left () ` + requests,
			want: `(` + requests + `) * 300`, on: []string{"job"},
		},
		{
			expr: `sum by (job, code) (rate(requests_total[5m])) / ignoring (code) group_left () ` + requests,
			want: `(` + requests + `) * 300`,
		},
		{expr: `memory_bytes / limit_bytes`},
		{expr: `rate(a_total[5m]) / 5`},
		{expr: `rate(a_total[5m]) / on () rate(b_total[5m])`},
		{expr: `rate(a_total[5m]) / avg(rate(b_total[5m]))`},
		{expr: `sum(rate(a_total[5m])) / (sum(rate(b_total[5m])) + sum(rate(b_total[1m])))`},
		{expr: `rate(a_total[5m]) / rate(b_total[5m]) or rate(c_total[5m])`},
		{expr: `rate(a_total[5m]) * rate(b_total[5m])`},
		{expr: `up`},
	} {
		expr := func(text string) config.Expr {
			parsed, err := config.ParseExpr(text)
			require.NoError(t, err)
			return parsed
		}
		d := config.Detector{Expr: expr(tc.expr)}
		w := anomaly.EventWeight(&d)
		if tc.want == "" {
			require.Nil(t, w, tc.expr)
			continue
		}
		require.NotNil(t, w, tc.expr)
		require.Equal(t, config.Weight{Expr: expr(tc.want), On: tc.on}, *w, tc.expr)
		d.PoolBy = []string{"job"}
		require.Nil(t, anomaly.EventWeight(&d), "pools are not weighted")
		d.PoolBy, d.Scorer.Weight = nil, &config.Weight{Expr: expr("up")}
		require.Equal(t, d.Scorer.Weight, anomaly.EventWeight(&d), "the key wins")
	}
}
