package promql_test

import (
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config/promql"
)

func TestKeptOf(t *testing.T) {
	const (
		all  = `{__name__="m", le="1", ns="a", pod="b"}`
		bare = `{le="1", ns="a", pod="b"}`
	)
	series := labels.FromStrings("__name__", "m", "ns", "a", "pod", "b", "le", "1")
	for expr, want := range map[string]string{
		`m`:                                       all,
		`m offset 5m`:                             all,
		`(m > 5)`:                                 all,
		`5 < m`:                                   all,
		`last_over_time(m[5m])`:                   all,
		`m > bool 5`:                              bare,
		`m * (8 / 2)`:                             bare,
		`time() - m`:                              bare,
		`m % (time() / 2)`:                        bare,
		`rate(m[5m])`:                             bare,
		`quantile_over_time(0.9, m[5m])`:          bare,
		`clamp_min(m, 1)`:                         bare,
		`max_over_time(rate(m[5m])[1h:5m])`:       bare,
		`rate(m[5m]) / rate(n[5m])`:               bare,
		`sum(m)`:                                  `{}`,
		`sum(m) / sum(n) or vector(0)`:            `{}`,
		`count by (pod, absent) (m)`:              `{pod="b"}`,
		`sum by (__name__, pod) (m)`:              `{__name__="m", pod="b"}`,
		`sum by (__name__, pod) (rate(m[5m]))`:    `{pod="b"}`,
		`sum without (le) (m)`:                    `{ns="a", pod="b"}`,
		`max by (ns, le) (sum without (le) (m))`:  `{ns="a"}`,
		`sum without (ns) (sum by (ns, pod) (m))`: `{pod="b"}`,
		`histogram_quantile(0.9, sum by (le, pod) (rate(m[5m])))`:  `{pod="b"}`,
		`sum by (pod) (m) / sum by (pod) (n)`:                      `{pod="b"}`,
		`sum by (pod, ns) (m) / on (ns, pod) sum by (ns, pod) (n)`: `{ns="a", pod="b"}`,
		`sum by (pod) (m) > 5 and sum by (pod) (n)`:                `{pod="b"}`,
		`sum by (pod) (m) or sum by (pod) (n)`:                     `{pod="b"}`,
		`sum by (pod) (m) or 0 * sum by (pod) (n)`:                 `{pod="b"}`,
		`vector(1)`:                                   `{}`,
		`quantile by (pod) (0.9, m)`:                  `{pod="b"}`,
		`topk(5, m)`:                                  "",
		`sum by (pod) (topk(5, m))`:                   "",
		`count_values by (pod) ("v", m)`:              "",
		`absent(m)`:                                   "",
		`vector(scalar(m))`:                           "",
		`m * scalar(n)`:                               "",
		`clamp_max(m, scalar(n))`:                     "",
		`quantile by (pod) (scalar(n), m)`:            "",
		`label_replace(m, "pod", "$1", "ns", "(.*)")`: "",
		`m and n`:                                     "",
		`m > n`:                                       "",
		`m or vector(0)`:                              "",
		`rate(m[5m]) and sum by (pod) (n)`:            "",
		`rate(m[5m]) and on (pod) rate(n[5m])`:        "",
		`sum by (ns, pod) (m) and on (pod) sum by (ns, pod) (n)`:      "",
		`sum by (pod) (m) / ignoring (pod) sum by (pod) (n)`:          "",
		`sum by (pod) (m) / on (pod) group_left sum by (pod) (n)`:     "",
		`sum by (pod) (m) / sum(n)`:                                   "",
		`sum by (pod) (m) or sum by (ns) (n)`:                         "",
		`sum by (pod) (m) / on (pod) group_right sum by (pod) (n)`:    "",
		`sum by (pod) (m) unless on () sum(n)`:                        "",
		`sort(m)`:                                                     "",
		`-m`:                                                          "",
		`sum by (pod, __name__) (m) unless sum by (__name__, pod)(n)`: "",
	} {
		parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
		require.NoError(t, err, expr)
		kept := promql.KeptOf(parsed)
		result, known := kept.Labels(series)
		if want == "" {
			require.False(t, known, "%s: %s", expr, result)
			require.False(t, kept.None(), expr)
			continue
		}
		require.True(t, known, expr)
		require.Equal(t, want, result.String(), expr)
		require.Equal(t, want == `{}`, kept.None(), expr)
	}
}
