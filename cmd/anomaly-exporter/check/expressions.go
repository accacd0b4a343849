package check

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	syntax "github.com/anomaly-exporter/anomaly-exporter/config/promql"
)

// expression is what a detector, or a part of a scaler, reads.
type expression struct {
	kind  string
	shape config.Detector // only what a scaler has too
	by    []string        // labels that tell results apart; nil: all
	keys  []string        // key of each expression of the shape
	joins []joined        // expressions that are joined to the series
	lines lines
	index int // in its list
}

// joined is an expression that is joined to the series.
type joined struct {
	key     string
	expr    config.Expr
	on      []string
	exact   bool // joined on all labels that both sides have, job and instance too
	filters bool // usually without a value: only its labels matter
}

// title returns how the expression is called in messages.
func (e *expression) title() string { return fmt.Sprintf("%s %q", e.kind, e.shape.Name) }

// forecasts reports whether the series are forecast. Those of scalers are.
func (e *expression) forecasts() bool {
	return e.kind == "scaler" || len(e.shape.Forecaster.Horizons) > 0
}

// at returns the place of a key, as far as it is known.
func (e *expression) at(key string) place {
	first, _, _ := strings.Cut(key, ".")
	return e.lines.at(e.kind+"s", e.index, first)
}

func (c *checker) newExpression(kind string, i int, shape config.Detector, keys ...string) expression {
	return expression{kind: kind, shape: shape, keys: keys, lines: c.lines, index: i}
}

// expressions returns all expressions whose series are kept.
func (c *checker) expressions() []expression {
	var all []expression
	for i, d := range c.cfg.Detectors {
		e := c.newExpression("detector", i, d, "expr")
		if d.Multivariate() {
			e.keys = nil
			for _, name := range d.InputNames() {
				e.keys = append(e.keys, "inputs."+name)
			}
			e.by = append([]string{}, d.By...)
		}
		bound := func(key string, b *config.Bound) {
			if b != nil && b.Expr != nil {
				e.joins = append(e.joins, joined{key: key, expr: *b.Expr, on: b.On})
			}
		}
		filter := func(key string, s *config.Selector) {
			if s != nil {
				e.joins = append(e.joins, joined{key: key, expr: s.Expr, on: s.On, filters: true})
			}
		}
		bound("bounds.lower", d.Bounds.Lower)
		bound("bounds.upper", d.Bounds.Upper)
		filter("mask", d.Mask)
		filter("mute", d.Mute)
		if w := d.Scorer.Weight; w != nil {
			e.joins = append(e.joins, joined{key: "scorer.weight", expr: w.Expr, on: w.On, exact: true})
		}
		all = append(all, e)
	}
	for i, s := range c.cfg.Scalers {
		// A scaler keeps the series of load and usage in the same way as a detector keeps its series.
		add := func(name, key string, expr config.Expr, by []string) {
			if expr.IsZero() {
				return
			}
			e := c.newExpression("scaler", i, config.Detector{
				Name: name, Expr: expr, Step: s.Step, QueryOffset: s.QueryOffset,
				History: s.History, MinHistory: s.MinHistory, RefitInterval: s.RefitInterval, SeriesLimit: s.SeriesLimit,
			}, key)
			e.by = by
			all = append(all, e)
		}
		add(s.Name, "load", s.Load, s.By)
		if s.Resources != nil {
			add(s.Name+"/cpu", "resources.cpu", s.Resources.CPU, nil)
			add(s.Name+"/memory", "resources.memory", s.Resources.Memory, nil)
		}
	}
	return all
}

// newest returns the newest time whose samples are expected to be there.
func (c *checker) newest(e expression) time.Time {
	return c.Now.Add(-time.Duration(e.shape.QueryOffset))
}

// series returns the newest series of each expression. ok is false if they cannot be known.
func (c *checker) series(ctx context.Context, e expression) (found []promql.Vector, ok bool) {
	for i, expr := range e.shape.Exprs() {
		v, err := c.query(ctx, expr.String(), c.newest(e))
		if err != nil {
			if !c.Offline {
				c.warn("remote_read", e.at(e.keys[i]), fmt.Sprintf("%s: %s: %s", e.title(), e.keys[i], err), "")
			}
			return nil, false
		}
		found = append(found, v)
	}
	return found, true
}

// query evaluates an expression.
func (c *checker) query(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
	if c.Offline {
		return nil, fmt.Errorf("no server was asked")
	}
	q, err := c.Engine.NewInstantQuery(ctx, c.source, nil, expr, at)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	v, err := q.Exec(ctx).Vector()
	if err != nil {
		return nil, brief(ctx, err)
	}
	return slices.Clone(v), nil // the query takes its own back
}

// exists reports whether a query has a result. If that cannot be known, it has.
func (c *checker) exists(ctx context.Context, expr string, at time.Time) bool {
	v, err := c.query(ctx, expr, at)
	return err != nil || len(v) > 0
}

