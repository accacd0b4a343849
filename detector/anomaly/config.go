package anomaly

import (
	"maps"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/schedule"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// onsetLookBack is the look-back of the onset (layout: the window of scorer/onset).
const onsetLookBack = 24 * time.Hour

// A Spec holds what the models of a detector depend on. A reload keeps the models as long as it stays the same.
type Spec struct{ detector config.Detector }

// newSpec removes the keys that only the results of a detector depend on. All other keys count, so a new configuration
// key drops the models on a reload unless it is removed here.
func newSpec(d *config.Detector, onset, forecasts bool) Spec {
	s := Spec{*d}
	// Of the published kinds, only onset and forecasts change what the models compute.
	s.detector.Publish = nil
	if onset {
		s.detector.Publish = append(s.detector.Publish, "onset")
	}
	if forecasts {
		s.detector.Publish = append(s.detector.Publish, "forecast")
	}
	s.detector.Labels, s.detector.SeriesLimit, s.detector.Mute, s.detector.Unit = nil, 0, nil, ""
	return s
}

// A Plan is the translated configuration of a detector.
type Plan struct {
	Spec     Spec
	Data     dataset.Options
	Schedule schedule.Schedule
	Format   *result.Format
	Labeler  *result.Labeler

	options *options
}

// ShardKey returns the same key for series that must be in the same process, which are the members of a pool.
func (p *Plan) ShardKey(l labels.Labels) uint64 {
	if by := p.options.poolBy; by != nil {
		return poolSeed(l, by)
	}
	return dataset.ID(l)
}

// options configure the models.
type options struct {
	scorer     scorer.Options
	forecaster forecaster.Options // no horizons: no forecasts
	onset      bool               // whether onset is published
	inputs     []string           // names, if there are several inputs; nil: there is one
	poolBy     []string           // labels that the members of a pool share; nil: each series has its own scorer
	weighted   bool               // the first auxiliary is how many events are behind a value

	lower, upper *config.Bound
}

// NewPlan translates a detector of the configuration.
func NewPlan(cfg *config.Config, d *config.Detector) (*Plan, error) {
	missing, err := history.ParseMissing(d.Missing)
	if err != nil {
		return nil, err
	}
	publish := result.Select(d.Publish)
	onset, forecasts := publish.Has(result.Onsets), publish.Has(result.Forecasts|result.Models)
	lookBack := time.Duration(0)
	if onset {
		lookBack = onsetLookBack
	}
	o := &options{
		scorer: scorerOptions(d), onset: onset, poolBy: d.PoolBy, lower: d.Bounds.Lower, upper: d.Bounds.Upper,
	}
	if d.Multivariate() {
		o.inputs = d.InputNames()
	}
	minHistory := max(time.Duration(d.MinHistory), o.shortest())
	s := schedule.New(time.Duration(d.Step), time.Duration(d.RefitInterval), minHistory, lookBack)
	layout, err := history.NewLayout(time.Duration(d.Step), time.Duration(d.History), s.Overhang(), missing)
	if err != nil {
		return nil, err
	}
	var horizons []int
	for _, h := range d.Forecaster.Horizons {
		if forecasts {
			horizons = append(horizons, int(h/d.Step))
		}
	}
	o.forecaster = forecasterOptions(d, horizons)
	p := &Plan{
		Spec: newSpec(d, onset, len(horizons) > 0),
		Data: dataset.Options{
			By: d.By, Layout: layout, Limit: d.SeriesLimit, Vacant: schedule.DropAfter * s.Step,
			Range: possible(d),
			Mask:  selector("mask", d.Mask), Mute: selector("mute", d.Mute),
			Lower: boundSelector("bounds.lower", d.Bounds.Lower), Upper: boundSelector("bounds.upper", d.Bounds.Upper),
		},
		Schedule: s,
		Labeler: &result.Labeler{
			Add:        map[string]string{"detector": d.Name},
			Empty:      cfg.Global.EmptyLabels,
			MetricName: d.Expr.MetricName(),
		},
		options: o,
	}
	if w := EventWeight(d); w != nil {
		p.options.weighted = true
		p.Data.Auxiliaries = []dataset.Auxiliary{{
			Selector: dataset.Selector{Key: "scorer.weight", Expr: w.Expr.String(), On: w.On, Exact: true},
			Length:   time.Duration(layout.Length) * time.Millisecond,
			Reduce:   sum,
		}}
	}
	maps.Copy(p.Labeler.Add, d.Labels)
	format := result.Format{
		Publish: publish, Step: time.Duration(d.Step), MinHistory: minHistory, Probability: d.Forecaster.MaxProbability,
		Unit: d.ValueUnit(), ExplainThreshold: d.ExplainThreshold, Fine: time.Duration(layout.Fine()) * time.Millisecond,
	}
	for _, h := range d.Forecaster.Horizons {
		format.Horizons = append(format.Horizons, time.Duration(h))
	}
	names := o.inputs
	if names == nil {
		names = []string{""}
	}
	for i, expr := range d.Exprs() {
		p.Data.Inputs = append(p.Data.Inputs, dataset.Input{Name: names[i], Expr: expr.String(), LookBack: expr.LookBack()})
		p.Data.Kept = append(p.Data.Kept, expr.Kept())
		format.Inputs = append(format.Inputs, result.Input{Name: names[i], Counts: expr.CountsOver()})
	}
	p.Format = result.NewFormat(format)
	return p, nil
}

func sum(values []float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}

func scorerOptions(d *config.Detector) scorer.Options {
	return scorer.Options{
		Model:                d.Scorer.Model,
		Step:                 time.Duration(d.Step),
		Location:             d.Location(),
		Holiday:              d.Holidays.Include(),
		Direction:            d.Scorer.Direction,
		Contamination:        d.Scorer.Contamination,
		Trees:                d.Scorer.Trees,
		Subsample:            d.Scorer.Subsample,
		MinDeviation:         d.Scorer.MinDeviation,
		MinRelativeDeviation: d.Scorer.MinRelativeDeviation,
		DataRange:            d.DataRange,
		ExplainThreshold:     d.ExplainThreshold,
	}
}

// possible returns the range of values that are learned from.
func possible(d *config.Detector) [2]float64 {
	o := scorerOptions(d)
	return o.Possible()
}

func forecasterOptions(d *config.Detector, horizons []int) forecaster.Options {
	return forecaster.Options{
		Model:          d.Forecaster.Model,
		Step:           time.Duration(d.Step),
		Location:       d.Location(),
		Holiday:        d.Holidays.Include(),
		Horizons:       horizons,
		Refit:          schedule.RefitSteps(time.Duration(d.RefitInterval), time.Duration(d.Step)),
		Level:          d.Forecaster.Level,
		MaxProbability: d.Forecaster.MaxProbability,
		DataRange:      d.DataRange,
	}
}

// selector returns nil if there is no expression.
func selector(key string, c *config.Selector) *dataset.Selector {
	if c == nil {
		return nil
	}
	return &dataset.Selector{Key: key, Expr: c.Expr.String(), On: c.On}
}

// boundSelector returns nil if the bound is not an expression.
func boundSelector(key string, b *config.Bound) *dataset.Selector {
	if b == nil || b.Expr == nil {
		return nil
	}
	return &dataset.Selector{Key: key, Expr: b.Expr.String(), On: b.On}
}
