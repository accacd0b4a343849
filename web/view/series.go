package view

import (
	"fmt"
	"math"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result/humanize"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result/meaning"
	"github.com/anomaly-exporter/anomaly-exporter/web/past"
	"github.com/anomaly-exporter/anomaly-exporter/web/view/address"
)

// The severities of a score. They are those that the shipped rules have in a small fleet; in a larger one their bar
// follows from the alert budget.
const (
	Critical = "critical"
	High     = "high"
)

// criticalScore is ten times as rare as feedback.HighScore, from which a score is high (layout: the shipped rules, for
// a single series).
const criticalScore = 0.9

// A Series is what is known of a series at the newest step.
type Series struct {
	Kind   string            `json:"kind"`   // "detector" or "scaler"
	Source string            `json:"source"` // name of the detector or scaler; with "/cpu" or "/memory" for requests
	ID     string            `json:"id"`     // of the series within the source
	Labels map[string]string `json:"labels"` // of its results, without empty ones
	Step   time.Time         `json:"step"`
	// Gone is when a series had its last value that has none now; if that is long ago, a little later.
	Gone   *time.Time `json:"gone,omitempty"`
	State  string     `json:"state,omitempty"` // why there is no score or recommendation; empty: there is one
	Reason string     `json:"reason,omitempty"`
	Remedy string     `json:"remedy,omitempty"` // what the reason means and what to do

	Learning *meaning.Learning `json:"learning,omitempty"` // absent: it does not wait for history

	Value    Number `json:"value"` // of the first input
	Unit     string `json:"unit,omitempty"`
	Score    Number `json:"score"`
	Expected Number `json:"expected"`
	Lower    Number `json:"lower"`
	Upper    Number `json:"upper"`
	// ReturnPeriodSeconds is how often normal behaviour looks at least this unusual; null: never seen, or no score.
	ReturnPeriodSeconds Number         `json:"returnPeriodSeconds"`
	Severity            string         `json:"severity,omitempty"`
	Since               *time.Time     `json:"since,omitempty"`          // when the score became high
	SinceOrEarlier      bool           `json:"sinceOrEarlier,omitempty"` // how much earlier is not known
	Contributions       []Contribution `json:"contributions,omitempty"`
	Inputs              []Input        `json:"inputs,omitempty"` // of a detector with several
	Trend               string         `json:"trend,omitempty"`  // where the value has been going
	TrendPerHour        Number         `json:"trendPerHour"`     // how fast; null: not known, or stable
	TrendHours          int            `json:"trendHours,omitempty"`
	TrendText           string         `json:"-"`       // all of this for people
	PerHour             Number         `json:"perHour"` // of a counter: what it gained in the last hour
	LearnedFrom         *time.Time     `json:"learnedFrom,omitempty"`
	LearnedTo           *time.Time     `json:"learnedTo,omitempty"`
	Model               string         `json:"model,omitempty"` // of the forecast

	Sentence string        `json:"sentence"` // all of this for people
	Path     string        `json:"-"`        // of its page, without what is before all paths
	URL      string        `json:"url"`      // of its page
	History  *past.History `json:"history,omitempty"`

	batch  *result.Batch
	series *result.Series
}

// A Contribution is the share of a feature, or of an input, in the score.
type Contribution struct {
	Feature string `json:"feature"`
	Share   Number `json:"share"`
}

// An Input is the value of one of several inputs.
type Input struct {
	Name  string `json:"name"`
	Value Number `json:"value"`
	Unit  string `json:"unit,omitempty"`
}

// newSeries describes a series of a batch.
func (v *View) newSeries(b *result.Batch, s *result.Series) Series {
	r := Series{
		Kind: b.Source.Kind(), Source: b.Source.ID(), ID: formatID(s.ID), Labels: map[string]string{}, Step: at(b.Step),
		State: s.State.State, Reason: s.State.Reason, Value: Number(b.Value(s, 0)),
		Score: Number(s.Score.Value), Expected: Number(s.Score.Expected), Lower: Number(s.Score.Lower),
		Upper: Number(s.Score.Upper), ReturnPeriodSeconds: Number(s.Score.ReturnPeriod),
		PerHour: Number(math.NaN()), TrendPerHour: Number(math.NaN()), batch: b, series: s,
	}
	for _, l := range s.Labels {
		if l.Value != "" {
			r.Labels[l.Name] = l.Value
		}
	}
	r.Unit = v.unit(b.Source)
	if r.State != "" {
		r.Remedy, r.Learning = StateText(s.State), meaning.LearningOf(b, s)
	}
	switch v := s.Score.Value; {
	case v >= criticalScore:
		r.Severity = Critical
	case v >= feedback.HighScore:
		r.Severity = High
	}
	if high := s.Since; high.At != 0 {
		if high.OrEarlier {
			if found, ok := v.past.Since(b.Source, s, high.At); ok {
				high = found
			}
		}
		since := at(high.At)
		r.Since, r.SinceOrEarlier = &since, high.OrEarlier
	}
	if s.Score.To > s.Score.From {
		from, to := at(s.Score.From), at(s.Score.To)
		r.LearnedFrom, r.LearnedTo = &from, &to
	}
	for _, c := range s.Score.Contributions {
		r.Contributions = append(r.Contributions, Contribution{c.Feature, Number(c.Share)})
	}
	if b.Format != nil && len(b.Format.Inputs) > 0 && len(s.History) > 0 {
		if len(b.Format.Inputs) > 1 {
			for i, in := range b.Format.Inputs {
				one := Input{Name: in.Name, Value: Number(b.Value(s, i))}
				if d := v.detector(b.Source); d != nil {
					expr := d.Inputs[in.Name]
					one.Unit = expr.Unit()
				}
				r.Inputs = append(r.Inputs, one)
			}
		}
		e, _ := b.Explain(s)
		r.PerHour, r.Trend, r.TrendHours = Number(e.PerHour), e.Trend.Word, e.Trend.For
		if e.Trend.PerHour != 0 {
			r.TrendPerHour = Number(e.Trend.PerHour)
		}
		r.TrendText = e.Trend.Text(func(v float64) string { return humanize.Quantity(v, r.Unit) })
	}
	if s.Forecast != nil {
		r.Model = s.Forecast.Model
	}
	r.Path = r.page()
	r.URL = v.o.Public + r.Path
	r.Sentence = r.sentence(v.o.Now())
	return r
}

