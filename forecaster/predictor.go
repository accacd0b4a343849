package forecaster

import (
	"math"
	"slices"
)

// A predictor is a fitted model: what it knows up to some step, and its forecasts from there. It works in the unit of
// the window.
type predictor interface {
	// advance takes the value of the next step, which is finite.
	advance(y float64)
	// predict returns what is expected at lead l.
	predict(l *lead) outlook
	// scale says how large errors at lead l, where median is forecast, will be compared with what is usual.
	scale(l *lead, median float64) scale
}

// An outlook is what is expected at a lead.
type outlook struct {
	median float64
	reach  float64 // what the extremes of a window are measured from
	doubt  float64 // added to the distance of the quantile p from the centre, times 2p-1
}

// expected is the outlook of models that know nothing but a value.
func expected(v float64) outlook { return outlook{median: v, reach: v} }

// A lead is a horizon with all that depends on nothing but it.
type lead struct {
	h    int
	log  float64    // log h, in which weights and errors are interpolated
	fade [3]float64 // what is left of a departure that fades within 2, 8, 48 hours
}

const (
	fade2h = iota
	fade8h
	fade48h
)

var fadeHours = [3]float64{2, 8, 48}

func newLead(h int, o *Options) lead {
	l := lead{h: h, log: math.Log(float64(h))}
	for i, x := range fadeHours {
		l.fade[i] = math.Exp(-float64(h) * o.Step.Hours() / x)
	}
	return l
}

// pathSteps is how many leads the path has at most, but for the configured ones.
const pathSteps = 40

// newPath chooses the leads of the path: every step at first, then evenly up to the longest horizon, and all configured
// horizons.
func newPath(o *Options) []forecastAt {
	longest := o.Horizons[len(o.Horizons)-1]
	hs := slices.Clone(o.Horizons)
	dense := min(longest, 16)
	for h := 1; h <= dense; h++ {
		hs = append(hs, h)
	}
	rest := pathSteps - dense
	for i := 1; i <= rest; i++ {
		hs = append(hs, dense+(longest-dense)*i/rest)
	}
	slices.Sort(hs)
	hs = slices.Compact(hs)
	path := make([]forecastAt, len(hs))
	for i, h := range hs {
		path[i].lead = newLead(h, o)
	}
	return path
}

// flat is the scale of models that know none.
type flat struct{}

func (flat) scale(*lead, float64) scale { return scale{} }

// lastValue forecasts that it stays as it is.
type lastValue struct {
	flat
	y float64
}

func (p *lastValue) advance(y float64)     { p.y = y }
func (p *lastValue) predict(*lead) outlook { return expected(p.y) }
