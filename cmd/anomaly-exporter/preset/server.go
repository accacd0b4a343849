package preset

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/ask"
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

// count returns the number of series of a detector; for several inputs the largest of their numbers.
func (s *server) count(ctx context.Context, d *entry) (most int, err error) {
	for _, expr := range d.Exprs() {
		vector, err := s.query(ctx, "count("+expr.String()+")")
		if err != nil {
			return 0, err
		}
		for _, sample := range vector {
			most = max(most, int(sample.Value))
		}
	}
	return most, nil
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
