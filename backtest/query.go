package backtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
)

// query evaluates expressions over what is known now: the replay itself does not see any of it.
type query struct {
	engine *promql.Engine
	source storage.Queryable
}

// each calls f for every series of an expression over the steps from first to last, in a few slices if they are too many samples for one; the
// points are memory that is reused.
func (q query) each(ctx context.Context, expr string, first, last, step int64, f func(labels.Labels, []promql.FPoint)) error {
	for length := last - first; first <= last; {
		until := min(last, first+floor(length, step))
		err := q.slice(ctx, expr, first, until, step, f)
		var tooMany promql.ErrTooManySamples
		switch {
		case errors.As(err, &tooMany) && until > first:
			length = (until - first) / 2
		case err != nil:
			return fmt.Errorf("query %s: %w", expr, err)
		default:
			first = until + step
		}
	}
	return nil
}

func (q query) slice(ctx context.Context, expr string, first, last, step int64, f func(labels.Labels, []promql.FPoint)) error {
	query, err := q.engine.NewRangeQuery(ctx, q.source, nil, expr, time.UnixMilli(first), time.UnixMilli(last), time.Duration(step)*time.Millisecond)
	if err != nil {
		return err
	}
	defer query.Close()
	matrix, err := query.Exec(ctx).Matrix()
	if err != nil {
		return err
	}
	for _, s := range matrix {
		f(s.Metric, s.Floats)
	}
	return nil
}

// withoutOwnAlerts is the expression as detectors evaluate it, which do not see the alerts that this program raised.
func withoutOwnAlerts(expr config.Expr) string {
	parsed := expr.Parsed()
	parser.Inspect(parsed, func(n parser.Node, _ []parser.Node) error {
		if selector, ok := n.(*parser.VectorSelector); ok && (selects(selector, "ALERTS") || selects(selector, "ALERTS_FOR_STATE")) {
			selector.LabelMatchers = append(selector.LabelMatchers, labels.MustNewMatcher(labels.MatchNotEqual, "source", "predictive_model"))
		}
		return nil
	})
	return parsed.String()
}

// selects says whether a selector can select series of that name.
func selects(s *parser.VectorSelector, name string) bool {
	for _, m := range s.LabelMatchers {
		if m.Name == labels.MetricName && !m.Matches(name) {
			return false
		}
	}
	return true
}

// inputs are the series of a task's expression: the values that the program saw, and those that came after.
type inputs struct {
	query
	task     *task
	expr     string
	lookBack int64 // ms before a step that must be known
	ahead    int64 // ms after it
	known    int64 // steps up to here are
	series   map[string]*input
}

// readAhead is how much of the values is read at a time, in ms.
const readAhead = 24 * 60 * 60 * 1000

// input is one of the series.
type input struct {
	labels labels.Labels
	step   int64
	start  int64 // step of values[0]
	values []float64
}

func newInputs(q query, t *task) *inputs {
	s := &inputs{query: q, task: t, expr: withoutOwnAlerts(t.expr), series: map[string]*input{}}
	if len(t.horizons) > 0 {
		s.lookBack, s.ahead = day, slices.Max(t.horizons)
	}
	s.known = floor(t.start-s.lookBack, t.step) - t.step
	return s
}

// at returns the value at a step, NaN if there is none.
func (in *input) at(ts int64) float64 {
	if in == nil || ts < in.start || ts >= in.start+int64(len(in.values))*in.step {
		return math.NaN()
	}
	return in.values[(ts-in.start)/in.step]
}

// moveTo makes known what lies around a step, and forgets what lies further back.
func (s *inputs) moveTo(ctx context.Context, at int64) error {
	if at+s.ahead <= s.known {
		return nil
	}
	for _, in := range s.series {
		in.forget(at - s.lookBack)
	}
	until := floor(min(at+readAhead, s.task.end)+s.ahead, s.task.step)
	err := s.each(ctx, s.expr, s.known+s.task.step, until, s.task.step, func(l labels.Labels, points []promql.FPoint) {
		key := s.key(l)
		in := s.series[key]
		if in == nil {
			in = &input{labels: l, step: s.task.step}
			s.series[key] = in
		}
		in.append(points)
	})
	s.known = until
	return err
}

func (in *input) append(points []promql.FPoint) {
	for _, p := range points {
		if len(in.values) == 0 {
			in.start = p.T
		}
		for in.start+int64(len(in.values))*in.step < p.T {
			in.values = append(in.values, math.NaN())
		}
		if in.start+int64(len(in.values))*in.step == p.T { // else another series has the same key
			in.values = append(in.values, p.F)
		}
	}
}

func (in *input) forget(before int64) {
	n := int(max(0, before-in.start) / in.step)
	if n >= len(in.values) {
		in.values = nil
		return
	}
	in.start += int64(n) * in.step
	in.values = append(in.values[:0], in.values[n:]...)
}

// key identifies a series by what is also on its results: see keyOfResult.
func (s *inputs) key(l labels.Labels) string {
	var all []string
	if s.task.scaler == nil {
		if name := cmp.Or(l.Get(labels.MetricName), s.task.expr.MetricName()); name != "" {
			all = append(all, "metric_name="+name)
		}
	}
	l.Range(func(l labels.Label) {
		if s.task.scaler == nil || slices.Contains(s.task.by, l.Name) {
			all = s.appendLabel(all, l)
		}
	})
	return join(all)
}

// keyOfResult identifies the series that a result is about. It knows which labels a result has of its own, and that an input label of such a name
// is preceded by exported_.
func (s *inputs) keyOfResult(l detector.Labels) string {
	var all []string
	for _, l := range l {
		switch l.Name {
		case "metric_name":
			all = append(all, "metric_name="+l.Value)
		case "detector", "scaler", "horizon", "probability", "bound", "feature", "state", "reason", "model", "source":
		default:
			all = s.appendLabel(all, l)
		}
	}
	return join(all)
}

func (s *inputs) appendLabel(all []string, l labels.Label) []string {
	if _, added := s.task.added[l.Name]; added || l.Name == labels.MetricName || l.Value == "" {
		return all
	}
	name := l.Name
	for strings.HasPrefix(name, "exported_") {
		name = strings.TrimPrefix(name, "exported_")
	}
	return append(all, name+"="+l.Value)
}

func join(all []string) string {
	slices.Sort(all)
	return strings.Join(all, "\xff")
}
