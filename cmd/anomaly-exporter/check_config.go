package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/prometheus/promql"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/source"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/config/document"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
)

// checkTimeout is how long check-config waits for the servers of a file (chosen, not tuned).
const checkTimeout = 10 * time.Second

// checkOptions are the options of the check-config command.
type checkOptions struct {
	query          queryOptions
	timeout        time.Duration // to wait for the servers of a file
	stdout, stderr io.Writer
}

// checkConfig is the check-config command. For an invalid file it writes each problem to stderr, as file:line: what
// is wrong. For a valid file it writes the estimated cost to stdout; a server that does not answer is not a problem
// of the file. It returns whether all files are valid.
func checkConfig(ctx context.Context, files []string, o checkOptions) bool {
	valid := true
	for _, file := range files {
		cfg, err := config.LoadFile(file)
		var src *source.Source
		if err == nil {
			src, err = source.New(cfg.RemoteRead, source.Options{
				MaxConcurrency: o.query.maxConcurrency, MaxRetries: -1, Logger: log.NewNopLogger(),
			})
			if err != nil {
				err = fmt.Errorf("%s: %w", file, err)
			}
		}
		if err != nil {
			valid = false
			fmt.Fprintln(o.stderr, document.Explain(err))
			continue
		}
		fmt.Fprintf(o.stdout, "%s: valid, %s, %s\n",
			file, count(len(cfg.Detectors), "detector"), count(len(cfg.Scalers), "scaler"))
		ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("no answer within %s", o.timeout))
		printCost(ctx, cfg, src, o.query.engine(log.NewNopLogger()), o.stdout)
		cancel()
		src.Close()
	}
	return valid
}

// printCost writes how many series there are now, and how much memory they will take: a line for each detector and
// scaler, and one for the total.
func printCost(ctx context.Context, cfg *config.Config, src *source.Source, engine *promql.Engine, w io.Writer) {
	var series int
	var bytes, bytesAtLimit int64
	for _, c := range costs(cfg) {
		limit := detector.EstimateBytes(c.shape, c.shape.SeriesLimit)
		bytesAtLimit += limit
		n, err := countSeries(ctx, c.shape, src, engine)
		switch {
		case err != nil:
			fmt.Fprintf(w, "  %s %q: unknown number of series (%v), at most %d: %s\n",
				c.kind, c.shape.Name, err, c.shape.SeriesLimit, size(limit))
		case n > c.shape.SeriesLimit:
			fmt.Fprintf(w, "  %s %q: %s, %d of them over series_limit: %s\n",
				c.kind, c.shape.Name, count(n, "series"), n-c.shape.SeriesLimit, size(limit))
			series, bytes = series+c.shape.SeriesLimit, bytes+limit
		default:
			estimate := detector.EstimateBytes(c.shape, n)
			fmt.Fprintf(w, "  %s %q: %s: %s\n", c.kind, c.shape.Name, count(n, "series"), size(estimate))
			series, bytes = series+n, bytes+estimate
		}
	}
	fmt.Fprintf(w, "  memory limit to set: %s for %s now; if every series_limit is reached: %s\n",
		size(detector.MemoryLimit(bytes)), count(series, "series"), size(detector.MemoryLimit(bytesAtLimit)))
}

// cost is an expression that is read, with the settings on which its memory depends.
type cost struct {
	kind  string
	shape config.Detector // only what a scaler has too
}

func costs(cfg *config.Config) []cost {
	var all []cost
	for _, d := range cfg.Detectors {
		all = append(all, cost{"detector", d})
	}
	for _, s := range cfg.Scalers {
		// A scaler keeps the series of load and usage in the same way as a detector keeps its series.
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

// countSeries returns the number of series at the newest step that a cycle would evaluate, for several inputs the
// largest of their numbers.
func countSeries(ctx context.Context, d config.Detector, src *source.Source, engine *promql.Engine) (most int, err error) {
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

// countResult returns the number of series in the result of expr.
func countResult(
	ctx context.Context, expr config.Expr, at time.Time, src *source.Source, engine *promql.Engine,
) (int, error) {
	query, err := engine.NewInstantQuery(ctx, src, nil, expr.String(), at)
	if err != nil {
		return 0, err
	}
	defer query.Close()
	vector, err := query.Exec(ctx).Vector()
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if readErr, ok := errors.AsType[*remoteread.Error](err); ok {
		return 0, readErr // without what the engine adds
	}
	return len(vector), err
}

// count returns a number with its unit, such as "2 detectors".
func count(n int, what string) string {
	if n != 1 && what != "series" {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// size returns a number of bytes in a form that people can read.
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
