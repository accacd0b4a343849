// Package report describes a backtest with charts of its series, and writes it as one page that needs nothing else.
package report

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/backtest"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/web/past"
)

// maxForecasts, maxBreaches and maxScalers bound the charts of a report beside those of its findings, and maxMarks the
// alerts and the incidents that are marked. Guard: such a page has about a megabyte at most, which systems for tickets
// and pull requests take as an attachment.
const maxForecasts, maxBreaches, maxScalers, maxMarks = 6, 4, 4, 1000

// A Report is a backtest with its charts.
type Report struct {
	*backtest.Report
	Findings  []Chart // of the findings of the backtest, in the same order
	Forecasts []Chart // what was forecast, and what came
	Breaches  []Chart // what was forecast where an alert said that a bound would be crossed
	Scalers   []Chart // what replicas there would have been
	LeftOut   []string
}

// Run runs a backtest, and replays the series that it draws once more.
func Run(ctx context.Context, o backtest.Options) (*Report, error) {
	found, err := backtest.Run(ctx, o)
	if err != nil {
		return nil, err
	}
	r := &Report{Report: found, Findings: make([]Chart, len(found.Findings))}
	forecasts := 0
	for i := range o.Config.Detectors {
		d := &o.Config.Detectors[i]
		of := slices.IndexFunc(found.Detectors, func(known backtest.Detector) bool { return known.Name == d.Name })
		if of < 0 {
			continue // it was not asked for
		}
		horizons := len(d.Forecaster.Horizons)
		if horizons > 0 && found.Detectors[of].Typical != nil {
			if forecasts += min(horizons, 2); forecasts > maxForecasts {
				horizons = 0
			}
		}
		if err := r.drawDetector(ctx, o, d, &found.Detectors[of], horizons); err != nil {
			return nil, err
		}
	}
	for i := range found.Scalers[:min(len(found.Scalers), maxScalers)] {
		if err := r.drawScaler(ctx, o, &found.Scalers[i]); err != nil {
			return nil, err
		}
	}
	r.leaveOut(forecasts)
	return r, nil
}

// leaveOut says what the report does not show.
func (r *Report) leaveOut(forecasts int) {
	add := func(format string, args ...any) { r.LeftOut = append(r.LeftOut, fmt.Sprintf(format, args...)) }
	if n := len(r.Findings); n < r.Found {
		add("Of %d findings the %d strongest are shown.", r.Found, n)
	}
	if len(r.Forecasts) > 0 {
		add("Forecasts are shown of one series of each detector: the one whose error is the median.")
	}
	if n := len(r.Forecasts); n < forecasts {
		add("Of %d charts of forecasts %d are shown.", forecasts, n)
	}
	warnings := 0
	for i := range r.Detectors {
		warnings += len(r.Detectors[i].Breaches)
	}
	if n := len(r.Breaches); n < warnings {
		add("There are %d alerts that a bound will be crossed. Charts show the first one of each of %d series.", warnings, n)
	}
	if len(r.Scalers) > 0 {
		add("Of each scaler the workload with the most replicas is shown.")
	}
	if n := len(r.Report.Scalers); n > maxScalers {
		add("Of %d scalers %d are shown.", n, maxScalers)
	}
	add("A chart has at most %d points. Where there are more steps, it shows one of as many as it takes: the one with "+
		"the highest score, or the first.", maxPoints)
	alerts := 0
	for _, d := range r.Detectors {
		alerts += len(d.Fired)
	}
	if alerts > maxMarks {
		add("Of %d alerts the first %d are listed.", alerts, maxMarks)
	}
	if each := r.marks(); slices.ContainsFunc(r.Detectors, func(d backtest.Detector) bool {
		return len(d.Fired) > each || len(d.Incidents) > each
	}) {
		add("Of the alerts and incidents of a detector the first %d are marked.", each)
	}
}

// marks returns how many alerts, and how many incidents, are marked for each detector.
func (r *Report) marks() int { return maxMarks / max(len(r.Detectors), 1) }

