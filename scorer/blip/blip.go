// Package blip says how rare it is that a series is far from what was expected for a moment, where steps are so short
// that its history holds only some of these moments: a probe that times out for a minute now and then.
package blip

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/calibration"
)

const (
	// atLeast is how many the history has to show. Guard: one may be a corrupt sample.
	atLeast = 2
	// larger is how many times as large as those of the window a blip is usual. Chosen, not tuned: of so few, the next one
	// may well be the largest.
	larger = 2
)

// Usual are the usual blips of a series. For as long as a series may be in one, and until the end of the slot after it,
// what is scored is no rarer than they are.
type Usual struct {
	stride  int
	count   int     // of the window
	largest float32 // deviation of those
	log     float64 // return period of them, as calibration.Score takes it
	left    int     // for how many steps more it counts

	// Of the window, while it is learned: the large ones in a row, and the largest of them.
	run   int
	peak  float32
	isFar bool
}

// New returns that of a series whose history holds one step in so many.
func New(stride int) Usual { return Usual{stride: stride} }

// Learn takes the deviation d of the next step of the window that begins a slot: whether it is larger than ordinary
// ones, and so far that it may be that of a blip.
func (u *Usual) Learn(d float32, isLarge, isFar bool) {
	if isLarge {
		u.run++
		u.peak, u.isFar = max(u.peak, d, -d), u.isFar || isFar
		return
	}
	if u.run == 1 && u.isFar {
		u.count++
		u.largest = max(u.largest, u.peak)
	}
	u.run, u.peak, u.isFar = 0, 0, false
}

// Fit ends the window. logWindow is its length as calibration.Score takes it. A blip that it shows stands for stride of
// them. As few as the tails take for incidents are not usual.
func (u *Usual) Fit(logWindow float64) {
	if u.stride == 1 || u.count < atLeast || u.count*u.stride <= calibration.CensoredClusters {
		u.count = 0
		return
	}
	u.log = logWindow - math.Log10(float64(u.count*u.stride))
}

// Known tells whether there are usual blips.
func (u *Usual) Known() bool { return u.count > 0 }

// Next takes the deviation d of the next step: whether the series may be in a blip, and whether it is in what lasts.
func (u *Usual) Next(d float32, isBlip, lasts bool) {
	u.left = max(u.left-1, 0)
	switch {
	case lasts || isBlip && max(d, -d) > larger*u.largest:
		u.left = 0
	case isBlip && u.Known():
		u.left = u.stride
	}
}

// Limit returns the logarithm of a return period, as calibration.Score takes it, no longer than that of usual blips
// where there may be one.
func (u *Usual) Limit(log float64) float64 {
	if u.left > 0 {
		return min(log, u.log)
	}
	return log
}
