package detector

import "github.com/prometheus/prometheus/model/labels"

// The rule by which alerts are counted is the shipped AnomalyDetectedHighScore.
const (
	highScore  = 0.8
	holdFor    = 5 * 60 * 1000  // ms, its for
	keepFiring = 15 * 60 * 1000 // ms, its keep_firing_for
)

// Alert is one that begins to fire.
type Alert struct {
	Labels Labels // of the score
	At     int64  // when it fires, in milliseconds since the epoch: after a score has been published, and held

	series labels.Labels
}

// alerting is the state of the rule for one series.
type alerting struct {
	since  int64 // step at which the score came to the threshold
	last   int64 // step at which it was there last
	firing bool
}

// over takes a step at which the score is high, and says whether the rule begins to fire. As the score of a step stands until the next is
// published, that takes as many steps as begin within holdFor, the first included.
func (a *alerting) over(at, step int64) bool {
	switch gap := at - a.last; {
	case a.firing && gap <= step+keepFiring:
	case gap != step || a.firing:
		a.since, a.firing = at, false
	}
	a.last = at
	if a.firing || at-a.since+step <= holdFor {
		return false
	}
	a.firing = true
	return true
}
