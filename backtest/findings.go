package backtest

import (
	"cmp"
	"math"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/movement"
)

const (
	// findingThreshold is the lowest score at which alerts have a severity (docs/alerting.md).
	findingThreshold = 0.6
	// maxFindings is the maximum number of findings in a report. Chosen, not tuned.
	maxFindings = 10
)

// Finding is a period in which a series was anomalous, described at the step with the highest score.
type Finding struct {
	Detector               string
	Labels                 labels.Labels // of the results of the series
	Input                  labels.Labels // of the series as it was read, for Series
	Start                  time.Time     // first step with a score of at least 0.6
	Duration               time.Duration // to the end of the last such step; a pause of up to 15 minutes does not end it
	Time                   time.Time     // step with the highest score
	Score                  float64
	Unit                   string  // of the value; "": unknown, or several inputs
	Seen                   float64 // the value; NaN for several inputs
	Inputs                 []Input // the values of several inputs
	Expected, Lower, Upper float64 // the expected value and range; NaN: none
	Contributions          []Contribution
	Trend                  movement.Trend // of the value or the first contribution
	PerHour                float64        // increase of that counter per hour; NaN if it is not one
	From, To               time.Time      // first and last step that the model was fitted on
	Alerted                bool           // the score was at least 0.8 for 5m

	last int64 // step (ms)
}

// Input is the value of one of several inputs.
type Input struct {
	Name  string
	Unit  string // "": unknown
	Value float64
}

// Contribution is the share of a feature in a score.
type Contribution struct {
	Feature string
	Share   float64
}

// distance returns how far the value is from the expected one, in half widths of the expected range.
func (f *Finding) distance() float64 {
	d := math.Abs(f.Seen-f.Expected) / ((f.Upper - f.Lower) / 2)
	if math.IsNaN(d) {
		return 0
	}
	return d
}

// TrendUnit returns the unit of what the trend is of; "" if it is not known.
func (f *Finding) TrendUnit() string {
	if len(f.Contributions) > 0 {
		for _, in := range f.Inputs {
			if in.Name == f.Contributions[0].Feature {
				return in.Unit
			}
		}
	}
	return f.Unit
}

// compare puts the stronger finding first: by score and then, because scores end at 1, by distance.
func (f *Finding) compare(other *Finding) int {
	return cmp.Or(
		cmp.Compare(other.Score, f.Score), cmp.Compare(other.distance(), f.distance()),
		f.Time.Compare(other.Time), cmp.Compare(f.Detector, other.Detector), labels.Compare(f.Labels, other.Labels),
	)
}

// find adds a step at which the score of a series is at or above the threshold to the finding of the series.
func (r *replay) find(of *inputSeries, b *result.Batch, s *result.Series) {
	f := of.finding
	if f == nil || b.Step-f.last > r.step+feedback.KeepFiring.Milliseconds() {
		f = &Finding{
			Detector: r.source.Name, Labels: of.labels, Input: of.input, Unit: r.config.Detectors[0].ValueUnit(),
			Start: time.UnixMilli(b.Step).UTC(), Score: -1,
		}
		of.finding, r.findings = f, append(r.findings, f)
	}
	f.last, f.Duration = b.Step, time.Duration(b.Step+r.step-f.Start.UnixMilli())*time.Millisecond
	now := *f
	now.Time, now.Score = time.UnixMilli(b.Step).UTC(), s.Score.Value
	now.Seen, now.Inputs = r.values(b, s)
	now.Expected, now.Lower, now.Upper = s.Score.Expected, s.Score.Lower, s.Score.Upper
	if f.Score < now.Score || f.Score == now.Score && f.distance() < now.distance() {
		now.explain(b, s)
		*f = now
	}
}

// explain sets the explanation of the score of a series.
func (f *Finding) explain(b *result.Batch, s *result.Series) {
	f.Contributions = nil
	for _, c := range s.Score.Contributions {
		f.Contributions = append(f.Contributions, Contribution{c.Feature, c.Share})
	}
	e, _ := b.Explain(s)
	f.Trend, f.PerHour = e.Trend, e.PerHour
	f.From, f.To = time.UnixMilli(e.From).UTC(), time.UnixMilli(e.To).UTC()
}

// values returns the value of a series at the step, or the values of several inputs.
func (r *replay) values(b *result.Batch, s *result.Series) (v float64, inputs []Input) {
	if len(b.Format.Inputs) == 1 {
		return b.Value(s, 0), nil
	}
	for i, in := range b.Format.Inputs {
		expr := r.config.Detectors[0].Inputs[in.Name]
		inputs = append(inputs, Input{in.Name, expr.Unit(), b.Value(s, i)})
	}
	return math.NaN(), inputs
}
