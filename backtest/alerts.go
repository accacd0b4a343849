package backtest

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

const (
	highScore        = 0.8            // that alerts are written on
	findingThreshold = 0.6            // of the score, from which severity is more than none
	findingPause     = 15 * 60 * 1000 // ms that end no finding, as they end no alert
	maxFindings      = 10
)

// Finding is a time during which a series was strange, at its strangest step.
type Finding struct {
	Detector               string
	Labels                 labels.Labels // of the series
	Start                  time.Time     // first step at or over 0.6
	Duration               time.Duration // until the last such step, and that step; pauses of up to 15 minutes are no end
	Time                   time.Time     // the strangest step
	Score                  float64
	Seen                   float64 // the value; NaN of several
	Inputs                 []Input // the values of several signals
	Expected, Lower, Upper float64 // what was expected; NaN if nothing was
	Contributions          []Contribution
	Trend                  string    // of the value, or of that of the first contribution, as scorer.Explanation has it; "" if it is not known
	PerHour                float64   // how much that counter gained per hour; NaN of what counts nothing
	From, To               time.Time // first and last step that the model had learned from
	Alerted                bool      // the score came to 0.8 for 5m

	last int64
}

// Input is one of several signals.
type Input struct {
	Name  string
	Value float64
}

// Contribution is the share of a feature in a score.
type Contribution struct {
	Feature string
	Share   float64
}

// distance is how far the value lies from what was expected, in half widths of the range that was.
func (f *Finding) distance() float64 {
	d := math.Abs(f.Seen-f.Expected) / ((f.Upper - f.Lower) / 2)
	if math.IsNaN(d) {
		return 0
	}
	return d
}

// compare puts the stronger finding first: by score, and as scores end at 1, by distance.
func (f *Finding) compare(other *Finding) int {
	return cmp.Or(
		cmp.Compare(other.Score, f.Score), cmp.Compare(other.distance(), f.distance()),
		f.Time.Compare(other.Time), cmp.Compare(f.Detector, other.Detector), labels.Compare(f.Labels, other.Labels),
	)
}

// explain notes a strange step.
func (r *replay) explain(s *subject) {
	at := time.UnixMilli(s.step).UTC()
	f := s.finding
	if f == nil || s.step-f.last > r.step+findingPause {
		f = &Finding{Detector: r.name, Labels: s.shown(), Start: at, Score: -1}
		s.finding, r.findings = f, append(r.findings, f)
	}
	f.last, f.Duration = s.step, time.Duration(s.step+r.step-f.Start.UnixMilli())*time.Millisecond
	now := *f
	now.Time, now.Score = at, s.score
	now.Seen, now.Inputs = s.seen()
	now.Expected, now.Lower, now.Upper = s.expected.median, s.expected.lower, s.expected.upper
	if f.Score < now.Score || f.Score == now.Score && f.distance() < now.distance() {
		now.Contributions = slices.Clone(s.why)
		e := s.input.Explain()
		now.Trend, now.PerHour = e.Trend, e.PerHour
		now.From, now.To = time.UnixMilli(e.From).UTC(), time.UnixMilli(e.To).UTC()
		*f = now
	}
}

// seen are the values at the newest step: one, or those of several signals.
func (s *subject) seen() (v float64, inputs []Input) {
	if s.input.Inputs == nil {
		return s.input.Values[0], nil
	}
	for i, name := range s.input.Inputs {
		inputs = append(inputs, Input{name, s.input.Values[i]})
	}
	return math.NaN(), inputs
}

// shown are the labels of a subject without those that say which task it belongs to.
func (s *subject) shown() labels.Labels {
	b := labels.NewScratchBuilder(len(s.labels))
	for _, l := range s.labels {
		if l.Name != "detector" && l.Name != "scaler" {
			b.Add(l.Name, l.Value)
		}
	}
	return b.Labels()
}
