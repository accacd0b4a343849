package check

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/check/place"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	syntax "github.com/anomaly-exporter/anomaly-exporter/config/promql"
	"github.com/anomaly-exporter/anomaly-exporter/detector/anomaly"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result/humanize"
)

// expression is what a detector, or a part of a scaler, reads.
type expression struct {
	kind  string
	shape config.Detector // only what a scaler has too
	by    []string        // labels that tell results apart; nil: all
	keys  []string        // key of each expression of the shape
	joins []joined        // expressions that are joined to the series
	lines place.Lines
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
func (e *expression) at(key string) place.Place {
	first, _, _ := strings.Cut(key, ".")
	return e.lines.At(e.kind+"s", e.index, first)
}

func (c *checker) newExpression(kind string, i int, shape config.Detector, keys ...string) expression {
	return expression{kind: kind, shape: shape, keys: keys, lines: c.lines, index: i}
}

// expressions returns all expressions whose series are kept.
func (c *checker) expressions() []expression {
	var all []expression
	for i, d := range c.cfg.Detectors {
		if p, err := anomaly.NewPlan(c.cfg, &d); err == nil {
			d.MinHistory = model.Duration(p.Format.MinHistory) // the model may need more
		}
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

// series returns the newest series of each expression. ok is false if they cannot be known.
func (c *checker) series(ctx context.Context, e expression) (found []promql.Vector, ok bool) {
	for i, expr := range e.shape.Exprs() {
		v, err := c.query(ctx, e, expr.String())
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

// query evaluates an expression now. Where that has no result, it evaluates it at the newest time whose samples are
// complete: a server may get them late. Not the other way round: a young server has nothing at that time.
func (c *checker) query(ctx context.Context, e expression, expr string) (promql.Vector, error) {
	v, err := c.queryAt(ctx, expr, c.Now)
	if complete := c.complete(e); err == nil && len(v) == 0 && complete.Before(c.Now) {
		return c.queryAt(ctx, expr, complete)
	}
	return v, err
}

// complete returns the newest time whose samples are complete.
func (c *checker) complete(e expression) time.Time {
	return c.Now.Add(-time.Duration(e.shape.QueryOffset))
}

// queryAt evaluates an expression at a time.
func (c *checker) queryAt(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
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
func (c *checker) exists(ctx context.Context, e expression, expr string) bool {
	v, err := c.query(ctx, e, expr)
	if err != nil {
		c.unread = err
	}
	return err != nil || len(v) > 0
}

// most returns the largest number of series.
func most(found []promql.Vector) (n int) {
	for _, v := range found {
		n = max(n, len(v))
	}
	return n
}

// checkMetrics warns of expressions without series, and says which of their selectors match nothing. It warns of those
// whose series have no value.
func (c *checker) checkMetrics(ctx context.Context, e expression, found []promql.Vector) {
	for i, expr := range e.shape.Exprs() {
		if sparse := c.checkSparse(ctx, e, e.keys[i], expr); !sparse && len(found[i]) == 0 && !c.mayBeEmpty(ctx, e, expr) {
			c.explainEmpty(ctx, e, e.keys[i], expr, true)
		}
		n := len(found[i])
		switch {
		case n == 0:
		case slices.ContainsFunc(found[i], isHistogram):
			c.warn("metric", e.at(e.keys[i]), fmt.Sprintf("%s: %s: the values are native histograms, which have no score",
				e.title(), e.keys[i]), "select a number of them, such as histogram_avg(rate(...)) or histogram_quantile(0.99, ...)")
		case !slices.ContainsFunc(found[i], isNumber):
			c.warn("metric", e.at(e.keys[i]), fmt.Sprintf("%s: %s: the values of all %d series are NaN now, which counts as "+
				"no value", e.title(), e.keys[i], n), "is 0 divided by 0, as by a ratio or a quantile of nothing?")
		}
	}
}

func isNumber(s promql.Sample) bool { return !math.IsNaN(s.F) }

func isHistogram(s promql.Sample) bool { return s.H != nil }

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
			if !c.exists(ctx, e, labelled) {
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
	c.unread = nil
	for _, s := range selectors(expr.Parsed()) {
		if message, remedy := c.missing(ctx, e, s); message != "" {
			c.warn("metric", e.at(key), fmt.Sprintf("%s: %s: %s", e.title(), key, message), remedy)
			warned = true
		}
	}
	if !warned && whole {
		message := "the expression has no series now, although its metrics have"
		remedy := "look at it in Prometheus: do both sides of each operator have the same labels?"
		call := c.starved(ctx, e, expr.Parsed())
		switch {
		case c.unread != nil:
			message, remedy = fmt.Sprintf("the expression has no series now; why is not known: %v", c.unread), ""
		case call != nil:
			message = fmt.Sprintf("%s has no result now: no series has two samples in that time", call)
			remedy = "has it been scraped only once so far? If not, use a range of at least four scrape intervals"
			if newest, ok := c.paused(ctx, e, call); ok {
				message += fmt.Sprintf(", the newest sample is of %s, %s ago", newest.Format(time.RFC3339),
					humanize.Duration(c.Now.Sub(newest)))
				remedy = "is the target that exposes it down? If not, use a range of at least four scrape intervals"
			}
		}
		c.warn("metric", e.at(key), fmt.Sprintf("%s: %s: %s", e.title(), key, message), remedy)
		warned = true
	}
	return warned
}

// starved returns the call in an expression that has too few samples for any result, as rate has of a metric that was
// scraped once; nil: there is none.
func (c *checker) starved(ctx context.Context, e expression, expr parser.Expr) *parser.Call {
	for _, call := range syntax.CallsOfTwo(expr) {
		if !c.exists(ctx, e, call.String()) && !c.exists(ctx, e, fmt.Sprintf("count_over_time(%s) > 1", call.Args[0])) {
			return call
		}
	}
	return nil
}

// paused returns when what a call reads had its newest sample, if it had several within the last hour.
func (c *checker) paused(ctx context.Context, e expression, call *parser.Call) (newest time.Time, ok bool) {
	for _, s := range selectors(call) {
		v, err := c.query(ctx, e, fmt.Sprintf("max(max_over_time(timestamp(%s)[1h:1m]))", s))
		if err == nil && len(v) > 0 && c.exists(ctx, e, fmt.Sprintf("count_over_time(%s[1h]) > 1", s)) {
			return time.UnixMilli(int64(v[0].F * 1000)).UTC(), true
		}
	}
	return newest, false
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

// noMetric begins what is said of a metric that does not exist.
const noMetric = "there is no metric"

// missing says why a selector matches nothing; "": it does.
func (c *checker) missing(ctx context.Context, e expression, s *parser.VectorSelector) (message, remedy string) {
	if c.exists(ctx, e, s.String()) {
		return "", ""
	}
	metric := syntax.SelectedName(s)
	if metric == "" {
		return fmt.Sprintf("no series matches %s", s), ""
	}
	name := matcher(s, func(m *labels.Matcher) bool { return m.Name == labels.MetricName })
	if !c.exists(ctx, e, name) {
		if since := c.ended(ctx, e, name); since != "" {
			return fmt.Sprintf("metric %s has had no series %s", metric, since),
				"is the target that exposes it down, or the metric renamed or removed?"
		}
		return noMetric + " " + metric, c.alike(ctx, e, metric)
	}
	for _, m := range s.LabelMatchers {
		one := matcher(s, func(other *labels.Matcher) bool { return other.Name == labels.MetricName || other == m })
		if m.Name != labels.MetricName && !c.exists(ctx, e, one) {
			return notNow(fmt.Sprintf("no series of %s has %s", metric, m), c.ended(ctx, e, one)), c.example(ctx, e, name)
		}
	}
	all := strings.TrimPrefix(s.String(), metric)
	return notNow(fmt.Sprintf("no series of %s has all of %s", metric, all), c.ended(ctx, e, s.String())),
		c.example(ctx, e, name)
}

// alike says which metrics somebody may have meant who named one that does not exist: those whose names go on, as that
// of a counter with _total, or that of a histogram with _bucket; or the same without _total.
func (c *checker) alike(ctx context.Context, e expression, metric string) string {
	const most = 3
	pattern := regexp.QuoteMeta(metric) + ".+"
	if base, found := strings.CutSuffix(metric, "_total"); found {
		pattern += "|" + regexp.QuoteMeta(base)
	}
	v, err := c.query(ctx, e, fmt.Sprintf("group by (__name__) ({__name__=~%q})", pattern))
	if err != nil || len(v) == 0 {
		return "is the name right, and the exporter that exposes it scraped?"
	}
	var names []string
	for _, s := range v {
		names = append(names, s.Metric.Get(labels.MetricName))
	}
	slices.Sort(names)
	return "there is " + strings.Join(names[:min(len(names), most)], ", ")
}

// notNow adds to a message since when it has been so; "": for long.
func notNow(message, since string) string {
	if since == "" {
		return message
	}
	return message + " " + since
}

// ended says since when a selector has matched nothing; "": for longer than the history of the expression. It looks
// back part by part, as all would be too much to read at a time, and every five minutes, which is as old as samples may
// be.
func (c *checker) ended(ctx context.Context, e expression, selector string) string {
	const (
		day   = 24 * time.Hour
		parts = 14 // at most, as each is a question
	)
	history := max(time.Duration(e.shape.History), day)
	part := max(day, (history / parts).Truncate(time.Hour))
	for back := time.Duration(0); back < history; back += part {
		expr := fmt.Sprintf("max(max_over_time(timestamp(%s)[%s:5m]))", selector, model.Duration(part))
		v, err := c.queryAt(ctx, expr, c.Now.Add(-back))
		switch {
		case err != nil:
			return "for a while"
		case len(v) > 0:
			at := time.UnixMilli(int64(v[0].F * 1000)).UTC()
			return fmt.Sprintf("since %s, for %s", at.Format(time.RFC3339), humanize.Duration(c.Now.Sub(at)))
		}
	}
	return ""
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
func (c *checker) example(ctx context.Context, e expression, selector string) string {
	v, err := c.query(ctx, e, "topk(1, "+selector+")")
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
			if !maybe || !c.grows(ctx, e, s, sure) {
				continue
			}
			c.warn("counter", e.at(e.keys[i]), fmt.Sprintf("%s: %s: %s looks like a counter, and is used without rate()",
				e.title(), e.keys[i], metric), fmt.Sprintf("write rate(%s[5m])", s))
		}
	}
}

// grows reports whether the values of a selector have only grown recently, as those of counters do. If that cannot be
// known, it returns what the name says.
func (c *checker) grows(ctx context.Context, e expression, s *parser.VectorSelector, byName bool) bool {
	count := func(function string) (float64, bool) {
		v, err := c.query(ctx, e, fmt.Sprintf("count(%s(%s[15m]) > 0)", function, s))
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

// checkHistory warns if the servers have less history than is asked for, first of what is too little to learn from.
func (c *checker) checkHistory(ctx context.Context, ages []age) {
	var short []age
	longest := time.Duration(0)
	for _, a := range ages {
		history := time.Duration(a.shape.History)
		if least := a.shape.MinHistory; time.Duration(least) > history {
			c.warn("history", a.at("history"), fmt.Sprintf("%s: history is %s, and a model at a step of %s needs %s: "+
				"there will never be a score", a.title(), a.shape.History, a.shape.Step, least),
				"use a longer history, or a shorter step")
			continue
		}
		if a.oldest = c.oldest(ctx, a.expression, longest); a.oldest < history-history/10 {
			short = append(short, a)
		}
		longest = max(longest, a.oldest)
	}
	// Where the server keeps more, the series are new.
	short = slices.DeleteFunc(short, func(a age) bool { return a.oldest < longest-longest/10 })
	if len(short) == 0 {
		return
	}
	var learning []age
	for _, a := range short {
		if least := time.Duration(a.shape.MinHistory); a.oldest < least && !c.had(ctx, a.expression, least) {
			learning = append(learning, a)
		}
	}
	if len(learning) > 0 {
		a, others := learning[0], ""
		if n := len(learning) - 1; n > 0 {
			others = " and " + count(n, "other")
		}
		c.warn("history", a.at("min_history"), fmt.Sprintf("%s%s: the oldest values are %s old, too little to learn from: "+
			"scores and forecasts begin after %s (min_history)",
			a.title(), others, c.old(ctx, a.expression), a.shape.MinHistory),
			"wait; if the server is not new, does it keep less (--storage.tsdb.retention.time)?")
		return
	}
	a := short[0]
	c.warn("history", a.at("history"), fmt.Sprintf("%s: history is %s, but the oldest values are %s old",
		a.title(), a.shape.History, c.old(ctx, a.expression)),
		"does the server keep less (--storage.tsdb.retention.time)? Until there is more, models learn from what there is")
}

// old says how old the oldest values of an expression are.
func (c *checker) old(ctx context.Context, e expression) string {
	if exactly := c.oldest(ctx, e, 0); exactly > 0 {
		return "about " + model.Duration(exactly).String()
	}
	return "less than 1h"
}

// had reports whether the first expression had values some time ago.
func (c *checker) had(ctx context.Context, e expression, ago time.Duration) bool {
	v, err := c.queryAt(ctx, "count("+e.shape.Exprs()[0].String()+")", c.complete(e).Add(-ago))
	return err != nil || len(v) > 0
}

// oldest returns how far back the first expression has values, up to its history. If that is no more than what is known
// of another expression, it does not look closer.
func (c *checker) oldest(ctx context.Context, e expression, known time.Duration) time.Duration {
	history := time.Duration(e.shape.History)
	has := func(ago time.Duration) bool { return c.had(ctx, e, ago) }
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
