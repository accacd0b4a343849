// Package check looks for mistakes in configuration files before anybody is paged: for what is invalid, and, by asking
// the servers, for what is valid but cannot be meant.
package check

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/prometheus/promql"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/check/place"
	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/source"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/config/document"
	"github.com/anomaly-exporter/anomaly-exporter/config/files"
	"github.com/anomaly-exporter/anomaly-exporter/config/suggest"
	"github.com/anomaly-exporter/anomaly-exporter/detector/estimate"
)

// The severities of a Problem.
const (
	Error   = "error"   // the file is not valid
	Warning = "warning" // the file is valid, and something about it cannot be meant
)

// Problem is something wrong with a configuration.
type Problem struct {
	Severity string `json:"severity"`
	// Check names what was looked for: config, comment, or one of checks.
	Check   string `json:"check"`
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // 0: the file as a whole
	Message string `json:"message"`
	Remedy  string `json:"remedy,omitempty"`
	Excerpt string `json:"excerpt,omitempty"` // of the file, with a caret
}

// Cost is what the series of an expression cost.
type Cost struct {
	Kind   string `json:"kind"` // detector or scaler
	Name   string `json:"name"`
	Series *int   `json:"series"` // now; nil: not known
	Limit  int    `json:"series_limit"`
	Bytes  *int64 `json:"bytes"` // for the series that there are now, at most the limit; nil: not known
	AtMost int64  `json:"bytes_at_series_limit"`

	// CPU of a start, in seconds, for the same numbers of series.
	StartCPU       *float64 `json:"start_cpu_seconds"`
	StartCPUAtMost float64  `json:"start_cpu_seconds_at_series_limit"`
}

// Result is what is known about a file.
type Result struct {
	File      string    `json:"file"`
	Valid     bool      `json:"valid"`
	Detectors int       `json:"detectors"`
	Scalers   int       `json:"scalers"`
	Problems  []Problem `json:"problems"`
	Costs     []Cost    `json:"costs,omitempty"`
	Series    int       `json:"series"` // as far as known

	// What to limit the memory of the program to, itself included.
	MemoryLimit      int64 `json:"memory_limit_bytes,omitempty"`
	MemoryLimitAtMax int64 `json:"memory_limit_bytes_at_series_limit,omitempty"`

	// CPU that a start takes, in seconds, the program itself included, and the cores that it may use.
	StartCPU       float64 `json:"start_cpu_seconds,omitempty"`
	StartCPUAtMost float64 `json:"start_cpu_seconds_at_series_limit,omitempty"`
	Cores          int     `json:"cores,omitempty"`
}

// Warnings reports whether there are any.
func (r *Result) Warnings() bool {
	return slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Severity == Warning })
}

// Options say how to check. All are required.
type Options struct {
	Engine         *promql.Engine
	MaxConcurrency int  // of reads
	Offline        bool // ask no server
	Now            time.Time
	Timeout        time.Duration // for all questions to the servers of a file
}

// checker checks one file.
type checker struct {
	Options
	*Result
	cfg    *config.Config
	lines  place.Lines
	source *source.Source
	unread error // the newest question that was not answered
}

// File checks the configuration file at path.
func File(ctx context.Context, path string, o Options) *Result {
	c := &checker{Options: o, Result: &Result{File: path, Problems: []Problem{}}}
	set, err := files.Read(path)
	if err == nil {
		c.cfg, err = config.LoadFiles(set)
	}
	if err == nil {
		c.source, err = source.New(c.cfg.RemoteRead, source.Options{
			MaxConcurrency: o.MaxConcurrency, MaxRetries: -1, Logger: log.NewNopLogger(), // nothing is tried twice
		})
		if err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	if err != nil {
		c.invalid(err)
		return c.Result
	}
	defer c.source.Close()
	c.Valid, c.Detectors, c.Scalers = true, len(c.cfg.Detectors), len(c.cfg.Scalers)
	c.lines = place.New(set, c.cfg.DetectorFiles)
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("no answer within %s", o.Timeout))
	defer cancel()
	c.checkComments()
	c.checkFiles(set)
	c.checkServers(ctx)
	c.checkExpressions(ctx)
	c.checkEmpty(ctx)
	c.checkTenant()
	slices.SortStableFunc(c.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(c.lines.Order(a.File), c.lines.Order(b.File)), cmp.Compare(a.Line, b.Line))
	})
	return c.Result
}

