package dataset

import (
	"context"
	"math"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset/query"
)

// probes is how many steps Older asks for. Chosen: what a server gets back are days rather than minutes, and each is an
// instant query.
const probes = 4

// Begin returns the step of the oldest value that is known of any series; ok is false if there is none.
func (d *Dataset) Begin() (begin int64, ok bool) {
	begin = math.MaxInt64
	for _, s := range d.series {
		if first, ok := s.oldest(); ok {
			begin = min(begin, first)
		}
	}
	return begin, begin < math.MaxInt64
}

// Older reports whether the server has values of a series from before all that are known, as after a backfill, or once
// a disk is restored: history is only appended to, so they are not known yet. It looks at a few steps of the part of
// the window that is missing, and does not touch the Dataset. It reports false while the limit of series is reached,
// because series are then kept without their oldest values.
func (d *Dataset) Older(ctx context.Context, e query.Evaluator) (bool, error) {
	step := d.o.Layout.Coarse()
	begin, ok := d.Begin()
	missing := begin - (d.read - d.o.Layout.Length)
	if !ok || missing < probes*step || len(d.series) >= d.o.Limit {
		return false, nil
	}
	for i := range int64(probes) {
		// The newest comes first: what is missing may go back less far than the window.
		at := floor(begin-missing*(2*i+1)/(2*probes), step)
		held, err := d.hasAt(ctx, e, at)
		if held || err != nil {
			return held, err
		}
	}
	return false, nil
}

// hasAt reports whether the server has a value at a step of a series that is known.
func (d *Dataset) hasAt(ctx context.Context, e query.Evaluator, at int64) (bool, error) {
	found, err := owned(e, 0, &d.o).Evaluate(ctx, d.o.Inputs[0].Expr, at, at, d.o.Layout.Step)
	if err != nil {
		return false, err
	}
	defer found.Close()
	for _, s := range found.Matrix {
		l := s.Metric
		if d.o.joined() {
			l = labels.NewBuilder(l).Keep(d.o.By...).Labels()
		}
		if d.byID[ID(l)] == nil {
			continue
		}
		for _, p := range s.Floats {
			if f := float64(float32(p.F)); f == f && !math.IsInf(f, 0) { // the history keeps it
				return true, nil
			}
		}
	}
	return false, nil
}
