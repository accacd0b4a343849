package preset

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/ask"
	"github.com/anomaly-exporter/anomaly-exporter/config/promql"
)

// recent is how far back metrics count as being there. Chosen, not tuned: a job that ran within it is there.
const recent = time.Hour

// server is the Prometheus that is looked at, at one time.
type server struct {
	api v1.API
	at  time.Time
}

// metrics returns the names of the metrics.
func (s *server) metrics(ctx context.Context) (map[string]bool, error) {
	names, _, _, err := s.api.LabelValues(ctx, model.MetricNameLabel, nil, s.at.Add(-recent), s.at)
	if err != nil {
		return nil, fmt.Errorf("names of metrics: %w", err)
	}
	all := map[string]bool{}
	for _, name := range names {
		all[string(name)] = true
	}
	return all, nil
}

// labels returns the names of the labels that a metric has.
func (s *server) labels(ctx context.Context, metric string) (map[string]bool, error) {
	selector := fmt.Sprintf("{__name__=%q}", metric)
	names, _, _, err := s.api.LabelNames(ctx, []string{selector}, s.at.Add(-recent), s.at)
	if err != nil {
		return nil, fmt.Errorf("labels of %s: %w", metric, err)
	}
	all := map[string]bool{}
	for _, name := range names {
		all[string(name)] = true
	}
	return all, nil
}

// query returns the result of an expression.
func (s *server) query(ctx context.Context, expr string) (model.Vector, error) {
	return ask.Vector(ctx, s.api, expr, s.at)
}

// count returns the number of series of a detector; for several inputs the largest of their numbers, or 0 if one has
// none. Where an expression has none because its metrics have one sample so far, of which a rate is not known yet, it
// counts those that the second one brings, and young is true.
func (s *server) count(ctx context.Context, d *entry) (most int, young bool, err error) {
	for _, expr := range d.Exprs() {
		n, err := s.countOf(ctx, expr.String())
		if err == nil && n == 0 {
			n, err = s.countYoung(ctx, expr.Parsed())
			young = young || n > 0
		}
		if err != nil || n == 0 {
			return 0, false, err
		}
		most = max(most, n)
	}
	return most, young, nil
}

// countOf returns the number of series of an expression.
func (s *server) countOf(ctx context.Context, expr string) (n int, err error) {
	vector, err := s.query(ctx, "count("+expr+")")
	for _, sample := range vector {
		n += int(sample.Value)
	}
	return n, err
}

// errTooShort says that a range is too short for how often a metric is scraped.
var errTooShort = errors.New("two samples are farther apart: use a range of at least four scrape intervals")

// countYoung returns the number of series that an expression would have if one sample were enough for it. It changes
// the expression. The error says if more samples change nothing.
func (s *server) countYoung(ctx context.Context, expr parser.Expr) (int, error) {
	calls := promql.CallsOfTwo(expr)
	if len(calls) == 0 {
		return 0, nil
	}
	for _, call := range calls {
		over, ok := call.Args[0].(*parser.MatrixSelector)
		if !ok {
			continue
		}
		one := over.VectorSelector.(*parser.VectorSelector)
		selector := &parser.VectorSelector{Name: one.Name, LabelMatchers: one.LabelMatchers} // without an offset
		samples, err := s.query(ctx, fmt.Sprintf("max(count_over_time(%s[%s]))", selector, model.Duration(recent)))
		if err != nil {
			return 0, err
		}
		atMost := 2 * recent.Seconds() / over.Range.Seconds()
		if len(samples) > 0 && samples[0].Value > 1 && float64(samples[0].Value) <= atMost {
			return 0, fmt.Errorf("%s: %w", call, errTooShort)
		}
	}
	for _, call := range calls {
		call.Func, call.Args = parser.Functions["last_over_time"], call.Args[:1]
	}
	return s.countOf(ctx, expr.String())
}

// externalLabels returns those of the configuration of the server. Servers other than Prometheus do not show one: then
// there are none.
func (s *server) externalLabels(ctx context.Context) []string {
	shown, err := s.api.Config(ctx)
	if err != nil {
		return nil
	}
	var c struct {
		Global struct {
			ExternalLabels map[string]string `yaml:"external_labels"`
		} `yaml:"global"`
	}
	if yaml.Unmarshal([]byte(shown.YAML), &c) != nil {
		return nil
	}
	var all []string
	for name, value := range c.Global.ExternalLabels {
		all = append(all, name+": "+strconv.Quote(value))
	}
	slices.Sort(all)
	return all
}

// age returns for how long the server has been running; 0: it does not say, as servers other than Prometheus do not.
func (s *server) age(ctx context.Context) time.Duration {
	info, err := s.api.Runtimeinfo(ctx)
	if err != nil || info.StartTime.IsZero() {
		return 0
	}
	return s.at.Sub(info.StartTime)
}

// seriesLimit returns a limit for a detector that has so many series now: at least twice as many, 100 or more, and 1,
// 2 or 5 times a power of ten. So it stays the same while a few series come and go.
func seriesLimit(series int) int {
	const least = 100
	want := max(2*series, least)
	power := int(math.Pow10(int(math.Log10(float64(want)))))
	for _, factor := range []int{1, 2, 5} {
		if factor*power >= want {
			return factor * power
		}
	}
	return 10 * power
}