// invalid adds the problems of a file that is not valid.
func (c *checker) invalid(err error) {
	problems := document.Problems(err)
	for _, p := range problems {
		c.Problems = append(c.Problems, Problem{
			Severity: Error, Check: "config", File: p.File, Line: p.Line, Message: p.Text, Excerpt: p.Excerpt,
		})
	}
	if len(problems) == 0 {
		message := strings.TrimPrefix(err.Error(), c.File+": ")
		c.Problems = append(c.Problems, Problem{Severity: Error, Check: "config", File: c.File, Message: message})
	}
}

// checks are the names of the checks that warn.
func checks() []string {
	return []string{"by", "counter", "data_range", "empty", "history", "join", "metric", "remote_read", "series_limit"}
}

// checkComments warns of comments that disable what there is not.
func (c *checker) checkComments() {
	c.lines.Disabling(func(check string, at place.Place) {
		if !slices.Contains(checks(), check) {
			c.warn("comment", at, "there is no check "+check+suggest.DidYouMean(check, checks()), "")
		}
	})
}

// warn adds a warning about a place in the files, unless a comment there disables the check.
func (c *checker) warn(check string, at place.Place, message, remedy string) {
	if at.Disables(check) {
		return
	}
	c.Problems = append(c.Problems, Problem{
		Severity: Warning, Check: check, File: at.File, Line: at.Line, Message: message, Remedy: remedy,
	})
}

// checkFiles warns of a configuration that does nothing, and of patterns without files.
func (c *checker) checkFiles(set *files.Set) {
	for i, pattern := range c.cfg.DetectorFiles {
		if found, err := set.Match(pattern); err == nil && len(found) == 0 {
			c.warn("empty", c.lines.At("detector_files", i, ""),
				fmt.Sprintf("detector_files[%d]: %s matches no file", i, pattern), "")
		}
	}
	if c.Detectors+c.Scalers == 0 {
		c.warn("empty", c.lines.First(c.File), "there are no detectors and no scalers, so nothing is published",
			"add a detector; examples/prometheus.yml has some that work on every Prometheus")
	}
}

// checkExpressions counts and checks the series of all expressions.
func (c *checker) checkExpressions(ctx context.Context) {
	var bytes, bytesAtMost int64
	var cpu, cpuAtMost time.Duration
	var ages []age
	for _, e := range c.expressions() {
		c.checkCounters(ctx, e)
		cost := Cost{Kind: e.kind, Name: e.shape.Name, Limit: e.shape.SeriesLimit}
		cost.AtMost = estimate.Bytes(e.shape, e.shape.SeriesLimit)
		bytesAtMost += cost.AtMost
		start := estimate.SeriesCPU(e.shape, cost.Limit, e.forecasts())
		cost.StartCPUAtMost, cpuAtMost = start.Seconds(), cpuAtMost+start
		if found, ok := c.series(ctx, e); ok {
			n := most(found)
			b := estimate.Bytes(e.shape, min(n, cost.Limit))
			start := estimate.SeriesCPU(e.shape, min(n, cost.Limit), e.forecasts())
			seconds := start.Seconds()
			cost.Series, cost.Bytes, cost.StartCPU = &n, &b, &seconds
			bytes, cpu = bytes+b, cpu+start
			c.Series += min(n, cost.Limit)
			if n > cost.Limit {
				c.warn("series_limit", e.at("expr"), fmt.Sprintf("%s: %d of %d series are over series_limit, and get no results",
					e.title(), n-cost.Limit, n), "aggregate or select fewer, or raise series_limit")
			}
			c.checkMetrics(ctx, e, found)
			c.checkBy(e, found)
			c.checkRange(ctx, e)
			c.checkJoins(ctx, e, found)
			if n > 0 {
				ages = append(ages, age{expression: e})
			}
		}
		c.Costs = append(c.Costs, cost)
	}
	c.checkHistory(ctx, ages)
	c.MemoryLimit, c.MemoryLimitAtMax = estimate.MemoryLimit(bytes), estimate.MemoryLimit(bytesAtMost)
	c.StartCPU, c.StartCPUAtMost = estimate.StartCPU(cpu).Seconds(), estimate.StartCPU(cpuAtMost).Seconds()
	c.Cores = c.MaxConcurrency
}
