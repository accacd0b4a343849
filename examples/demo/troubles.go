package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/examples/demo/shop"
)

// pollEvery is the time between two queries for the troubles that have not been seen yet.
const pollEvery = 2 * time.Second

// trouble is a trouble of the story with the query that shows it: it has been seen if the result is not empty.
type trouble struct {
	name  string
	query string
}

// troubles are those of shop.Story, by name. The queries read what Prometheus has scraped from the exporter.
var troubles = []trouble{
	{
		"memory leak",
		`forecast_breach_probability{detector="memory_vs_limit",container="payments",bound="upper",horizon="6h"} > 0.8
and on (namespace, pod, container)
  forecast_time_to_breach_seconds{detector="memory_vs_limit",container="payments",bound="upper"} < 6 * 3600`,
	},
	{
		"restarts",
		`predicted_anomaly_score{detector="pod_restarts",container="worker"} > 0.6`,
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

// watch queries Prometheus until it shows every trouble. It returns those that it does not show within the timeout.
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

// unseen returns the troubles that Prometheus does not show yet, and prints the others.
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
		fmt.Fprintf(d.out, "seen in Prometheus after %.0fs: %s\n", time.Since(began).Seconds(), describe(t.name))
	}
	return missing, nil
}

// describe returns what the story says about a trouble.
func describe(name string) string {
	for _, t := range shop.Story() {
		if t.Name == name {
			return t.Description
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
