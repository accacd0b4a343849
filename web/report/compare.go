package report

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/backtest"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
	"github.com/anomaly-exporter/anomaly-exporter/web/past"
)

// maxCompared bounds the series of a comparison. Chosen: what a person looks at.
const maxCompared = 6

// A Comparison is the backtest of a detector or a scaler beside that of another one.
type Comparison struct {
	Start  time.Time `json:"start"`
	End    time.Time `json:"end"`
	New    Outcome   `json:"new"`
	Old    *Outcome  `json:"old,omitempty"`
	Series []Pair    `json:"series"` // those with the strongest findings of either
}

// A Pair has the charts of the same series; nil: it has none.
type Pair struct {
	New *Chart `json:"new"`
	Old *Chart `json:"old"`
}

// An Outcome is what a detector or a scaler would have done.
type Outcome struct {
	Series         int         `json:"series"`
	Steps          int         `json:"steps"`          // with a score or a recommendation, of all series
	Over           past.Number `json:"over"`           // share of them with a score of at least 0.8
	Alerts         int         `json:"alerts"`         // that would have fired
	PromisedAlerts past.Number `json:"promisedAlerts"` // that normal behaviour would have had at most
	WithoutScore   int         `json:"withoutScore"`   // steps
	Reason         string      `json:"reason,omitempty"`
	Findings       int         `json:"findings"`
	Strongest      []string    `json:"strongest,omitempty"` // findings, for people
	Forecasts      []Accuracy  `json:"forecasts,omitempty"`
	Truth          *Truth      `json:"truth,omitempty"`
	Strategies     []Cost      `json:"strategies,omitempty"` // of a scaler
}

// Accuracy is how good the forecasts for a horizon were.
type Accuracy struct {
	Horizon    string      `json:"horizon"`
	Error      past.Number `json:"error"` // relative to that of the value a day before
	InInterval past.Number `json:"inInterval"`
	Nominal    past.Number `json:"nominal"`
}

// Truth compares the alerts with incidents.
type Truth struct {
	Incidents int `json:"incidents"`
	Found     int `json:"found"`
	Alerts    int `json:"alerts"`
	True      int `json:"true"`
}

// Cost is what a strategy of scaling would have cost.
type Cost struct {
	Name         string      `json:"name"`
	ReplicaHours past.Number `json:"replicaHours"`
	Cost         past.Number `json:"cost"`
	ShortSeconds past.Number `json:"shortSeconds"`
}

// Compare runs the backtest of a configuration with one detector or scaler, and that of another one; nil: none. Then it
// draws the series with the strongest findings of either, the whole time.
func Compare(ctx context.Context, now backtest.Options, before *backtest.Options) (*Comparison, error) {
	found, err := backtest.Run(ctx, now)
	if err != nil {
		return nil, err
	}
	c := &Comparison{Start: found.Start, End: found.End, New: newOutcome(found)}
	var old *backtest.Report
	if before != nil {
		if old, err = backtest.Run(ctx, *before); err != nil {
			return nil, err
		}
		outcome := newOutcome(old)
		c.Old = &outcome
	}
	inputs := strongest(found, old)
	fresh, err := whole(ctx, now, found, inputs)
	if err != nil {
		return nil, err
	}
	former := make([]*Chart, len(inputs))
	if before != nil {
		if former, err = whole(ctx, *before, old, inputs); err != nil {
			return nil, err
		}
	}
	c.Series = []Pair{}
	for i := range inputs {
		if fresh[i] != nil || former[i] != nil {
			c.Series = append(c.Series, Pair{fresh[i], former[i]})
		}
	}
	return c, nil
}

// newOutcome describes the report of a detector or a scaler.
func newOutcome(r *backtest.Report) Outcome {
	if len(r.Scalers) > 0 {
		s := &r.Scalers[0]
		o := Outcome{Series: s.Series, Steps: s.Steps, Over: past.Number(math.NaN()), PromisedAlerts: past.Number(math.NaN())}
		for i, c := range s.Strategies {
			o.Strategies = append(o.Strategies, Cost{
				replicas.Strategy(i).String(), past.Number(c.ReplicaHours), past.Number(c.Cost), past.Number(c.Under.Seconds()),
			})
		}
		return o
	}
	d := &r.Detectors[0]
	o := Outcome{
		Series: d.Series, Steps: d.Steps, Over: past.Number(d.Over), Alerts: d.Alerts, PromisedAlerts: past.Number(most(d)),
		WithoutScore: d.Unscored, Reason: d.Reason, Findings: r.Found,
	}
	for _, f := range r.Findings {
		o.Strongest = append(o.Strongest, f.String())
	}
	for _, h := range d.Horizons {
		o.Forecasts = append(o.Forecasts, Accuracy{
			result.Duration(h.Horizon), past.Number(h.Error), past.Number(h.Coverage), past.Number(h.Level),
		})
	}
	if t := d.Truth; t != nil {
		o.Truth = &Truth{t.Incidents, t.Found, t.Alerts, t.True}
	}
	return o
}

// strongest returns the inputs of the series with the strongest findings, those of the reports in turn; if there are
// none, those with the highest scores. old may be nil.
func strongest(found, old *backtest.Report) (inputs []labels.Labels) {
	add := func(input *labels.Labels) {
		if input == nil || len(inputs) == maxCompared {
			return
		}
		if !slices.ContainsFunc(inputs, func(l labels.Labels) bool { return labels.Equal(l, *input) }) {
			inputs = append(inputs, *input)
		}
	}
	reports := []*backtest.Report{found}
	if old != nil {
		reports = append(reports, old)
	}
	for i := range maxCompared {
		for _, r := range reports {
			if i < len(r.Findings) {
				add(&r.Findings[i].Input)
			}
		}
	}
	for _, r := range reports {
		for i := range r.Scalers {
			add(r.Scalers[i].Largest)
		}
		if len(inputs) == 0 && len(r.Detectors) > 0 {
			add(r.Detectors[0].Highest)
		}
	}
	return inputs
}

// whole draws series over the whole time; nil where there are no results.
func whole(
	ctx context.Context, o backtest.Options, found *backtest.Report, inputs []labels.Labels,
) ([]*Chart, error) {
	charts := make([]*Chart, len(inputs))
	r := Report{Report: found}
	if len(found.Scalers) > 0 {
		if len(inputs) == 0 || found.Scalers[0].Largest == nil {
			return charts, nil
		}
		if err := r.drawScaler(ctx, o, &found.Scalers[0]); err != nil {
			return nil, err
		}
		i := slices.IndexFunc(inputs, func(l labels.Labels) bool { return labels.Equal(l, *found.Scalers[0].Largest) })
		charts[max(i, 0)] = &r.Scalers[0]
		return charts, nil
	}
	d := &o.Config.Detectors[0]
	source := result.Source{Name: d.Name}
	all, err := curves(ctx, o, source, inputs)
	if err != nil {
		return nil, err
	}
	for i, c := range all {
		if len(c.Time) == 0 {
			continue
		}
		chart := c.chart(source, d.ValueUnit(), c.thin(found.Start, found.End, c.score))
		of := c.labels.Without("detector", "scaler")
		chart.Alerts, chart.Breaches = fired(found.Detectors[0].Fired, of), fired(found.Detectors[0].Breaches, of)
		charts[i] = &chart
	}
	return charts, nil
}
