// Package collector serves the newest snapshot of the detectors at /metrics.
//
// Results are rendered as exposition text when they change, not when they are scraped. The text is kept compressed: a
// scrape copies prepared bytes, which are decompressed for a scraper that does not accept gzip, and appends the
// exporter's own metrics, which client_golang gathers. A gauge without a timestamp is written alike in the text format
// 0.0.4 and in OpenMetrics 1.0, so one rendering serves both.
package collector

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// Options configure a Collector. All fields but Logger are required.
type Options struct {
	Registerer prometheus.Registerer // for the collector's own metrics
	Gatherer   prometheus.Gatherer   // of the exporter's own metrics, which each scrape appends to the results
	Logger     log.Logger
}

func (o *Options) validate() error {
	if o.Registerer == nil {
		return errors.New("collector: no registerer")
	}
	if o.Gatherer == nil {
		return errors.New("collector: no gatherer")
	}
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	return nil
}

// Collector is the http.Handler for /metrics.
type Collector struct {
	gatherer  prometheus.Gatherer
	logger    log.Logger
	metrics   *metrics
	deflaters sync.Pool

	published atomic.Pointer[result.Snapshot]
	wake      chan struct{}

	mu       sync.Mutex // serializes renderings and guards the fields below
	rendered *result.Snapshot
	bodies   bodies // of rendered
	renderer *renderer
	utf8     *renderCache
	ascii    *renderCache // empty unless a label name needs underscores
}

// bodies are the results of one snapshot, ready to be copied: with label names as they are, and with underscored ones
// for scrapers that do not offer UTF-8. Usually no name needs underscores, and both are the same.
type bodies struct{ utf8, ascii *body }

// New returns a Collector with no results yet.
func New(o Options) (*Collector, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	r := newRenderer()
	c := &Collector{
		gatherer:  o.Gatherer,
		logger:    o.Logger,
		metrics:   newMetrics(o.Registerer),
		deflaters: sync.Pool{New: func() any { return newDeflater() }},
		wake:      make(chan struct{}, 1),
		renderer:  r,
		utf8:      newRenderCache(r, true),
		ascii:     newRenderCache(r, false),
	}
	nothing := &body{}
	c.bodies = bodies{utf8: nothing, ascii: nothing}
	return c, nil
}

// Publish makes s the snapshot to serve. It returns immediately: Run renders the text, or a scrape that comes first
// does.
func (c *Collector) Publish(s *result.Snapshot) {
	c.published.Store(s)
	select {
	case c.wake <- struct{}{}:
	default: // already signalled; Run takes the newest
	}
}

// Run renders published snapshots until ctx ends.
func (c *Collector) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
			c.newest()
		}
	}
}

// newest returns the bodies of the newest published snapshot. It renders only batches that have changed since the last
// one.
func (c *Collector) newest() bodies {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.published.Load()
	if s == c.rendered {
		return c.bodies
	}
	start := time.Now()
	c.utf8.update(s, nil, func(_ cacheKey, r *rendering) {
		c.metrics.duplicate.Add(float64(r.duplicate))
		c.metrics.invalid.Add(float64(r.invalid))
	})
	next := bodies{utf8: c.utf8.assemble(s)}
	next.ascii = next.utf8
	if c.utf8.needsEscaping() {
		c.ascii.update(s, c.utf8, func(key cacheKey, r *rendering) {
			c.metrics.escaped.Add(float64(c.utf8.renderings[key].results - r.results))
		})
		next.ascii = c.ascii.assemble(s)
	} else {
		c.ascii = newRenderCache(c.renderer, false)
	}
	c.rendered, c.bodies = s, next
	c.metrics.results.Set(float64(next.utf8.results))
	c.metrics.rendering.Observe(time.Since(start).Seconds())
	return next
}
