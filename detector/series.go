package detector

import (
	"hash/fnv"
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/history"
)

const day = 24 * 3600 * 1000 // ms

// The states of a series that has no score, and the reasons that this package gives; the scorer has more.
const (
	stateLearning = "learning"
	stateFailed   = "failed"
	stateMuted    = "muted"
	stateStale    = "stale"

	reasonFitError  = "fit_error"
	reasonMute      = "mute"
	reasonNoData    = "no_data"
	reasonNoCommon  = "no_common_label"
	reasonHistogram = "histogram"
	reasonSeveral   = "several_series"
	reasonMissing   = "missing_input"

	reasonFewSiblings = "few_siblings"

	reasonNoCapacity   = "no_capacity"
	reasonShortHistory = "short_history"
)

// fitted is what is kept of one series between refits: a detection or a scaling.
type fitted interface {
	// fit replaces the model by one fitted on the window, which ends at the step observed last.
	fit(w *history.Window)
	// reset drops what was fitted, for a series whose history is too short.
	reset()
	// observe takes the next step.
	observe(o observation)
}

// observation is what is known of a step.
type observation struct {
	at        int64   // ms
	value     float64 // NaN if there is none
	masked    bool
	dayBefore float64 // the value a day before; NaN if there was none
}

// series is one series of the expression: its history, and the model in service.
type series struct {
	labels labels.Labels
	seed   uint64
	inputs []*history.Series // one for each input of the task
	asides []*history.Series // of what is read beside it
	live   bool              // has a value at the newest step, of any input

	base     Labels // of its results, made when first needed
	horizons []Labels

	model fitted
	at    int64 // step observed last
	young bool  // too short for the first fit

	pool   *pool   // nil: it has no siblings
	member *member // what the pool keeps of it; nil: nothing

	scored   int64 // newest step with a score
	high     int64 // step of the newest cycle that found a high score
	alerting alerting

	histogram bool  // the newest step is a native histogram
	ambiguous bool  // another load of the scaler has the same labels
	broken    error // a panic of the model: this series is left out until it is fitted anew

	mask, mute, lower, upper []sideSeries // what of the side expressions belongs to this series
	conflict                 []sideSeries // where an input had several values, of the slice read last
	unjoined                 bool         // one of them shares no label with it
}

// newSeries returns a series without a model, of so many inputs.
func newSeries(l labels.Labels, layout history.Layout, inputs int) *series {
	s := &series{labels: l, seed: seed(l), inputs: make([]*history.Series, inputs)}
	for i := range s.inputs {
		s.inputs[i] = history.New(layout)
	}
	return s
}

// has says whether any input has a value at a step.
func (s *series) has(at int64) bool {
	return slices.ContainsFunc(s.inputs, func(h *history.Series) bool {
		v, _ := h.Value(at)
		return v == v
	})
}

// first is the time from which the window that ends at end knows all inputs; ok is false if it does not.
func (s *series) first(end int64) (ts int64, ok bool) {
	ts = math.MinInt64
	for _, h := range s.inputs {
		first, ok := h.First(end)
		if !ok {
			return 0, false
		}
		ts = max(ts, first)
	}
	return ts, true
}

// empty says whether nothing is left that a window could show.
func (s *series) empty() bool {
	return !slices.ContainsFunc(s.inputs, func(h *history.Series) bool { return !h.Empty() })
}

// last is the time of the newest value.
func (s *series) last() int64 {
	newest := int64(math.MinInt64)
	for _, h := range s.inputs {
		if ts, ok := h.Last(); ok {
			newest = max(newest, ts)
		}
	}
	return newest
}

// seed is the same for the same labels in every build, so that replicas agree.
func seed(l labels.Labels) uint64 {
	h := fnv.New64a()
	l.Range(func(l labels.Label) {
		h.Write([]byte(l.Name))
		h.Write([]byte{0xff})
		h.Write([]byte(l.Value))
		h.Write([]byte{0xff})
	})
	return h.Sum64()
}

// schedule says when the series of a group are fitted: at absolute times, spread over the series, so that every program that looks at the same
// data fits at the same steps.
type schedule struct {
	step       int64
	refit      int64 // a multiple of the step
	lookBack   int64 // steps that must have been observed before the newest one
	minHistory int64
}

// phase is where a series' slots lie within the refit interval.
func (c schedule) phase(seed uint64) int64 {
	return int64(seed%uint64(c.refit/c.step)) * c.step
}

// slot is the latest refit slot at or before ts.
func (c schedule) slot(seed uint64, ts int64) int64 {
	phase := c.phase(seed)
	return floor(ts-phase, c.refit) + phase
}

// catchUp brings the model of s to step to. It goes on from where it was; a new series, or one that was away for long, begins at the last
// slot before the look-back. Both ways lead to the same model.
func (c schedule) catchUp(s *series, to int64, newModel func() fitted, w *history.Window) {
	if s.model == nil || s.at < to-c.lookBack-c.refit {
		s.model = newModel()
		s.at = c.slot(s.seed, to-c.lookBack)
		c.fit(s, w)
	}
	for s.at < to {
		s.at += c.step
		o := observation{at: s.at}
		o.value, o.masked = s.inputs[0].Value(s.at)
		o.dayBefore, _ = s.inputs[0].At(s.at - day)
		s.model.observe(o)
		if c.slot(s.seed, s.at) == s.at || s.young && c.oldEnough(s) {
			c.fit(s, w)
		}
	}
}

func (c schedule) fit(s *series, w *history.Window) {
	if s.young = !c.oldEnough(s); s.young {
		s.model.reset()
		return
	}
	s.inputs[0].Window(s.at, w)
	s.model.fit(w)
}

func (c schedule) oldEnough(s *series) bool { return c.isOld(s, s.at) }

// isOld says whether the history of a series is long enough at a step.
func (c schedule) isOld(s *series, at int64) bool {
	first, ok := s.first(at)
	return ok && at-first >= c.minHistory
}

// floor is the largest multiple of step at or below ts.
func floor(ts, step int64) int64 { return ts - ((ts%step)+step)%step }