// most returns the largest number of series.
func most(found []promql.Vector) (n int) {
	for _, v := range found {
		n = max(n, len(v))
	}
	return n
}

// checkMetrics warns of expressions without series, and says which of their selectors match nothing.
func (c *checker) checkMetrics(ctx context.Context, e expression, found []promql.Vector) {
	for i, expr := range e.shape.Exprs() {
		if len(found[i]) == 0 && !c.mayBeEmpty(ctx, e, expr) {
			c.explainEmpty(ctx, e, e.keys[i], expr, true)
		}
	}
}

// mayBeEmpty reports whether an expression has no series because nothing has happened yet: with "missing: zero" it says
// so, and its metrics and their labels are there.
func (c *checker) mayBeEmpty(ctx context.Context, e expression, expr config.Expr) bool {
	if e.shape.Missing != "zero" {
		return false
	}
	for _, s := range selectors(expr.Parsed()) {
		has := matcher(s, func(m *labels.Matcher) bool { return m.Name == labels.MetricName })
		for _, m := range s.LabelMatchers {
			labelled := strings.TrimSuffix(has, "}") + fmt.Sprintf(",%q!=\"\"}", m.Name)
			if !c.exists(ctx, labelled, c.newest(e)) {
				return false
			}
		}
	}
	return true
}

// explainEmpty warns of the selectors of an expression that match nothing. If all match something, it warns of the
// expression as a whole if that is asked for, and returns whether there was anything to warn of.
func (c *checker) explainEmpty(ctx context.Context, e expression, key string, expr config.Expr, whole bool) bool {
	warned := false
	for _, s := range selectors(expr.Parsed()) {
		if message, remedy := c.missing(ctx, s, c.newest(e)); message != "" {
			c.warn("metric", e.at(key), fmt.Sprintf("%s: %s: %s", e.title(), key, message), remedy)
			warned = true
		}
	}
	if !warned && whole {
		c.warn("metric", e.at(key), fmt.Sprintf("%s: %s: the expression has no series now, although its metrics have",
			e.title(), key), "look at it in Prometheus: do both sides of each operator have the same labels?")
		warned = true
	}
	return warned
}

// selectors returns the selectors of an expression without offsets, each once.
func selectors(expr parser.Expr) []*parser.VectorSelector {
	var all []*parser.VectorSelector
	seen := map[string]bool{}
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			plain := &parser.VectorSelector{Name: s.Name, LabelMatchers: s.LabelMatchers}
			if text := plain.String(); !seen[text] {
				seen[text] = true
				all = append(all, plain)
			}
		}
		return nil
	})
	return all
}

// missing says why a selector matches nothing; "": it does.
func (c *checker) missing(ctx context.Context, s *parser.VectorSelector, at time.Time) (message, remedy string) {
	if c.exists(ctx, s.String(), at) {
		return "", ""
	}
	metric := syntax.SelectedName(s)
	if metric == "" {
		return fmt.Sprintf("no series matches %s", s), ""
	}
	name := matcher(s, func(m *labels.Matcher) bool { return m.Name == labels.MetricName })
	if !c.exists(ctx, name, at) {
		if c.exists(ctx, fmt.Sprintf("count(last_over_time(%s[1d]))", name), at) {
			return fmt.Sprintf("metric %s has no series now, but had some within the last day", metric),
				"is the target that exposes it down?"
		}
		return fmt.Sprintf("there is no metric %s", metric), "is the name right, and the exporter that exposes it scraped?"
	}
	for _, m := range s.LabelMatchers {
		one := matcher(s, func(other *labels.Matcher) bool { return other.Name == labels.MetricName || other == m })
		if m.Name != labels.MetricName && !c.exists(ctx, one, at) {
			return fmt.Sprintf("no series of %s has %s", metric, m), c.example(ctx, name, at)
		}
	}
	return fmt.Sprintf("no series of %s has all of %s", metric, strings.TrimPrefix(s.String(), metric)),
		c.example(ctx, name, at)
}

// matcher returns the selector with the matchers that are kept.
func matcher(s *parser.VectorSelector, keep func(*labels.Matcher) bool) string {
	var kept []string
	for _, m := range s.LabelMatchers {
		if keep(m) {
			kept = append(kept, m.String())
		}
	}
	return "{" + strings.Join(kept, ",") + "}"
}

// example returns a series that a selector matches.
func (c *checker) example(ctx context.Context, selector string, at time.Time) string {
	v, err := c.query(ctx, "topk(1, "+selector+")", at)
	if err != nil || len(v) == 0 {
		return ""
	}
	return "there is " + v[0].Metric.String()
}

// counterName reports whether a metric may be a counter by its name, and whether nothing else has such names.
func counterName(name string) (maybe, sure bool) {
	ends := func(suffix string) bool { return strings.HasSuffix(name, suffix) }
	sure = ends("_total") || ends("_bucket")
	return sure || ends("_count") || ends("_sum"), sure
}

