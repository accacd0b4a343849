// Package marks finds what else happened to a workload, to be marked in the charts of its series: when an expression,
// such as that of firing alerts or of roll-outs, had a value.
package marks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
)

const (
	// queryTimeout bounds a query, and the wait for those before it. Guard: a page must not hang because of a mark.
	queryTimeout = 10 * time.Second
	// maxSteps is at how many steps of a range an expression is evaluated. Guard: charts have a thousand pixels.
	maxSteps = 1000
	// maxMarks bounds what is remembered of an expression. Guard: a flapping alert of a large fleet.
	maxMarks = 10_000
	// maxAnswers is how many answers are remembered. Chosen: some people look at some ranges of a few series.
	maxAnswers = 8
)

// Query evaluates an expression at each step from a time to another.
type Query func(ctx context.Context, expr string, from, to time.Time, step time.Duration) (promql.Matrix, error)

// Range returns a Query of a source; queryable returns nil as long as there is none.
func Range(engine promql.QueryEngine, queryable func() storage.Queryable) Query {
	return func(ctx context.Context, expr string, from, to time.Time, step time.Duration) (promql.Matrix, error) {
		source := queryable()
		if source == nil {
			return nil, errors.New("no configuration has been applied")
		}
		q, err := engine.NewRangeQuery(ctx, source, nil, expr, from, to, step)
		if err != nil {
			return nil, fmt.Errorf("query: %w", err)
		}
		defer q.Close()
		found, err := q.Exec(ctx).Matrix()
		if err != nil {
			return nil, fmt.Errorf("query: %w", err)
		}
		copied := slices.Clone(found) // the query takes its own back
		for i := range copied {
			copied[i].Floats = slices.Clone(copied[i].Floats)
		}
		return copied, nil
	}
}

// A Mark is a period in which a series of an expression had a value.
type Mark struct {
	From, To time.Time // its first and last step
	Lasts    bool      // at the last step that was asked for
	Labels   labels.Labels
	Same     bool // it is about the workload that was asked for, and not about another one nearby
}

// question is what is asked of a source.
type question struct {
	expr     string
	from, to int64 // ms
	step     time.Duration
}

type answer struct {
	question
	marks []Mark // the newest first
}

// Finder finds marks, one query at a time, and remembers the last answers. It is safe for concurrent use.
type Finder struct {
	query Query
	turn  chan struct{}

	mu     sync.Mutex // guards what follows
	memory []answer   // the newest last
}

// New returns a Finder.
func New(query Query) *Finder { return &Finder{query: query, turn: make(chan struct{}, 1)} }

// Find returns the periods in which an expression had a value for what has the labels of a series, at most so many; and
// how many there are. Those of the same workload come first, then the newest.
func (f *Finder) Find(
	ctx context.Context, expr string, from, to time.Time, step time.Duration, of map[string]string, limit int,
) (found []Mark, total int, err error) {
	for to.Sub(from)/step > maxSteps {
		step *= 2
	}
	// Steps stay where they are while time goes on: a mark must not move.
	from, to = from.Truncate(step), to.Truncate(step)
	all, err := f.ask(ctx, question{expr, from.UnixMilli(), to.UnixMilli(), step})
	if err != nil {
		return nil, 0, err
	}
	for _, m := range all {
		related := false
		if related, m.Same = Relation(m.Labels, of); related {
			found = append(found, m)
		}
	}
	slices.SortStableFunc(found, func(a, b Mark) int {
		switch {
		case a.Same == b.Same:
			return 0
		case a.Same:
			return -1
		}
		return 1
	})
	return found[:min(len(found), limit)], len(found), nil
}

func (f *Finder) ask(ctx context.Context, q question) ([]Mark, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if found, ok := f.remembered(q); ok {
		return found, nil
	}
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if found, ok := f.remembered(q); ok { // by who had the turn before
		return found, nil
	}
	matrix, err := f.query(ctx, q.expr, time.UnixMilli(q.from), time.UnixMilli(q.to), q.step)
	if err != nil {
		return nil, err
	}
	found := periods(matrix, &q)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.memory = append(f.memory, answer{q, found})
	f.memory = f.memory[max(0, len(f.memory)-maxAnswers):]
	return found, nil
}

func (f *Finder) remembered(q question) ([]Mark, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.memory {
		if a.question == q {
			return a.marks, true
		}
	}
	return nil, false
}

// periods returns the periods without a gap of each series, the newest first.
func periods(matrix promql.Matrix, q *question) (found []Mark) {
	for _, s := range matrix {
		var last *Mark
		for _, p := range s.Floats {
			at := time.UnixMilli(p.T).UTC()
			if last == nil || at.Sub(last.To) > q.step {
				found = append(found, Mark{From: at, Labels: s.Metric})
				last = &found[len(found)-1]
			}
			last.To, last.Lasts = at, p.T == q.to
		}
	}
	slices.SortStableFunc(found, func(a, b Mark) int {
		return cmp.Or(b.From.Compare(a.From), labels.Compare(a.Labels, b.Labels))
	})
	return found[:min(len(found), maxMarks)]
}

// subjects are the labels that name what a series is about.
var subjects = []string{
	"workload", "deployment", "statefulset", "daemonset", "service", "container", "app", "node", "pod",
}

// reporters are labels that do so, too, or name who reports it, such as kube-state-metrics.
var reporters = []string{"job", "instance"}

// Relation tells whether labels are related to those of a series: they have a value in common, and no other value where
// both have one. same tells whether they are about the same workload, whatever label it is in.
func Relation(l labels.Labels, with map[string]string) (related, same bool) {
	names := subjects
	if !slices.ContainsFunc(subjects, func(name string) bool { return l.Get(name) != "" }) {
		names = slices.Concat(reporters, subjects)
	}
	for name, value := range with {
		switch l.Get(name) {
		case "":
		case value:
			related = true
		default:
			if slices.Contains(names, name) || !slices.Contains(reporters, name) {
				return false, false
			}
		}
	}
	named := false
	for _, name := range names {
		of := l.Get(name)
		if of == "" {
			continue
		}
		named = true
		for _, other := range slices.Concat(reporters, subjects) {
			if value := with[other]; value == of || other == "pod" && strings.HasPrefix(value, of+"-") {
				same = true
			}
		}
	}
	return related, related && (same || !named)
}
