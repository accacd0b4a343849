package preset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/backtest"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/estimate"
)

// leastJudged is for how long there must be results, so that the number of alerts says something. Chosen, not tuned.
const leastJudged = 24 * time.Hour

// noSeries is the reason that passes by itself.
const noSeries = "there are no such series now"

// A plan says which detectors a Prometheus has the metrics for.
type plan struct {
	*Command
	at             time.Time
	httpKeys       string        // that remote_read needs to reach the Prometheus, as YAML
	externalLabels []string      // NAME: VALUE
	age            time.Duration // of the server; 0: not known
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
	entry
	series   int                // now
	young    bool               // none of them has a value before the next scrape
	limit    int                // of series; 0: the default
	bytes    int64              // of memory
	replayed *backtest.Detector // nil: not replayed, or without any result
	leftOut  string             // the reason
}

// inspect makes the plan by what a server has.
func (p *plan) inspect(ctx context.Context, s *server) error {
	metrics, err := s.metrics(ctx)
	if err != nil {
		return err
	}
	presets, err := presetsFor(ctx, s, metrics)
	if err != nil {
		return err
	}
	p.externalLabels, p.age = s.externalLabels(ctx), s.age(ctx)
	for _, one := range presets {
		if err := p.add(ctx, s, one, metrics); err != nil {
			return err
		}
	}
	switch {
	case len(metrics) == 0:
		return errors.New("there was no metric within the last hour; does it scrape anything? If it " +
			"was started just now, wait for its first scrape")
	case len(p.parts) == 0:
		return fmt.Errorf("no preset is for what it has (%s); write a detector for an expression of yours, as in "+
			"examples/prometheus.yml", count(len(metrics), "metric", "metrics"))
	}
	p.fit()
	p.scalers, err = suggest(ctx, s, metrics)
	return err
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
		of.find(labels)
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
func (p *plan) add(ctx context.Context, s *server, from preset, metrics map[string]bool) error {
	of := part{file: from.file, about: from.about}
	for _, d := range from.detectors {
		if !d.applies(metrics) {
			continue
		}
		one := &planned{entry: d}
		var err error
		one.series, one.young, err = s.count(ctx, &d)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, errTooShort):
			one.leftOut = err.Error()
		case err != nil:
			one.leftOut = fmt.Sprintf("the query for its series failed: %v", err)
		case one.series == 0 && d.Missing != "zero":
			one.leftOut = noSeries
		case one.series > 0:
			one.limit = seriesLimit(one.series)
		}
		one.bytes = estimate.Bytes(d.Detector, one.series)
		of.detectors = append(of.detectors, one)
	}
	if len(of.detectors) > 0 {
		p.parts = append(p.parts, of)
	}
	return nil
}

// ranks are the presets by how much they are about what users notice: services and what is in front of them; what they
// depend on; where they run; and their insides, which tell why rather than that something is wrong.
var ranks = map[string]int{
	"http-service.yml": 0, "ingress-nginx.yml": 0, "traefik.yml": 0, "istio.yml": 0, "envoy.yml": 0, "blackbox.yml": 0,
	"postgresql.yml": 1, "mysql.yml": 1, "redis.yml": 1, "kafka.yml": 1, "rabbitmq.yml": 1,
	"kubernetes.yml": 2, "node-exporter.yml": 2,
	"jvm.yml": 3, "go.yml": 3, "prometheus.yml": 3,
}

// fit leaves out the detectors for whose series there is no room: of presets about what users notice last, and of
// equals the largest first.
func (p *plan) fit() {
	in := p.in()
	rank := map[*planned]int{}
	for _, of := range p.parts {
		for _, d := range of.detectors {
			rank[d] = ranks[of.file]
		}
	}
	slices.SortStableFunc(in, func(a, b *planned) int {
		return cmp.Or(cmp.Compare(rank[a], rank[b]), cmp.Compare(a.series, b.series))
	})
	total := 0
	for _, d := range in {
		if total+d.series <= p.MaxSeries {
			total += d.series
			continue
		}
		d.leftOut = fmt.Sprintf("beside what users notice first, its series have no room in --max-series=%d", p.MaxSeries)
	}
}

// alerting returns the names of the detectors that can alert: on a score, or on a bound that is forecast to be crossed.
func (p *plan) alerting() (names []string) {
	for _, d := range p.in() {
		bounded := d.Bounds.Lower != nil || d.Bounds.Upper != nil
		if slices.Contains(d.Publish, "score") || bounded && slices.Contains(d.Publish, "forecast") {
			names = append(names, d.Name)
		}
	}
	return names
}

// gate leaves out the detectors that would have alerted too often, according to a backtest of them.
func (p *plan) gate(r *backtest.Report) {
	replayed := map[string]*backtest.Detector{}
	for i := range r.Detectors {
		replayed[r.Detectors[i].Name] = &r.Detectors[i]
	}
	for _, d := range p.in() {
		of := replayed[d.Name]
		if of == nil || of.Workloads == 0 {
			continue
		}
		d.replayed = of
		if of.Judged >= leastJudged && of.TooManyAlerts() {
			d.leftOut = fmt.Sprintf("%s would have raised %s in %s, more than one a week and workload. Look at the findings "+
				"of a backtest of it: raise min_deviation until only what matters is left",
				count(of.Workloads, "workload", "workloads"), count(of.AllAlerts(), "alert", "alerts"), days(of.Judged))
		}
	}
}

// days returns for how long there were results, for people.
func days(d time.Duration) string {
	return count(int(math.Round(d.Hours()/24)), "day", "days")
}

// in returns the detectors that are not left out.
func (p *plan) in() (all []*planned) {
	for _, of := range p.parts {
		for _, d := range of.detectors {
			if d.leftOut == "" {
				all = append(all, d)
			}
		}
	}
	return all
}

// load returns the configuration, as if it were read from the file.
func (p *plan) load(file string) (*config.Config, error) {
	if first := p.parts[0].detectors[0]; len(p.in()) == 0 {
		return nil, fmt.Errorf("every detector was left out, such as %s: %s", first.Name, first.leftOut)
	}
	text, err := p.text()
	if err != nil {
		return nil, err
	}
	return config.Load([]byte(text), file)
}
