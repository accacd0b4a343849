package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/prometheus/promql"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
)

// patience is how long check-config waits for the servers that a file names.
const patience = 10 * time.Second

// checkOptions are what the check-config command works with.
type checkOptions struct {
	query          queryOptions
	patience       time.Duration
	stdout, stderr io.Writer
}

// checkConfig is the check-config command. It writes each mistake to stderr as file:line: what is wrong, and what a good file will cost to stdout; it
// reports whether all files are good. A server that does not answer is no mistake.
func checkConfig(ctx context.Context, files []string, o checkOptions) bool {
	good := true
	for _, file := range files {
		cfg, err := config.LoadFile(file)
		var src *source
		if err == nil {
			src, err = newSource(cfg.RemoteRead, sourceOptions{maxConcurrency: o.query.maxConcurrency, maxRetries: -1, logger: log.NewNopLogger()})
			if err != nil {
				err = fmt.Errorf("%s: %w", file, err)
			}
		}
		if err != nil {
			good = false
			fmt.Fprintln(o.stderr, err)
			continue
		}
		fmt.Fprintf(o.stdout, "%s: good: %s, %s\n", file, count(len(cfg.Detectors), "detector"), count(len(cfg.Scalers), "scaler"))
		ctx, cancel := context.WithTimeoutCause(ctx, o.patience, fmt.Errorf("no answer within %s", o.patience))
		printCost(ctx, cfg, src, o.query.engine(log.NewNopLogger()), o.stdout)
		cancel()
		src.close()
	}
	return good
}

// printCost writes a line for each detector and scaler, and one for all: how many series there are now, and the memory that they will take.
func printCost(ctx context.Context, cfg *config.Config, src *source, engine *promql.Engine, w io.Writer) {
	var series int
	var bytes, most int64
	for _, c := range costs(cfg) {
		limit := detector.EstimateBytes(c.shape, c.shape.SeriesLimit)
		most += limit
		n, err := countSeries(ctx, c.shape, src, engine)
		switch {
		case err != nil:
			fmt.Fprintf(w, "  %s %q: series unknown (%v), at most %d: %s\n", c.kind, c.shape.Name, err, c.shape.SeriesLimit, size(limit))
		case n > c.shape.SeriesLimit:
			fmt.Fprintf(w, "  %s %q: %s, %d of them over series_limit: %s\n", c.kind, c.shape.Name, count(n, "series"), n-c.shape.SeriesLimit, size(limit))
			series, bytes = series+c.shape.SeriesLimit, bytes+limit
		default:
			estimate := detector.EstimateBytes(c.shape, n)
			fmt.Fprintf(w, "  %s %q: %s: %s\n", c.kind, c.shape.Name, count(n, "series"), size(estimate))
			series, bytes = series+n, bytes+estimate
		}
	}
	fmt.Fprintf(w, "  in all %s now: %s; with every series_limit reached %s\n", count(series, "series"), size(bytes), size(most))
}

// cost is what a detector or scaler is for check-config.
type cost struct {
	kind  string
	shape config.Detector
}

func costs(cfg *config.Config) []cost {
	var all []cost
	for _, d := range cfg.Detectors {
		all = append(all, cost{"detector", d})
	}
	for _, s := range cfg.Scalers {
		// A scaler keeps its load, and what containers use, as a detector keeps a series.
		add := func(name string, expr config.Expr) {
			if expr.IsZero() {
				return
			}
			all = append(all, cost{"scaler", config.Detector{
				Name: name, Expr: expr, Step: s.Step, QueryOffset: s.QueryOffset,
				History: s.History, MinHistory: s.MinHistory, RefitInterval: s.RefitInterval, SeriesLimit: s.SeriesLimit,
			}})
		}
		add(s.Name, s.Load)
		if s.Resources != nil {
			add(s.Name+"/cpu", s.Resources.CPU)
			add(s.Name+"/memory", s.Resources.Memory)
		}
	}
	return all
}

// countSeries evaluates the expression at the newest step that a cycle would see; of several inputs that with the most series counts.
func countSeries(ctx context.Context, d config.Detector, src *source, engine *promql.Engine) (most int, err error) {
	at := time.Now().Add(-time.Duration(d.QueryOffset)).Truncate(time.Duration(d.Step))
	for _, expr := range d.Exprs() {
		n, err := countResult(ctx, expr, at, src, engine)
		if err != nil {
			return 0, err
		}
		most = max(most, n)
	}
	return most, nil
}

func countResult(ctx context.Context, expr config.Expr, at time.Time, src *source, engine *promql.Engine) (int, error) {
	query, err := engine.NewInstantQuery(ctx, src, nil, expr.String(), at)
	if err != nil {
		return 0, err
	}
	defer query.Close()
	vector, err := query.Exec(ctx).Vector()
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if reading, ok := errors.AsType[*remoteread.Error](err); ok {
		return 0, reading // without the engine's words around it
	}
	return len(vector), err
}

func count(n int, what string) string {
	if n != 1 && what != "series" {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// size is a number of bytes for people.
func size(bytes int64) string {
	const kib = 1 << 10
	switch {
	case bytes < kib*kib:
		return fmt.Sprintf("about %d KiB", (bytes+kib-1)/kib)
	case bytes < kib*kib*kib:
		return fmt.Sprintf("about %.1f MiB", float64(bytes)/(kib*kib))
	default:
		return fmt.Sprintf("about %.1f GiB", float64(bytes)/(kib*kib*kib))
	}
}
