package calibration

import "math"

// Surprisals are the combined surprisal of a step and those of its statistics, and how far it is beyond what is usual.
type Surprisals struct {
	Combined float32
	Parts    Statistics
	Beyond   Beyond
}

// MaxOverSlot holds the newest step of each phase. The score is that of the most anomalous of them: so one event is one
// crossing, however its minutes flicker.
type MaxOverSlot []Surprisals

// Put takes the step of a phase, and returns the most anomalous one.
func (m MaxOverSlot) Put(phase int, s Surprisals) Surprisals {
	m[phase] = s
	most, farthest := phase, phase
	for i := range m {
		if m[i].Combined > m[most].Combined {
			most = i
		}
		if math.Abs(float64(m[i].Beyond.Distance)) > math.Abs(float64(m[farthest].Beyond.Distance)) {
			farthest = i
		}
	}
	s = m[most]
	s.Beyond = m[farthest].Beyond
	return s
}
