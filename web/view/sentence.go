package view

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result/humanize"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result/meaning"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
	"github.com/anomaly-exporter/anomaly-exporter/web/view/naming"
)

// Title names a series for people: its detector, and what it is about.
func (s *Series) Title() string { return naming.Title(s.Source, s.Labels) }

// StateText says what the reason of a state means and what to do.
func StateText(s result.State) string {
	if s.State == result.Stale {
		return "Prometheus could not be read for too long; see the log"
	}
	if r, ok := meaning.Of(meaning.Reasons(), s.Reason); ok {
		return r.Means + "; " + r.Do
	}
	return s.Reason
}

// sentence says what is to be said of a series as of now.
func (s *Series) sentence(now time.Time) string {
	value := func(v Number) string { return humanize.Quantity(float64(v), s.Unit) }
	if s.State != "" {
		what := "has no score"
		if s.Kind == "scaler" {
			what = "has no recommendation"
		}
		text := fmt.Sprintf("%s %s (%s): %s", s.Title(), what, s.State, s.Remedy)
		if s.Learning != nil {
			text += ": " + s.Learning.String()
		}
		return text + "."
	}
	if s.Kind == "scaler" {
		if s.series.Request > 0 {
			return fmt.Sprintf("%s should request %s.", s.Title(), value(Number(s.series.Request)))
		}
		return s.scalerSentence(value)
	}
	text := s.Title()
	if len(s.Inputs) == 0 {
		seen, usual := humanize.Beside(float64(s.Value), float64(s.Lower), float64(s.Upper), s.Unit)
		is := "is"
		if s.Stuck() {
			is = "is stuck at"
		}
		text += fmt.Sprintf(" %s %s; usual now is %s.", is, seen, usual)
	} else {
		text += fmt.Sprintf(" has the score %.2f.", float64(s.Score))
	}
	if s.Since != nil {
		age := humanize.Duration(now.Sub(*s.Since).Truncate(time.Minute))
		if s.SinceOrEarlier {
			age += " or longer"
		}
		text += fmt.Sprintf(" Since %s (%s).", humanize.Clock(*s.Since, now), age)
		if r := s.Rarity(); r != "" {
			text += " Normal behaviour looks like this " + r + "."
		}
	}
	text += s.boundSentences(now, value)
	return text
}

// Stuck reports whether the score is that of a value which no longer changes: it may be a usual one.
func (s *Series) Stuck() bool {
	return len(s.Contributions) > 0 && s.Contributions[0].Feature == "stuck"
}

// Rarity says how rare it is in normal behaviour; "": not known. A score may be higher than what its history can prove.
func (s *Series) Rarity() string {
	text, proven := humanize.Rarity(float64(s.ReturnPeriodSeconds)), math.Log10(float64(s.ReturnPeriodSeconds)/300)
	if s.Surprise() > proven+0.1 && strings.HasPrefix(text, "once") {
		return "less than " + text
	}
	return text
}

// boundSentences says when bounds are crossed; of what is anomalous, also that they are not.
func (s *Series) boundSentences(now time.Time, value func(Number) string) (text string) {
	f := s.series.Forecast
	if f == nil || len(f.Points) == 0 {
		return ""
	}
	for _, b := range f.Breaches {
		bound := fmt.Sprintf("%s bound of %s", b.Bound, value(Number(b.Value)))
		if !math.IsNaN(b.Seconds) {
			then := s.Step.Add(time.Duration(b.Seconds * float64(time.Second)))
			in := humanize.Age(then.Sub(now))
			text += fmt.Sprintf(" It is forecast to cross its %s at %s (in %s).", bound, humanize.Clock(then, now), in)
		} else if s.Since != nil {
			ahead := time.Duration(f.Points[len(f.Points)-1].Steps) * s.batch.Format.Step
			text += fmt.Sprintf(" It is not expected to cross its %s within %s.", bound, humanize.Duration(ahead))
		}
	}
	return text
}

// scalerSentence says what is recommended for a load, and why.
func (s *Series) scalerSentence(value func(Number) string) string {
	r, made := s.series.Replicas, s.series.Scaling
	text := fmt.Sprintf("%s needs %d replicas", s.Title(), r.Replicas)
	if made == nil {
		return text + "."
	}
	switch r.Source {
	case replicas.Forecast:
		text += fmt.Sprintf(": a load of up to %s is forecast within %s", value(Number(made.Upper)),
			humanize.Duration(made.Horizon))
	case replicas.Min:
		text += ", which is min_replicas: the load is " + value(s.Value)
	case replicas.Max:
		text += ", which is max_replicas and not enough: the load is " + value(s.Value)
		if made.Upper > float64(s.Value) {
			text += fmt.Sprintf(", and up to %s is forecast", value(Number(made.Upper)))
		}
	case replicas.Stabilization:
		text += fmt.Sprintf(", as before: it waits before it scales down; the load is %s", value(s.Value))
	default:
		text += fmt.Sprintf(": the load is %s, and no more is forecast", value(s.Value))
	}
	text += fmt.Sprintf(", and a replica carries %s.", value(Number(made.Capacity)))
	if !math.IsNaN(made.Running) {
		text += fmt.Sprintf(" Running: %.3g.", made.Running)
	}
	return text
}

// Models says what a series of a detector is compared with (of a scaler ""), and what forecasts it ("": nothing).
func (v *View) Models(s *Series) (scored, forecast string) {
	d := v.detector(s.batch.Source)
	switch {
	case d == nil:
	case d.Multivariate():
		scored = "all inputs together, compared with how they went together before"
	case len(d.PoolBy) > 0:
		scored = "compared with the series that have the same " + strings.Join(d.PoolBy, ", ")
	default:
		scored = "compared with its own past"
	}
	if d != nil {
		scored += fmt.Sprintf("; fitted every %s", d.RefitInterval)
	}
	if s.Model != "" {
		forecast = strings.ReplaceAll(s.Model, "_", " ")
		if d == nil || d.Forecaster.Model == "auto" {
			forecast = "a combination, led by " + forecast
			if r, ok := meaning.Of(meaning.Models(), s.Model); ok {
				forecast += ": " + r.Means
			}
		}
	}
	return scored, forecast
}
