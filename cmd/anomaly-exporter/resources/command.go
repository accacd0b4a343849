// Package resources compares the resource requests that scalers recommend with those of the containers that run.
package resources

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/source"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// A Command holds the flags of the command.
type Command struct {
	ConfigFile string
	Output     string  // table or kustomize
	Match      string  // selector; "": all containers
	MinChange  float64 // differences up to this share of a request are no change
	CoreHour   float64 // price of a core for an hour; 0: unknown
	GiBHour    float64 // price of a GiB of memory for an hour; 0: unknown
}

// An Environment is what the command works with.
type Environment struct {
	Stdout, Stderr io.Writer
	Logger         log.Logger
	Engine         *promql.Engine
	Limits         *detector.Limits
	MaxConcurrency int
	Now            time.Time
}

// Run computes the recommendations as of now from history, compares them and writes the output. What it leaves out it
// writes to e.Stderr.
func (c *Command) Run(ctx context.Context, e Environment) error {
	if c.MinChange < 0 || c.CoreHour < 0 || c.GiBHour < 0 {
		return errors.New("--min-change and prices cannot be negative")
	}
	var match []*labels.Matcher
	if c.Match != "" {
		var err error
		if match, err = parser.NewParser(parser.Options{}).ParseMetricSelector(c.Match); err != nil {
			return fmt.Errorf("--match: %w", err)
		}
	}
	cfg, err := config.LoadFile(c.ConfigFile)
	if err != nil {
		return err
	}
	if onlyResources(cfg); len(cfg.Scalers) == 0 {
		return errors.New(`the configuration has no scaler with resources; docs/autoscaling.md has one under "Resource ` +
			`requests"`)
	}
	src, err := source.New(cfg.RemoteRead, source.Options{MaxConcurrency: e.MaxConcurrency, Logger: e.Logger})
	if err != nil {
		return err
	}
	defer src.Close()
	m, err := detector.New(detector.Options{Engine: e.Engine, Logger: e.Logger, Limits: e.Limits})
	if err != nil {
		return err
	}
	if err := m.ApplyConfig(cfg, src); err != nil {
		return err
	}
	at := e.Now.Add(-time.Duration(cfg.Global.QueryOffset))
	// What runs is read first: it takes a moment, and tells at once if kube-state-metrics is missing.
	running, err := readContainers(ctx, func(ctx context.Context, expr string) (promql.Vector, error) {
		return m.Query(ctx, expr, at)
	}, match)
	if err != nil {
		return err
	}
	var recommended []*recommendation
	err = m.Replay(ctx, at, at, func(b *result.Batch) {
		for i := range b.Series {
			if r := newRecommendation(b, i); matches(match, r.labels) {
				recommended = append(recommended, r)
			}
		}
	})
	if err != nil {
		return err
	}
	if len(recommended) == 0 {
		return errors.New("nothing is recommended: the expressions of the scalers have no series now, or --match fits none")
	}
	rows, unmatched := compare(running, recommended, c.MinChange)
	if n := len(unmatched); n > 0 {
		fmt.Fprintf(e.Stderr, "%d of %d recommendations are for no running container of a workload, the first is %s of %s. "+
			"They need the labels namespace and container of kube-state-metrics.\n",
			n, len(recommended), unmatched[0].resource, unmatched[0].text())
	}
	if c.Output == "kustomize" {
		return c.writePatches(e, rows)
	}
	return c.writeTable(e.Stdout, rows)
}

// onlyResources removes everything from a configuration that recommends no requests.
func onlyResources(cfg *config.Config) {
	cfg.Detectors = nil
	var with []config.Scaler
	for _, s := range cfg.Scalers {
		if s.Resources != nil {
			s.Load = config.Expr{}
			with = append(with, s)
		}
	}
	cfg.Scalers = with
}

// matches reports whether labels fulfill the matchers. Matchers of labels that are absent are ignored.
func matches(match []*labels.Matcher, of result.Labels) bool {
	for _, m := range match {
		if value := of.Get(m.Name); value != "" && !m.Matches(value) {
			return false
		}
	}
	return true
}
