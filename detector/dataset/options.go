package dataset

import (
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/config/promql"
	"github.com/anomaly-exporter/anomaly-exporter/history"
)

// An Input is an expression whose values are stored with each series.
type Input struct {
	Name     string // empty if there is only one input
	Expr     string
	LookBack time.Duration // how far before a step the expression reads
}

// A Selector is an expression whose series are joined to those of the inputs.
type Selector struct {
	Key   string // in the configuration, for errors
	Expr  string
	On    []string // labels to match on; empty: those that both sides have, except job and instance
	Exact bool     // without On: all that both sides have
}

// An Auxiliary is another expression whose values are stored with each series, for example to learn a capacity from.
type Auxiliary struct {
	Selector
	All    bool                           // all its series belong to every series, without matching
	Length time.Duration                  // of the windows of the values
	Reduce func(values []float64) float64 // reduces the values of several series at a step, in ascending order, to one
}

// coarse reports whether the expression is also needed in the part of the history that is kept at a coarse step.
func (a Auxiliary) coarse() bool { return a.Length > history.FineFor }

// Options say what a Dataset reads and keeps.
type Options struct {
	Inputs                   []Input
	Kept                     []promql.Kept // by input: which labels of what it reads its result has; nil: not known
	By                       []string      // with several inputs: series with the same values of these labels become one
	Mask, Mute, Lower, Upper *Selector
	Auxiliaries              []Auxiliary
	Layout                   history.Layout
	Range                    [2]float64               // values outside it are masked; {0, 0}: none are
	Limit                    int                      // maximum number of series with a value at the same time
	SliceBytes               int64                    // of memory that a slice may take; 0: as much as it needs
	Vacant                   int64                    // ms without a value after which a series makes room for another
	Owns                     func(labels.Labels) bool // reports whether a series belongs to this process; nil: all do
	// Marks returns where a series is masked or not, and overrides the mask, the mute and the range; nil: these decide.
	Marks  func(labels.Labels) []history.Mark
	Logger log.Logger // nil: nothing is logged
}

// learned reports whether a value lies in the range that is learned from.
func (o *Options) learned(v float64) bool {
	return o.Range == [2]float64{} || v >= o.Range[0] && v <= o.Range[1]
}

// joined reports whether there are several inputs, whose series are joined.
func (o *Options) joined() bool { return len(o.Inputs) > 1 }

// longestLookBack returns the longest look-back of the inputs.
func (o *Options) longestLookBack() (d time.Duration) {
	for _, in := range o.Inputs {
		d = max(d, in.LookBack)
	}
	return d
}

func (o *Options) auxiliaryExprs() []string {
	var exprs []string
	for _, a := range o.Auxiliaries {
		exprs = append(exprs, a.Expr)
	}
	return exprs
}
