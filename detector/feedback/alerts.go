package feedback

import "time"

// The alerting rule whose alerts are counted: AnomalyDetectedHighScore in rules/anomalies.yml.
const (
	HighScore  = 0.8              // threshold
	HoldFor    = 5 * time.Minute  // for
	KeepFiring = 15 * time.Minute // keep_firing_for
)

// An AlertState is the state of the rule for one series. In the zero value, no score has been high yet.
type AlertState struct {
	Since int64 // step (ms) at which the score reached the threshold

	last   int64 // newest step (ms) at or above the threshold
	firing bool
}

// High records a step (ms) with a high score, and reports whether the rule starts to fire. The score of a step stands
// until the next one is published, so this takes as many steps as begin within HoldFor, including the first.
func (a *AlertState) High(at, step int64) bool {
	switch gap := at - a.last; {
	case a.firing && gap <= step+KeepFiring.Milliseconds():
	case gap != step || a.firing:
		a.Since, a.firing = at, false
	}
	a.last = at
	if a.firing || at-a.Since+step <= HoldFor.Milliseconds() {
		return false
	}
	a.firing = true
	return true
}

// Holds reports whether the score is still taken to be high at a step (ms): it is, or has been so recently that the
// rule keeps firing.
func (a *AlertState) Holds(at, step int64) bool {
	if !a.firing {
		return a.last == at
	}
	return at-a.last <= step+KeepFiring.Milliseconds()
}
