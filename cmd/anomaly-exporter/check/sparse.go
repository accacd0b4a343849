package check

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	syntax "github.com/anomaly-exporter/anomaly-exporter/config/promql"
)

// lookback is the default of --query.lookback-delta.
const lookback = 5 * time.Minute

// A reach is how far a selector of an expression looks back, and how many samples it needs there.
type reach struct {
	selector string
	back     time.Duration
	samples  int
}

// reaches returns those of an expression.
func reaches(expr parser.Expr) (all []reach) {
	needsTwo := map[parser.Node]bool{}
	for _, call := range syntax.CallsOfTwo(expr) {
		needsTwo[call.Args[0]] = true
	}
	parser.Inspect(expr, func(n parser.Node, path []parser.Node) error {
		s, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		plain := &parser.VectorSelector{Name: s.Name, LabelMatchers: s.LabelMatchers}
		r := reach{plain.String(), lookback, 1}
		for _, outer := range path { // the last one holds it
			if m, ok := outer.(*parser.MatrixSelector); ok {
				r.back = m.Range
				if needsTwo[m] {
					r.samples = 2
				}
			}
		}
		all = append(all, r)
		return nil
	})
	return all
}

// checkSparse warns of an expression whose series have samples less often than it looks back: between them it has no
// value. It reports whether it warned.
func (c *checker) checkSparse(ctx context.Context, e expression, key string, expr config.Expr) bool {
	for _, r := range reaches(expr.Parsed()) {
		every := c.every(ctx, r)
		if every == 0 {
			continue
		}
		function := "last_over_time"
		if r.samples == 2 {
			function = "rate"
		}
		steps := []time.Duration{6 * time.Minute, 10 * time.Minute, 15 * time.Minute, 20 * time.Minute, 30 * time.Minute}
		step := time.Hour
		if i := slices.IndexFunc(steps, func(s time.Duration) bool { return s >= every }); i >= 0 {
			step = steps[i]
		}
		c.warn("sparse", e.at(key), fmt.Sprintf("%s: %s: %s has a sample only every %s or so, and the expression looks back "+
			"%s: at times it has no value", e.title(), key, r.selector, model.Duration(every), model.Duration(r.back)),
			fmt.Sprintf("write %s(%s[%s]), or the like, and step: %s", function, r.selector,
				model.Duration(time.Duration(2*r.samples)*every), model.Duration(step)))
		return true
	}
	return false
}

// every returns how often a selector has samples, to the minute, if that is too rare for how far it looks back; 0: it
// is not, or that is not known. What has just begun or ended, or what comes and goes, is not rare.
func (c *checker) every(ctx context.Context, r reach) time.Duration {
	const hour = time.Hour
	count := func(span, ago time.Duration) int {
		expr := fmt.Sprintf("max(count_over_time(%s[%s]))", r.selector, model.Duration(span))
		v, err := c.queryAt(ctx, expr, c.Now.Add(-ago))
		if err != nil || len(v) == 0 {
			return 0
		}
		return int(v[0].F)
	}
	// A cheap question first: most have many samples.
	enough := int(hour/r.back) * r.samples
	if r.back >= hour || count(3*r.back, 0) >= 3*r.samples {
		return 0
	}
	shortest := hour
	for _, ago := range []time.Duration{0, hour, 2 * hour} {
		n := count(hour, ago)
		if n == 0 || n >= enough {
			return 0
		}
		shortest = min(shortest, (hour / time.Duration(n)).Round(time.Minute))
	}
	return shortest
}
