// Package collector shows the newest snapshot of the detectors at /metrics.
//
// Results are rendered as exposition text when they change, not when they are scraped: a scrape copies bytes that are ready, plain or compressed, and
// appends the exporter's own metrics, which client_golang gathers. A gauge without a timestamp is written alike in the text format 0.0.4 and in
// OpenMetrics 1.0, so one rendering serves both.
package collector

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
)

// Options of a Collector. All but Logger are required.
type Options struct {
	Registerer prometheus.Registerer // takes the collector's own metrics
	Gatherer   prometheus.Gatherer   // gives what follows the results at each scrape: the exporter's own metrics
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

// Collector is the http.Handler of /metrics.
type Collector struct {
	gatherer  prometheus.Gatherer
	logger    log.Logger
	metrics   *metrics
	deflaters sync.Pool

	published atomic.Pointer[detector.Snapshot]
	wake      chan struct{}

	mu       sync.Mutex // one rendering at a time; guards what follows
	rendered *detector.Snapshot
	bodies   bodies // of rendered
	renderer *renderer
	utf8     *sheet
	ascii    *sheet // empty unless some label name needs underscores
}

// bodies are the results of one snapshot, ready to be copied: with label names as they are, and with underscored ones for a scraper that does not
// offer UTF-8. Mostly no name needs it and the two are the same.
type bodies struct{ utf8, ascii *body }

// New returns a Collector that has nothing to show yet.
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
		utf8:      newSheet(r, true),
		ascii:     newSheet(r, false),
	}
	nothing := &body{}
	c.bodies = bodies{utf8: nothing, ascii: nothing}
	return c, nil
}

// Publish makes s the snapshot to show. It returns at once: the text is made by Run, or by a scrape that comes before it.
func (c *Collector) Publish(s *detector.Snapshot) {
	c.published.Store(s)
	select {
	case c.wake <- struct{}{}:
	default: // Run will wake anyway, and take the newest
	}
}

// Run renders what is published, until ctx ends.
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

// newest returns the bodies of the newest published snapshot. Parts that have not changed since the last one are not rendered again.
func (c *Collector) newest() bodies {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.published.Load()
	if s == c.rendered {
		return c.bodies
	}
	start := time.Now()
	c.utf8.turnTo(s, nil, func(_ *detector.Part, r *rendering) {
		c.metrics.duplicate.Add(float64(r.duplicate))
		c.metrics.invalid.Add(float64(r.invalid))
	})
	next := bodies{utf8: c.utf8.assemble(s)}
	next.ascii = next.utf8
	if c.utf8.odd() {
		c.ascii.turnTo(s, c.utf8, func(p *detector.Part, r *rendering) {
			c.metrics.escaped.Add(float64(c.utf8.parts[p].results - r.results))
		})
		next.ascii = c.ascii.assemble(s)
	} else {
		c.ascii = newSheet(c.renderer, false)
	}
	c.rendered, c.bodies = s, next
	c.metrics.results.Set(float64(next.utf8.results))
	c.metrics.rendering.Observe(time.Since(start).Seconds())
	return next
}