// drawDetector draws the findings of a detector, and what was forecast for its shortest and its longest horizon.
func (r *Report) drawDetector(
	ctx context.Context, o backtest.Options, d *config.Detector, of *backtest.Detector, horizons int,
) error {
	var inputs []labels.Labels
	want := func(input labels.Labels) {
		if !slices.ContainsFunc(inputs, func(known labels.Labels) bool { return labels.Equal(known, input) }) {
			inputs = append(inputs, input)
		}
	}
	for i := range r.Report.Findings {
		if f := &r.Report.Findings[i]; f.Detector == d.Name {
			want(f.Input)
		}
	}
	forecast := horizons > 0 && of.Typical != nil
	if forecast {
		want(*of.Typical)
	}
	breaches := r.warned(of)
	for i := range breaches {
		want(breaches[i].Input)
	}
	if len(inputs) == 0 {
		return nil
	}
	source := result.Source{Name: d.Name}
	all, err := curves(ctx, o, source, inputs)
	if err != nil {
		return err
	}
	curve := func(input labels.Labels) *curve {
		return all[slices.IndexFunc(inputs, func(known labels.Labels) bool { return labels.Equal(known, input) })]
	}
	for i := range r.Report.Findings {
		f := &r.Report.Findings[i]
		if f.Detector != d.Name {
			continue
		}
		c := curve(f.Input)
		from, to := r.around(f, of.Step)
		r.Findings[i] = c.chart(source, d.ValueUnit(), c.thin(from, to, c.score))
		r.Findings[i].Alerts, r.Findings[i].Breaches = fired(of.Fired, f.Labels), fired(of.Breaches, f.Labels)
	}
	for i := range breaches {
		a := &breaches[i]
		c := curve(a.Input)
		from, to := r.around(&backtest.Finding{Start: a.Start, Duration: a.End.Sub(a.Start)}, of.Step)
		longest := len(c.horizons) - 1
		if longest < 0 {
			continue // the source has changed what it holds
		}
		p := c.forecast(longest)
		chart := c.chart(source, d.ValueUnit(), p.thin(from, to, p.any))
		chart.Expected, chart.Breaches = c.expected(longest), fired(of.Breaches, a.Labels)
		r.Breaches = append(r.Breaches, chart)
	}
	if !forecast {
		return nil
	}
	c := curve(*of.Typical)
	for h := range c.horizons {
		if h > 0 && h < len(c.horizons)-1 {
			continue
		}
		p := c.forecast(h)
		chart := c.chart(source, d.ValueUnit(), p.thin(r.Start, r.End, p.any))
		chart.Expected = c.expected(h)
		r.Forecasts = append(r.Forecasts, chart)
	}
	return nil
}

// warned returns the first alerts of a detector that a bound will be crossed, one of each series, for which there is
// room.
func (r *Report) warned(of *backtest.Detector) (first []backtest.Alert) {
	for _, a := range of.Breaches {
		known := slices.ContainsFunc(first, func(b backtest.Alert) bool { return labels.Equal(a.Input, b.Input) })
		if !known && len(r.Breaches)+len(first) < maxBreaches {
			first = append(first, a)
		}
	}
	return first
}

// drawScaler draws the workload of a scaler that had the most replicas.
func (r *Report) drawScaler(ctx context.Context, o backtest.Options, of *backtest.Scaler) error {
	if of.Largest == nil {
		return nil
	}
	i := slices.IndexFunc(o.Config.Scalers, func(s config.Scaler) bool { return s.Name == of.Name })
	c, source := &o.Config.Scalers[i], result.Source{Scaler: true, Name: of.Name}
	var l result.Labels
	replay := past.Replay(func(
		ctx context.Context, _ result.Source, series []labels.Labels, start, end time.Time, emit func(*result.Batch),
	) error {
		o := o
		o.Start, o.End = start, end
		return backtest.Series(ctx, o, source, series, func(b *result.Batch) {
			i := slices.IndexFunc(b.Series, func(s result.Series) bool { return labels.Equal(s.Input, *of.Largest) })
			if i >= 0 {
				l = b.Series[i].Labels
			}
			emit(b)
		})
	})
	step := time.Duration(c.Step)
	last := r.End
	if due := o.Now.Add(-time.Duration(c.QueryOffset)); due.Before(last) {
		last = due
	}
	span := past.Span{
		Source: source, Input: *of.Largest, From: r.Start.Truncate(step).UnixMilli(), To: last.Truncate(step).UnixMilli(),
	}
	h, err := replay.Scaler(ctx, span, of.Horizon, c.CostPerReplicaHour)
	if err != nil {
		return err
	}
	chart := newChart(source, l, c.Load.Unit())
	chart.Scaler = h.Every((len(h.Time) + maxPoints - 1) / maxPoints)
	chart.Bounds = []float64{float64(c.MinReplicas), float64(c.MaxReplicas)}
	r.Scalers = append(r.Scalers, chart)
	return nil
}

// around returns a part of the replayed time with as many steps as a chart has points, and a finding in it.
func (r *Report) around(f *backtest.Finding, step time.Duration) (from, to time.Time) {
	const before = 0.75 // share of the time around it; what led to it tells more than what followed
	span := max(maxPoints*step, f.Duration*3/2)
	from = f.Start.Add(-time.Duration(before * float64(span-f.Duration)))
	if latest := r.End.Add(-span); from.After(latest) {
		from = latest
	}
	if from.Before(r.Start) {
		from = r.Start
	}
	return from, from.Add(span - step)
}

// fired returns the periods of those alerts that fired on a series, in seconds.
func fired(alerts []backtest.Alert, of labels.Labels) (all [][2]int64) {
	for _, a := range alerts {
		if labels.Equal(a.Labels, of) {
			all = append(all, [2]int64{a.Start.Unix(), a.End.Unix()})
		}
	}
	return all
}

// expressions returns the PromQL of a detector.
