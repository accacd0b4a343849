package view

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/web/past"
)

// A Forecast is what is forecast of a series.
type Forecast struct {
	Series
	Points   []Point  `json:"points"`             // by horizon
	Breaches []Breach `json:"breaches,omitempty"` // by bound
}

// A Point is the forecast for a horizon.
type Point struct {
	Horizon string    `json:"horizon"`
	Time    time.Time `json:"time"`
	Median  Number    `json:"median"`
	Lower   Number    `json:"lower"`
	Upper   Number    `json:"upper"`
	Max     Number    `json:"max"` // quantile of the largest value until then
}

// A Breach says when, and how likely, a bound is crossed.
type Breach struct {
	Bound         string     `json:"bound"` // "lower" or "upper"
	Value         Number     `json:"value"`
	At            *time.Time `json:"at,omitempty"`  // by the median forecast; absent: not within the longest horizon
	Probability   []Number   `json:"probability"`   // by horizon
	WithinSeconds Number     `json:"withinSeconds"` // until At; null: not within the longest horizon
	Likely        string     `json:"-"`             // Probability for people
}

// newForecast describes the forecast of a series that has one.
func (v *View) newForecast(b *result.Batch, s *result.Series) Forecast {
	f := Forecast{Series: v.newSeries(b, s)}
	for _, p := range s.Forecast.Points {
		horizon := time.Duration(p.Steps) * b.Format.Step
		f.Points = append(f.Points, Point{
			Horizon: result.Duration(horizon), Time: at(b.Step).Add(horizon),
			Median: Number(p.Median), Lower: Number(p.Lower), Upper: Number(p.Upper), Max: Number(p.Max),
		})
	}
	for _, breach := range s.Forecast.Breaches {
		one := Breach{Bound: breach.Bound, Value: Number(breach.Value), WithinSeconds: Number(breach.Seconds)}
		for i, p := range breach.Probability {
			one.Probability = append(one.Probability, Number(p))
			one.Likely += fmt.Sprintf(", %.0f %% within %s", 100*p, f.Points[i].Horizon)
		}
		one.Likely = strings.TrimPrefix(one.Likely, ", ")
		if !math.IsNaN(breach.Seconds) {
			then := at(b.Step).Add(time.Duration(breach.Seconds * float64(time.Second)))
			one.At = &then
		}
		f.Breaches = append(f.Breaches, one)
	}
	return f
}

// soonest returns how soon one of the bounds of a series is crossed; infinite if none is.
func soonest(s *result.Series) float64 {
	least := math.Inf(1)
	for _, b := range s.Forecast.Breaches {
		if b.Seconds < least {
			least = b.Seconds
		}
	}
	return least
}

// Forecasts returns the series with a forecast that were asked for, those that cross a bound soonest first. With
// breaching, only those that cross one.
func (v *View) Forecasts(s *result.Snapshot, f *Filter, breaching bool) (found []Forecast, total int) {
	type pair struct {
		b *result.Batch
		s *result.Series
	}
	var all []pair
	for _, b := range s.Batches {
		for i := range b.Series {
			one := &b.Series[i]
			if one.Forecast == nil || !f.matches(b.Source, one) || breaching && math.IsInf(soonest(one), 1) {
				continue
			}
			all = append(all, pair{b, one})
		}
	}
	slices.SortStableFunc(all, func(a, b pair) int { return cmp.Compare(soonest(a.s), soonest(b.s)) })
	found = []Forecast{}
	for _, p := range page(f, all) {
		found = append(found, v.newForecast(p.b, p.s))
	}
	return found, len(all)
}

// Forecast describes the forecast of a series; nil if it has none.
func (v *View) Forecast(s *Series) *Forecast {
	if s.series.Forecast == nil {
		return nil
	}
	f := v.newForecast(s.batch, s.series)
	return &f
}

// A Recommendation is what a scaler recommends for a workload or a container. Numbers that are not known are null, and
// so are those about replicas where a request is recommended.
type Recommendation struct {
	Series
	Replicas int    `json:"replicas"`
	Running  Number `json:"running"`  // replicas
	Decided  string `json:"decided"`  // what decided: forecast, current, min, max or stabilization
	Request  Number `json:"request"`  // of cpu or memory
	Capacity Number `json:"capacity"` // load that a replica carries
	Horizon  Number `json:"horizon"`  // seconds of look-ahead
	// Largest is the quantile of the largest load until the horizon that the recommendation went by; null: it went by
	// the load now.
	Largest Number              `json:"largest"`
	History *past.ScalerHistory `json:"history,omitempty"`
}

// Recommendation describes what is recommended for a series of a scaler.
func (v *View) Recommendation(s *Series) Recommendation {
	nan := Number(math.NaN())
	r := Recommendation{
		Series: *s, Replicas: s.series.Replicas.Replicas, Decided: string(s.series.Replicas.Source),
		Running: nan, Request: nan, Capacity: nan, Horizon: nan, Largest: nan,
	}
	if s.batch.Source.Resource != "" {
		r.Request = Number(s.series.Request)
	}
	if made := s.series.Scaling; made != nil {
		r.Running, r.Capacity, r.Largest = Number(made.Running), Number(made.Capacity), Number(made.Upper)
		r.Horizon = Number(made.Horizon.Seconds())
	}
	return r
}

// Recommendations returns what the scalers that were asked for recommend.
func (v *View) Recommendations(s *result.Snapshot, f *Filter) (found []Recommendation, total int) {
	found = []Recommendation{}
	if f.Gone {
		gone, total := v.listGone(s, f, true)
		for i := range gone {
			found = append(found, v.Recommendation(&gone[i]))
		}
		return found, total
	}
	for _, b := range s.Batches {
		if !b.Source.Scaler {
			continue
		}
		for i := range b.Series {
			if !f.matches(b.Source, &b.Series[i]) {
				continue
			}
			if total++; total > f.Offset && len(found) < f.Limit {
				one := v.newSeries(b, &b.Series[i])
				found = append(found, v.Recommendation(&one))
			}
		}
	}
	return found, total
}
