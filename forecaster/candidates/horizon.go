package candidates

import "math"

// A Horizon is how far ahead to forecast, with all that depends on nothing but it.
type Horizon struct {
	Steps    int
	LogSteps float64 // the logarithm of Steps, in which weights and quantiles are interpolated

	fade [3]float64 // what is left of a departure, by fadeHours
}

const (
	fade2h = iota
	fade8h
	fade48h
)

// fadeHours is in how many hours a departure falls to a share of 1/e: those of the prototype. Chosen, not tuned.
var fadeHours = [3]float64{2, 8, 48}

// NewHorizon returns the horizon of so many steps, at least 1; hours is the length of a step.
func NewHorizon(steps int, hours float64) Horizon {
	h := Horizon{Steps: steps, LogSteps: math.Log(float64(steps))}
	for i, x := range fadeHours {
		h.fade[i] = math.Exp(-float64(steps) * hours / x)
	}
	return h
}

// Fade8h returns what is left of a departure that fades within 8 hours.
func (h *Horizon) Fade8h() float64 { return h.fade[fade8h] }

// A Target is the step at a Horizon, seen from a State: what the candidates share.
type Target struct {
	*Horizon
	yesterday, profile, usual float64 // of the day: last, mean, median
	lastWeek, weekProfile     float64
	lift, drift               float64 // level and mean of a day, against those a day ago
	weekLift, weekMean        float64 // level against that a week ago; mean of the day a week ago
}

// PrepareTarget looks up in t what the candidates share at h. It is valid until the next Advance.
func (s *State) PrepareTarget(t *Target, h *Horizon) {
	at := s.grid.Local(s.now + h.Steps)
	slot := s.day.slotAt(at)
	t.Horizon = h
	t.yesterday = orElse(s.day.values[slot], s.dayMean)
	t.profile = orElse(s.day.profile[slot], s.dayMean)
	t.usual = orElse(s.day.medians[slot], s.dayMean)
	t.lift, t.drift = 0, 0
	if v := s.day.level; v == v {
		t.lift, t.drift = s.levels[0]-v, s.dayMean-s.day.mean
	}
	if !s.weekly {
		return
	}
	slot = s.week.slotAt(at)
	t.lastWeek = orElse(s.week.values[slot], s.weekMean)
	t.weekProfile = orElse(s.week.profile[slot], s.weekMean)
	t.weekLift, t.weekMean = 0, s.dayMean
	if v := s.week.level; v == v {
		t.weekLift, t.weekMean = s.levels[0]-v, s.week.mean
	}
}

// orElse returns v, or otherwise if v is NaN.
func orElse(v float32, otherwise float64) float64 {
	if v != v {
		return otherwise
	}
	return float64(v)
}
