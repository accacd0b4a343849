package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/examples/demo/shop"
)

// pollEvery is how often Prometheus is asked for what is still missing.
const pollEvery = 2 * time.Second

// trouble is one of the story's troubles and the query that shows it: a non-empty result means that it is seen.
type trouble struct {
	name  string
	query string
}

// troubles are those of shop.Story, by name. What the queries find has been scraped back from the exporter.
var troubles = []trouble{
	{
		"memory leak",
		`forecast_breach_probability{detector="memory_vs_limit",container="payments",bound="upper",horizon="6h"} > 0.8
and on (namespace, pod, container)
  forecast_time_to_breach_seconds{detector="memory_vs_limit",container="payments",bound="upper"} < 6 * 3600`,
	},
	{
		"restarts",
		`predicted_anomaly_score{detector="pod_restarts",container="worker",cause="score"} > 0.6`,
	},
	{
		"pool wait",
		`anomaly_score{detector="pool_wait",pool="orders"} > 0.6
and on (namespace, pool)
  forecast_breach_probability{detector="pool_wait",bound="upper",horizon="1h"} < 0.5`,
	},
	{
		"cache",
		`anomaly_score{detector="cache_hit_ratio",job="api"} > 0.8
and on (namespace, job)
  anomaly_score{detector="requests",job="api"} > 0.6`,
	},
	{
		"evening peak",
		`recommended_replicas{scaler="frontend"} > on (namespace, deployment) group_left () kube_deployment_status_replicas
and on (scaler)
  recommended_replicas_source{scaler="frontend",source="forecast"} == 1`,
	},
}

// watch asks Prometheus until it has seen every trouble, and returns those it has not when the time is over.
func (d *demo) watch(ctx context.Context, timeout time.Duration) (missing []trouble, err error) {
	began := time.Now()
	deadline := time.After(timeout)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()

	if err := d.progress(ctx, "anomaly-exporter, its first models and results", d.waitReady(deadline)); err != nil {
		return nil, err
	}
	missing = slices.Clone(troubles)
	for {
		missing, err = d.unseen(ctx, missing, began)
		if err != nil || len(missing) == 0 {
			return missing, err
		}
		select {
		case <-ctx.Done():
			return missing, ctx.Err()
		case <-deadline:
			return missing, nil
		case <-tick.C:
		}
	}
}

func (d *demo) waitReady(deadline <-chan time.Time) func(context.Context) error {
	return func(ctx context.Context) error {
		tick := time.NewTicker(pollEvery / 4)
		defer tick.Stop()
		for {
			err := d.exporter.Ready(ctx)
			if err == nil {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-deadline:
				return err
			case <-tick.C:
			}
		}
	}
}

// unseen returns those of the troubles that Prometheus does not show yet, and tells of the others.
func (d *demo) unseen(ctx context.Context, all []trouble, began time.Time) ([]trouble, error) {
	var missing []trouble
	for _, t := range all {
		found, err := d.prometheus.Query(ctx, t.query, time.Now())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
		if len(found) == 0 {
			missing = append(missing, t)
			continue
		}
		fmt.Fprintf(d.out, "seen in Prometheus after %.0fs: %s\n", time.Since(began).Seconds(), tells(t.name))
	}
	return missing, nil
}

// tells is what the story says of a trouble.
func tells(name string) string {
	for _, t := range shop.Story() {
		if t.Name == name {
			return t.Tells
		}
	}
	return name
}

func names(all []trouble) string {
	var list []string
	for _, t := range all {
		list = append(list, t.name)
	}
	return strings.Join(list, ", ")
}
