package preset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	engine "github.com/anomaly-exporter/anomaly-exporter/detector"
)

// Options configure New.
type Options struct {
	URL        *url.URL // of the Prometheus
	API        v1.API   // of the same
	HTTPClient string   // the keys that remote_read needs to reach it, as YAML; "": none
	Timezone   string   // "": UTC
	MaxSeries  int      // of all detectors together
	Now        time.Time
}

// A Plan says which detectors a Prometheus has the metrics for.
type Plan struct {
	o              Options
	externalLabels []string // NAME: VALUE
	parts          []part
	scalers        []scaler // suggested
}

// part is the detectors from one preset.
type part struct {
	file, about string
	detectors   []*planned
}

// planned is a detector that the configuration has, or leaves out for a reason.
type planned struct {
	detector
	Cost
}

// Cost is what a detector costs.
type Cost struct {
	Preset   string // file
	Detector string
	Series   int   // now
	Limit    int   // of series; 0: the default
	Bytes    int64 // of memory
	LeftOut  string
}

// New looks at a Prometheus.
func New(ctx context.Context, o Options) (*Plan, error) {
	s := &server{o.API, o.Now}
	metrics, err := s.metrics(ctx)
	if err != nil {
		return nil, err
	}
	presets, err := presetsFor(ctx, s, metrics)
	if err != nil {
		return nil, err
	}
	p := &Plan{o: o, externalLabels: s.externalLabels(ctx)}
	for _, one := range presets {
		if err := p.add(ctx, s, one, metrics); err != nil {
			return nil, err
		}
	}
	if len(p.parts) == 0 {
		return nil, fmt.Errorf("none of the %d metrics is one that a preset is for", len(metrics))
	}
	p.fit()
	p.scalers, err = suggest(ctx, s, metrics)
	return p, err
}

// presetsFor returns the presets for which there are metrics.
func presetsFor(ctx context.Context, s *server, metrics map[string]bool) ([]preset, error) {
	all, requests, err := load()
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(p preset) bool {
		return !slices.ContainsFunc(p.needs, func(name string) bool { return metrics[name] })
	})
	for _, of := range services(metrics) {
		labels, err := s.labels(ctx, of.counter)
		if err != nil {
			return nil, err
		}
		of.findErrors(labels)
		p, err := of.preset(requests)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b preset) int { return cmp.Compare(a.file, b.file) })
	return all, nil
}

// add adds the detectors of a preset for which there are metrics.
func (p *Plan) add(ctx context.Context, s *server, from preset, metrics map[string]bool) error {
	of := part{file: from.file, about: from.about}
	for _, d := range from.detectors {
		if !d.applies(metrics) {
			continue
		}
		one := &planned{d, Cost{Preset: from.file, Detector: d.Name}}
		var err error
		one.Series, err = s.count(ctx, &d)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			one.LeftOut = fmt.Sprintf("the query for its series failed: %v", err)
		case one.Series == 0 && d.Missing != "zero":
			one.LeftOut = "there are no such series"
		case one.Series > 0:
			one.Limit = seriesLimit(one.Series)
		}
		one.Bytes = engine.EstimateBytes(d.Detector, one.Series)
		of.detectors = append(of.detectors, one)
	}
	if len(of.detectors) > 0 {
		p.parts = append(p.parts, of)
	}
	return nil
}

// fit leaves out the detectors with the most series, until the rest has no more than allowed.
func (p *Plan) fit() {
	in, total := p.in(), 0
	for _, d := range in {
		total += d.Series
	}
	slices.SortStableFunc(in, func(a, b *planned) int { return cmp.Compare(b.Series, a.Series) })
	for _, d := range in {
		if total <= p.o.MaxSeries {
			return
		}
		d.LeftOut = fmt.Sprintf("the detectors have more than --max-series=%d series together, and it has the most",
			p.o.MaxSeries)
		total -= d.Series
	}
}

// in returns the detectors that are not left out.
func (p *Plan) in() (all []*planned) {
	for _, of := range p.parts {
		for _, d := range of.detectors {
			if d.LeftOut == "" {
				all = append(all, d)
			}
		}
	}
	return all
}

// Costs returns what the detectors cost, those that are left out included.
func (p *Plan) Costs() (all []Cost) {
	for _, of := range p.parts {
		for _, d := range of.detectors {
			all = append(all, d.Cost)
		}
	}
	return all
}

// Scalers returns the number of scalers that are suggested.
func (p *Plan) Scalers() int { return len(p.scalers) }

// Config returns the configuration.
func (p *Plan) Config(file string) (*config.Config, error) {
	if len(p.in()) == 0 {
		return nil, errors.New("every detector was left out")
	}
	text, err := p.Text()
	if err != nil {
		return nil, err
	}
	return config.Load([]byte(text), file)
}
