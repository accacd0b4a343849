package check

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/prometheus/promql"
)

const (
	// rangeEvery and rangeDay say at which times of the last day values are compared with data_range. Chosen: what a day
	// brings, in cheap questions.
	rangeEvery, rangeDay = time.Hour, 24 * time.Hour
	// muchOutside is the share of values outside from which the range cannot be meant. Chosen: incidents are rarer.
	muchOutside = 0.05
	// rounding is by how much of the range values may leave it (layout: data_range in docs/configuration.md).
	rounding = 0.01
)

// checkRange warns of a range that values often leave: they are never learned from, and score 1.
func (c *checker) checkRange(ctx context.Context, e expression) {
	low, high := e.shape.DataRange[0], e.shape.DataRange[1]
	if e.kind != "detector" || e.shape.Multivariate() || math.IsInf(low, -1) && math.IsInf(high, 1) {
		return
	}
	tolerance, day := rounding*(high-low), rangeDay
	if math.IsInf(tolerance, 1) {
		tolerance, day = 0, rangeEvery // a bound that is hardly ever left, such as 0: values of now will do
	}
	tolerance = max(tolerance, e.shape.Scorer.MinDeviation)
	values, outside := 0, 0
	var such *promql.Sample
	for ago := time.Duration(0); ago < day; ago += rangeEvery {
		v, err := c.queryAt(ctx, e.shape.Expr.String(), c.complete(e).Add(-ago))
		if err != nil {
			return
		}
		for i := range v {
			switch {
			case isHistogram(v[i]) || !isNumber(v[i]):
				continue
			case v[i].F < low-tolerance || v[i].F > high+tolerance:
				if outside++; such == nil {
					such = &v[i] // the newest
				}
			}
			values++
		}
	}
	if such != nil && float64(outside) >= muchOutside*float64(values) {
		c.warn("data_range", e.at("data_range"), fmt.Sprintf("%s: data_range: of %d values of the last day, %d are outside "+
			"of [%g, %g], such as %g of %s", e.title(), values, outside, low, high, such.F, such.Metric),
			"values outside are never learned from, and score 1: widen the range, unless all of them were incidents")
	}
}
