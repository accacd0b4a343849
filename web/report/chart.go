package report

import (
	"context"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/backtest"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/web/past"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

// maxPoints bounds the points of a chart. Chosen: two for each pixel of a narrow window; some 30 KB a chart.
const maxPoints = 720

// A Chart is what happened to one series.
type Chart struct {
	Title    string              `json:"title"`
	Labels   map[string]string   `json:"labels"` // of the results
	Unit     string              `json:"unit,omitempty"`
	Expected string              `json:"expected,omitempty"` // what the middle of the band is; "": what was usual
	History  *Points             `json:"history,omitempty"`
	Scaler   *past.ScalerHistory `json:"scaler,omitempty"` // instead of History
	// Bounds are the last that were known; of a scaler the least and the most replicas.
	Bounds []float64 `json:"bounds,omitempty"`
	// Alerts, those that a bound will be crossed, and Incidents are periods, in seconds since 1970.
	Alerts    [][2]int64 `json:"alerts,omitempty"`
	Breaches  [][2]int64 `json:"breaches,omitempty"`
	Incidents [][2]int64 `json:"incidents,omitempty"`
}

// Points are the steps of a chart.
type Points struct {
	past.History
	Gap int64 `json:"gap"` // seconds; two points that are farther apart are not connected
}

// columns returns the numbers of the points, that are not empty.
func (p *Points) columns() []*[]past.Number {
	all := []*[]past.Number{&p.Value, &p.Expected, &p.Lower, &p.Upper, &p.Score}
	return slices.DeleteFunc(all, func(c *[]past.Number) bool { return len(*c) == 0 })
}

// take returns some of the points, by index, with as many digits as a chart needs.
func (p *Points) take(indexes []int) *Points {
	taken := *p
	taken.Time, taken.Alerts = pick(p.Time, indexes), nil // those of the chart are drawn
	for _, flags := range []*[]bool{&taken.Muted, &taken.Masked} {
		if !slices.Contains(*flags, true) {
			*flags = nil
		} else {
			*flags = pick(*flags, indexes)
		}
	}
	for _, column := range taken.columns() {
		some := pick(*column, indexes)
		for i, v := range some {
			some[i] = rounded(v)
		}
		*column = some
	}
	return &taken
}

func pick[T any](all []T, indexes []int) []T {
	some := make([]T, len(indexes))
	for i, index := range indexes {
		some[i] = all[index]
	}
	return some
}

// rounded returns v with six digits, a hundred times what a pixel shows.
func rounded(v past.Number) past.Number {
	r, err := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', 6, 64), 64)
	if err != nil {
		return v
	}
	return past.Number(r)
}

// thin returns at most maxPoints of the points from one time to another, both included: of as many steps in a row as it
// takes, the one that counts most, or the first of those that count the same.
func (p *Points) thin(from, to time.Time, counts func(i int) float64) *Points {
	first, _ := slices.BinarySearch(p.Time, from.Unix())
	end, found := slices.BinarySearch(p.Time, to.Unix())
	if found {
		end++
	}
	each := max(1, (end-first+maxPoints-1)/maxPoints)
	var indexes []int
	for begin := first; begin < end; begin += each {
		best := begin
		for i := begin + 1; i < min(begin+each, end); i++ {
			if counts(i) > counts(best) || math.IsNaN(counts(best)) {
				best = i
			}
		}
		indexes = append(indexes, best)
	}
	thinned := p.take(indexes)
	if thinned.Gap = p.Gap; each > 1 {
		thinned.Gap *= int64(2 * each)
	}
	return thinned
}

// score is what counts of a step where anomalies are looked for.
func (p *Points) score(i int) float64 { return float64(p.Score[i]) }

// any makes steps count the same.
func (p *Points) any(int) float64 { return 0 }

// A curve is what a replay tells of a series.
type curve struct {
	Points
	labels    result.Labels
	bounds    map[string]float64 // the last known, by "lower" and "upper"
	incidents []backtest.Period
	horizons  []time.Duration
	ahead     []map[int64][3]past.Number // by horizon and time (s): lower, median and upper of what was forecast for then
}

// curves replays some series of a detector or scaler. A series that has no results has an empty curve.
func curves(ctx context.Context, o backtest.Options, of result.Source, inputs []labels.Labels) ([]*curve, error) {
	all := make([]*curve, len(inputs))
	for i := range all {
		all[i] = &curve{}
	}
	err := backtest.Series(ctx, o, of, inputs, func(b *result.Batch) {
		for i, input := range inputs {
			s := slices.IndexFunc(b.Series, func(s result.Series) bool { return labels.Equal(s.Input, input) })
			if s >= 0 {
				all[i].add(b, &b.Series[s])
			}
		}
	})
	return all, err
}

// add adds the results of a step.
func (c *curve) add(b *result.Batch, s *result.Series) {
	c.Add(b, s)
	c.labels, c.Gap = s.Labels, int64(b.Format.Step/time.Second)
	begin := time.UnixMilli(b.Step).UTC()
	if b.Incidents.Cover(s.Input) {
		if n := len(c.incidents); n > 0 && !c.incidents[n-1].End.Before(begin) {
			c.incidents[n-1].End = begin.Add(b.Format.Step)
		} else {
			c.incidents = append(c.incidents, backtest.Period{Start: begin, End: begin.Add(b.Format.Step)})
		}
	}
	if s.Forecast == nil {
		return
	}
	for _, breach := range s.Forecast.Breaches {
		if c.bounds == nil {
			c.bounds = map[string]float64{}
		}
		c.bounds[breach.Bound] = breach.Value
	}
	if c.horizons = b.Format.Horizons; c.ahead == nil {
		c.ahead = make([]map[int64][3]past.Number, len(c.horizons))
	}
	for h, p := range s.Forecast.Points {
		if c.ahead[h] == nil {
			c.ahead[h] = map[int64][3]past.Number{}
		}
		then := begin.Add(c.horizons[h]).Unix()
		c.ahead[h][then] = [3]past.Number{past.Number(p.Lower), past.Number(p.Median), past.Number(p.Upper)}
	}
}

// forecast returns the values with what was forecast for them, a horizon before.
func (c *curve) forecast(h int) *Points {
	p := Points{Gap: c.Gap}
	p.Time, p.Value, p.Muted, p.Masked = c.Time, c.Value, c.Muted, c.Masked
	nan := past.Number(math.NaN())
	for _, t := range c.Time {
		then, ok := c.ahead[h][t]
		if !ok {
			then = [3]past.Number{nan, nan, nan}
		}
		p.Lower, p.Expected, p.Upper = append(p.Lower, then[0]), append(p.Expected, then[1]), append(p.Upper, then[2])
	}
	return &p
}

// expected says what the middle of the band is of what was forecast.
func (c *curve) expected(h int) string {
	return "forecast " + result.Duration(c.horizons[h]) + " before"
}

// newChart returns a chart of a series without its steps.
func newChart(of result.Source, l result.Labels, unit string) Chart {
	s := view.Series{Source: of.ID(), Labels: map[string]string{}}
	for _, l := range l {
		if l.Value != "" {
			s.Labels[l.Name] = l.Value
		}
	}
	return Chart{Title: s.Title(), Labels: s.Labels, Unit: unit}
}

// chart returns a chart of some points of the curve.
func (c *curve) chart(of result.Source, unit string, p *Points) Chart {
	chart := newChart(of, c.labels, unit)
	chart.History, chart.Incidents = p, periods(c.incidents)
	for _, bound := range slices.Sorted(maps.Keys(c.bounds)) {
		chart.Bounds = append(chart.Bounds, c.bounds[bound])
	}
	return chart
}

// periods returns periods in seconds.
func periods(of []backtest.Period) (all [][2]int64) {
	for _, p := range of {
		all = append(all, [2]int64{p.Start.Unix(), p.End.Unix()})
	}
	return all
}