// page returns the path of the page of a series.
func (s *Series) page() string {
	path := "/series"
	if s.OfLoad() {
		path = "/scaler"
	}
	return address.Of(path, s.Kind, s.Source, s.Labels)
}

// OfLoad reports whether the series is the load of a scaler, for which replicas are recommended.
func (s *Series) OfLoad() bool { return s.batch.Source.Scaler && s.batch.Source.Resource == "" }

// Identity returns the labels that tell a series from all others: those of its results, without those that the
// configuration adds.
func (v *View) Identity(s *Series) labels.Labels {
	b := labels.NewBuilder(labels.FromMap(s.Labels))
	if d := v.detector(s.batch.Source); d != nil {
		for name := range d.Labels {
			if !s.series.Input.Has(name) {
				b.Del(name)
			}
		}
	}
	return b.Labels()
}

// List returns the series that were asked for, in the order of their sources and labels.
func (v *View) List(s *result.Snapshot, f *Filter) (found []Series, total int) {
	if f.Gone {
		return v.listGone(s, f, false)
	}
	found = []Series{}
	for _, b := range s.Batches {
		for i := range b.Series {
			if !f.matches(b.Source, &b.Series[i]) {
				continue
			}
			if total++; total > f.Offset && len(found) < f.Limit {
				found = append(found, v.newSeries(b, &b.Series[i]))
			}
		}
	}
	return found, total
}

// expressions returns the PromQL of a detector or scaler.
func (v *View) expressions(source result.Source) []string {
	if source.Scaler {
		switch c := v.scaler(source); {
		case c == nil:
			return nil
		case source.Resource == "cpu":
			return []string{c.Resources.CPU.String()}
		case source.Resource == "memory":
			return []string{c.Resources.Memory.String()}
		default:
			return []string{c.Load.String()}
		}
	}
	d := v.detector(source)
	if d == nil {
		return nil
	}
	if !d.Multivariate() {
		return []string{d.Expr.String()}
	}
	var all []string
	for _, name := range d.InputNames() {
		expr := d.Inputs[name]
		all = append(all, expr.String())
	}
	return all
}

// detector returns the configuration of a detector; nil: there is none.
func (v *View) detector(source result.Source) *config.Detector {
	cfg := v.o.Config()
	if cfg == nil || source.Scaler {
		return nil
	}
	for i := range cfg.Detectors {
		if cfg.Detectors[i].Name == source.Name {
			return &cfg.Detectors[i]
		}
	}
	return nil
}

// scaler returns the configuration of a scaler; nil: there is none.
func (v *View) scaler(source result.Source) *config.Scaler {
	cfg := v.o.Config()
	if cfg == nil || !source.Scaler {
		return nil
	}
	for i := range cfg.Scalers {
		if cfg.Scalers[i].Name == source.Name {
			return &cfg.Scalers[i]
		}
	}
	return nil
}

// unit returns the unit of the values of a detector or scaler; "": not known.
func (v *View) unit(source result.Source) string {
	switch {
	case source.Resource == "cpu":
		return "cores"
	case source.Resource == "memory":
		return "bytes"
	case source.Scaler:
		if c := v.scaler(source); c != nil {
			return c.Load.Unit()
		}
		return ""
	}
	if d := v.detector(source); d != nil {
		return d.ValueUnit()
	}
	return ""
}

// Bounds returns the smallest and the largest number of replicas that a scaler may recommend.
func (v *View) Bounds(s *Series) [2]int {
	if c := v.scaler(s.batch.Source); c != nil {
		return [2]int{c.MinReplicas, c.MaxReplicas}
	}
	return [2]int{}
}

// Expressions returns the PromQL behind a series.
func (v *View) Expressions(s *Series) []string { return v.expressions(s.batch.Source) }

func formatID(id uint64) string { return fmt.Sprintf("%016x", id) }

func at(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
