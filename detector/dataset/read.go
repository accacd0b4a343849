package dataset

import (
	"context"
	"fmt"
	"math"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset/query"
	"github.com/anomaly-exporter/anomaly-exporter/detector/join"
)

// A Request describes the results that are wanted.
type Request struct {
	To        int64 // newest step (ms)
	EveryStep bool  // results are wanted for every step read, not only for To
	// Truth is read along with the slices; nil: there is none. TruthBegun reports whether part of it has been read
	// before; if not, it is read only from the first step for which results are wanted.
	Truth      *Selector
	TruthBegun bool
}

// A Plan is the next slice to read. It is independent of the Dataset.
type Plan struct {
	first, last, step int64
	boundsFrom        int64 // step
	truthFrom         int64 // step
	coarse            bool

	o     Options
	truth *Selector
}

// A Slice holds what was read for a range of steps. The caller must close it after applying it.
type Slice struct {
	First, Last int64 // steps (ms), both included

	// Truth is the result of Request.Truth; nil if it was not read. TruthErr is set if it could not be evaluated.
	Truth    *join.Vector
	TruthErr error
	Warnings []query.Warning

	step        int64
	mask, mute  *join.Vector
	lower       *join.Vector
	upper       *join.Vector
	auxiliaries []*join.Vector // nil where nothing was read
	raw         []rawSeries
	read        query.Size
	open        []query.Result
}

// Close releases the memory of the slice, which may then be reused.
func (s *Slice) Close() {
	for _, e := range s.open {
		e.Close()
	}
	s.open, s.raw = nil, nil
}

// span returns how many ms of the slice have data, from the first value of any series; 0: none.
func (s *Slice) span() int64 {
	first := int64(math.MaxInt64)
	for i := range s.raw {
		for _, points := range s.raw[i].points {
			if len(points) > 0 {
				first = min(first, points[0].T)
			}
		}
	}
	if first == math.MaxInt64 {
		return 0
	}
	return s.Last - first + s.step
}

// Next plans the next slice up to r.To; ok is false if everything has been read. A Dataset that is new or too far
// behind starts where the windows that end at r.To start.
func (d *Dataset) Next(r Request) (p Plan, ok bool) {
	l := d.o.Layout
	if start := floor(r.To-l.Length-l.Overhang, l.Coarse()); d.read < start && !(r.EveryStep && d.read > 0) {
		d.read, d.coarse = start, l.Coarse() != l.Step
		d.chunks = newChunker(d.o.longestLookBack(), d.o.SliceBytes)
	}
	if d.coarse && d.read >= d.coarseEnd(r.To) {
		d.coarse = false
		d.chunks.refine(l.Coarse() / l.Step)
	}
	if d.read >= r.To {
		return p, false
	}
	return d.plan(d.read, r), true
}

// Ahead plans the slice after p, which Next has planned for r, to be read at the same time; ok is false if that is
// better not done. If both have been read, they are applied one after the other. If the second has not, Next plans it
// again.
func (d *Dataset) Ahead(p Plan, r Request) (next Plan, ok bool) {
	if r.EveryStep || !d.chunks.many || p.last >= d.end(r) {
		return next, false
	}
	return d.plan(p.last, r), true
}

// end returns the last step that is read at the present step.
func (d *Dataset) end(r Request) int64 {
	if d.coarse {
		return d.coarseEnd(r.To)
	}
	return r.To
}

// plan plans the slice that begins after from.
func (d *Dataset) plan(from int64, r Request) Plan {
	step := d.o.Layout.Step
	if d.coarse {
		step = d.o.Layout.Coarse()
	}
	p := Plan{
		first: from + step, last: d.chunks.next(from, d.end(r), step), step: step,
		boundsFrom: math.MaxInt64, coarse: d.coarse, o: d.o, truth: r.Truth,
	}
	switch {
	case r.EveryStep:
		p.boundsFrom = from
	case p.last == r.To:
		p.boundsFrom = p.last
	}
	if p.truthFrom = p.first; !r.TruthBegun {
		p.truthFrom = max(p.first, p.boundsFrom)
	}
	return p
}

