package check

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-kit/log"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/source"
	"github.com/anomaly-exporter/anomaly-exporter/config"
)

// WithoutSeriesUntil is WithoutSeries for a replay that ended at a time before now. What a server has lost since is no
// reason: if there is no series now, either, it says why there was none then.
func WithoutSeriesUntil(
	ctx context.Context, cfg *config.Config, detector string, end time.Time, o Options,
) (why string, later bool) {
	why, later = WithoutSeries(ctx, cfg, detector, o)
	if later || !end.Before(o.Now) {
		return why, later
	}
	o.Now = end
	if then, had := WithoutSeries(ctx, cfg, detector, o); then != "" && !had {
		return then, false
	}
	return why, later
}

// WithoutSeries says why a detector of a configuration had no series before now; later reports whether it has some now,
// or may have some at any time. why is empty if that cannot be known.
func WithoutSeries(ctx context.Context, cfg *config.Config, detector string, o Options) (why string, later bool) {
	src, err := source.New(cfg.RemoteRead, source.Options{
		MaxConcurrency: o.MaxConcurrency, MaxRetries: -1, Logger: log.NewNopLogger(),
	})
	if err != nil {
		return "", false
	}
	defer src.Close()
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	c := &checker{Options: o, Result: &Result{}, cfg: cfg, source: src}
	for _, e := range c.expressions() {
		if e.kind != "detector" || e.shape.Name != detector {
			continue
		}
		found, ok := c.series(ctx, e)
		if !ok {
			return "", false
		}
		c.checkMetrics(ctx, e, found)
		switch {
		case len(c.Problems) > 0:
		case most(found) > 0:
			return fmt.Sprintf("no series until then: the oldest values are %s old; the first score comes after %s "+
				"(min_history)", c.old(ctx, e), e.shape.MinHistory), true
		default:
			return "nothing has happened yet that the expression counts (missing: zero)", true
		}
		var all []string
		for _, p := range c.Problems {
			one := strings.TrimPrefix(p.Message, e.title()+": ")
			if p.Remedy != "" {
				one += "; " + p.Remedy
			}
			all = append(all, one)
		}
		return strings.Join(all, "; "), false
	}
	return "", false
}