// checkCounters warns of counters without a rate: their level only tells how long a process has been running.
func (c *checker) checkCounters(ctx context.Context, e expression) {
	for i, expr := range e.shape.Exprs() {
		for _, s := range rawSelectors(expr.Parsed()) {
			metric := syntax.SelectedName(s)
			maybe, sure := counterName(metric)
			if !maybe || !c.grows(ctx, s, c.newest(e), sure) {
				continue
			}
			c.warn("counter", e.at(e.keys[i]), fmt.Sprintf("%s: %s: %s looks like a counter, and is used without rate()",
				e.title(), e.keys[i], metric), fmt.Sprintf("write rate(%s[5m])", s))
		}
	}
}

// grows reports whether the values of a selector have only grown recently, as those of counters do. If that cannot be
// known, it returns what the name says.
func (c *checker) grows(ctx context.Context, s *parser.VectorSelector, at time.Time, byName bool) bool {
	count := func(function string) (float64, bool) {
		v, err := c.query(ctx, fmt.Sprintf("count(%s(%s[15m]) > 0)", function, s), at)
		if err != nil || len(v) == 0 {
			return 0, err == nil
		}
		return v[0].F, true
	}
	changed, ok := count("changes")
	if !ok || changed == 0 {
		return byName
	}
	fell, ok := count("resets")
	return ok && fell <= changed/10 || !ok && byName
}

// hidesLevel reports whether the result of a function does not depend on the level of a counter.
func hidesLevel(function string) bool {
	return slices.Contains([]string{
		"absent", "absent_over_time", "changes", "count_over_time", "delta", "deriv", "histogram_quantile", "idelta",
		"increase", "irate", "present_over_time", "rate", "resets", "timestamp",
	}, function)
}

// rawSelectors returns the selectors of an expression whose values themselves become its result.
func rawSelectors(expr parser.Expr) []*parser.VectorSelector {
	var all []*parser.VectorSelector
	parser.Inspect(expr, func(n parser.Node, path []parser.Node) error {
		s, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		for i, outer := range path {
			inner := parser.Node(s)
			if i+1 < len(path) {
				inner = path[i+1]
			}
			switch outer := outer.(type) {
			case *parser.Call:
				if hidesLevel(outer.Func.Name) {
					return nil
				}
			case *parser.AggregateExpr:
				if outer.Op == parser.COUNT || outer.Op == parser.GROUP {
					return nil
				}
			case *parser.BinaryExpr:
				// Of a set operator, the right side only selects. A difference of a counter to itself is an increase.
				if inner == parser.Node(outer.RHS) && outer.Op.IsSetOperator() && outer.Op != parser.LOR {
					return nil
				}
				if outer.Op == parser.SUB {
					return nil
				}
			}
		}
		all = append(all, &parser.VectorSelector{Name: s.Name, LabelMatchers: s.LabelMatchers})
		return nil
	})
	return all
}

// age is how far back an expression has series.
type age struct {
	expression
	oldest time.Duration
}

// checkHistory warns if the servers keep less history than is asked for.
func (c *checker) checkHistory(ctx context.Context, ages []age) {
	var short []age
	longest := time.Duration(0)
	for _, a := range ages {
		history := time.Duration(a.shape.History)
		if a.oldest = c.oldest(ctx, a.expression, longest); a.oldest < history-history/10 {
			short = append(short, a)
		}
		longest = max(longest, a.oldest)
	}
	for _, a := range short {
		if a.oldest < longest-longest/10 {
			continue // the server keeps more: the series are new
		}
		old := "less than 1h"
		if exactly := c.oldest(ctx, a.expression, 0); exactly > 0 {
			old = "about " + model.Duration(exactly).String()
		}
		c.warn("history", a.at("history"), fmt.Sprintf("%s: history is %s, but the oldest values are %s old",
			a.title(), a.shape.History, old),
			"does the server keep less (--storage.tsdb.retention.time)? Until there is more, models learn from what there is")
		return
	}
}

// oldest returns how far back the first expression has values, up to its history. If that is no more than what is known
// of another expression, it does not look closer.
func (c *checker) oldest(ctx context.Context, e expression, known time.Duration) time.Duration {
	history := time.Duration(e.shape.History)
	expr := e.shape.Exprs()[0].String()
	has := func(ago time.Duration) bool { return c.exists(ctx, "count("+expr+")", c.newest(e).Add(-ago)) }
	if has(history) {
		return history
	}
	if further := known + known/10; further > 0 && (further >= history || !has(further)) {
		return min(known, history)
	}
	low, high := time.Duration(0), history
	for high-low > time.Hour {
		if middle := (low + (high-low)/2).Truncate(time.Minute); has(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return low.Truncate(time.Hour)
}
