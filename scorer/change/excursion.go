package change

const (
	// lastingSteps is for how many steps in a row a series has to be away for its excursion to last, but at least for an
	// hour. Chosen, not tuned: shorter bursts have to be anomalous by themselves, each.
	lastingSteps = 3
	// found is the score from which an excursion is found (layout: the threshold of the shipped alert), and unusual that
	// of its steps that stay so. Chosen: with the highest score instead of found, average precision on the developing
	// series (test/accuracy anomaly) was .261 instead of .267 (nab).
	found, unusual = 0.8, 0.4
)

// An Excursion is the stretch for which a series is away now, to one side. Once it lasts, and was found, it stays found
// as long as values are unusual: what made it so is still the case. So no episode is found more often, but one that is
// found stays so.
type Excursion struct {
	least int // steps for which one lasts
	side  int
	steps int     // see Count
	score float64 // the highest one
}

// NewExcursion returns that of a series that is not away, with so many steps an hour.
func NewExcursion(hour int) Excursion { return Excursion{least: max(hour, lastingSteps)} }

// Next takes a score, and on which side the series was away then, for so many steps: 1 above, -1 below, 0 if it was
// not. It returns the score as one of the excursion.
func (e *Excursion) Next(side, steps int, score float64) float64 {
	if score < unusual {
		side = 0
	}
	if side != 0 && side != e.side {
		*e = Excursion{least: e.least, side: side}
	}
	if e.steps = Count(e.steps, steps, side != 0); e.steps == 0 {
		e.score = 0
	}
	if side == 0 {
		return score
	}
	if e.score = max(e.score, score); e.steps < e.least || e.score < found {
		return score
	}
	return max(score, found)
}