// coarseEnd returns the last step that is read at the coarse step, for windows that end at a step or up to an overhang
// before it.
func (d *Dataset) coarseEnd(to int64) int64 {
	l := d.o.Layout
	return floor(to-l.Fine()-l.Overhang, l.Coarse())
}

// Retry reports whether to try again, with a shorter slice, after reading a slice failed with err.
func (d *Dataset) Retry(p Plan, err error) bool { return d.chunks.halve(err, p.step) }

// Read reads the slice. It does not touch the Dataset.
func (p Plan) Read(ctx context.Context, e query.Evaluator) (_ *Slice, err error) {
	s := &Slice{First: p.first, Last: p.last, step: p.step, auxiliaries: make([]*join.Vector, len(p.o.Auxiliaries))}
	if p.o.ownsNone() {
		return s, nil
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	vector := func(c *Selector, from int64) *join.Vector {
		if c == nil || c.Expr == "" || from > p.last || err != nil {
			return nil
		}
		var v *join.Vector
		v, err = s.vector(ctx, e, c, from)
		return v
	}
	boundsFrom := max(p.first, p.boundsFrom)
	s.mask, s.mute = vector(p.o.Mask, p.first), vector(p.o.Mute, p.first)
	s.lower, s.upper = vector(p.o.Lower, boundsFrom), vector(p.o.Upper, boundsFrom)
	for i, a := range p.o.Auxiliaries {
		if !p.coarse || a.coarse() {
			s.auxiliaries[i] = vector(&a.Selector, p.first)
		}
	}
	if err != nil {
		return nil, err
	}
	if s.Truth = vector(p.truth, p.truthFrom); err != nil {
		if !query.Unevaluable(ctx, err) {
			return nil, err
		}
		s.TruthErr, err = err, nil
	}
	if err = s.readInputs(ctx, e, p); err != nil {
		return nil, err
	}
	return s, nil
}

// vector evaluates an expression whose series are joined to those of the inputs.
func (s *Slice) vector(ctx context.Context, e query.Evaluator, c *Selector, from int64) (*join.Vector, error) {
	found, err := e.Evaluate(ctx, c.Expr, from, s.Last, s.step)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Key, err)
	}
	defer found.Close()
	s.Warnings = append(s.Warnings, found.Warnings...)
	s.read.Bytes += found.Read.Bytes
	v := join.NewVector(c.On)
	if c.Exact {
		v = join.NewExactVector(c.On)
	}
	for _, series := range found.Matrix {
		v.Add(series)
	}
	return v, nil
}

// readInputs evaluates the inputs.
func (s *Slice) readInputs(ctx context.Context, e query.Evaluator, p Plan) error {
	if p.o.joined() {
		return s.readJoined(ctx, e, p)
	}
	found, err := owned(e, 0, &p.o).Evaluate(ctx, p.o.Inputs[0].Expr, p.first, p.last, p.step)
	if err != nil {
		return err
	}
	s.read.Add(found.Read)
	s.open, s.Warnings = append(s.open, found), append(s.Warnings, found.Warnings...)
	s.raw = make([]rawSeries, len(found.Matrix))
	for i, series := range found.Matrix {
		s.raw[i] = newRawSeries(series)
	}
	return nil
}

// readJoined evaluates several inputs and joins their series: those with the same values of the By labels become one.
func (s *Slice) readJoined(ctx context.Context, e query.Evaluator, p Plan) error {
	joined := map[string]*rawSeries{}
	for i, in := range p.o.Inputs {
		found, err := owned(e, i, &p.o).Evaluate(ctx, in.Expr, p.first, p.last, p.step)
		if err != nil {
			return fmt.Errorf("inputs.%s: %w", in.Name, err)
		}
		s.read.Add(found.Read)
		s.Warnings = append(s.Warnings, found.Warnings...)
		for _, series := range found.Matrix {
			l := labels.NewBuilder(series.Metric).Keep(p.o.By...).Labels()
			key := l.String()
			r := joined[key]
			if r == nil {
				r = newJoinedSeries(l, len(p.o.Inputs))
				joined[key] = r
			}
			r.merge(i, series, p.last)
		}
		found.Close()
	}
	for _, key := range sortedKeys(joined) {
		s.raw = append(s.raw, *joined[key])
	}
	return nil
}
