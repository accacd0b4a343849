package dataset

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/history"
)

// savedVersion is the version of the format of Save.
const savedVersion = 1

// saved is what Save writes. It contains no models, because they are a function of the histories.
type saved struct {
	Version     int
	Inputs      []Input
	By          []string
	Auxiliaries []string // expressions
	Read        int64
	Coarse      bool
	Series      []savedSeries
}

type savedSeries struct {
	Labels              []labels.Label
	Inputs, Auxiliaries [][]byte // encoded by history.Series.AppendBinary
}

// Save writes the histories. Restore makes a Dataset of them that continues in the same way.
func (d *Dataset) Save(w io.Writer) error {
	out := saved{
		Version: savedVersion, Inputs: d.o.Inputs, By: d.o.By, Auxiliaries: d.o.auxiliaryExprs(),
		Read: d.read, Coarse: d.coarse,
	}
	for _, s := range d.series {
		one := savedSeries{Inputs: make([][]byte, len(s.inputs)), Auxiliaries: make([][]byte, len(s.auxiliaries))}
		s.Labels.Range(func(l labels.Label) { one.Labels = append(one.Labels, l) })
		var errs []error
		for i, h := range s.inputs {
			b, err := h.AppendBinary(nil)
			one.Inputs[i], errs = b, append(errs, err)
		}
		for i, h := range s.auxiliaries {
			b, err := h.AppendBinary(nil)
			one.Auxiliaries[i], errs = b, append(errs, err)
		}
		if err := errors.Join(errs...); err != nil {
			return fmt.Errorf("series %s: %w", s.Labels, err)
		}
		out.Series = append(out.Series, one)
	}
	return gob.NewEncoder(w).Encode(out)
}

// Restore returns a Dataset with the histories that Save has written. It is an error if they were saved with other
// inputs or another layout.
func Restore(o Options, r io.Reader) (*Dataset, error) {
	var in saved
	if err := gob.NewDecoder(r).Decode(&in); err != nil {
		return nil, fmt.Errorf("saved dataset: %w", err)
	}
	switch {
	case in.Version != savedVersion:
		return nil, fmt.Errorf("saved dataset: version %d is not %d", in.Version, savedVersion)
	case !slices.Equal(in.Inputs, o.Inputs), !slices.Equal(in.By, o.By),
		!slices.Equal(in.Auxiliaries, o.auxiliaryExprs()):
		return nil, errors.New("saved dataset: inputs differ")
	}
	d := New(o)
	d.read, d.coarse, d.chunks = in.Read, in.Coarse, newChunker(o.longestLookBack(), o.SliceBytes)
	for _, one := range in.Series {
		l := labels.New(one.Labels...)
		s := newSeries(l, ID(l), &o)
		if len(one.Inputs) != len(s.inputs) || len(one.Auxiliaries) != len(s.auxiliaries) || d.byID[s.ID] != nil {
			return nil, fmt.Errorf("saved dataset: series %s does not match the inputs", l)
		}
		err := errors.Join(restore(s.inputs, one.Inputs), restore(s.auxiliaries, one.Auxiliaries))
		if err != nil {
			return nil, fmt.Errorf("saved dataset: series %s: %w", l, err)
		}
		for _, h := range s.inputs {
			h.SetMarks(s.marks)
		}
		d.byID[s.ID] = s
		d.series = append(d.series, s)
	}
	if !slices.IsSortedFunc(d.series, func(a, b *Series) int { return labels.Compare(a.Labels, b.Labels) }) {
		return nil, errors.New("saved dataset: series are not sorted")
	}
	return d, nil
}

// restore replaces empty histories by saved ones with the same layouts.
func restore(histories []*history.Series, saved [][]byte) (err error) {
	for i, h := range histories {
		if histories[i], err = history.Restore(h.Layout(), saved[i]); err != nil {
			return err
		}
	}
	return nil
}
